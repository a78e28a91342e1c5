"""Units at the edge, against numbers that can be looked up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.deploy.connectors import units
from airhandler.deploy.connectors.units import OF_BACNET, SAME, agrees, convert

CASES = [
    (unit, building)
    for building, known in units._TABLE.items()
    for unit in [building, *known, *(units._AIRFLOWS if building == "kg/s" else ())]
]


@pytest.mark.parametrize(
    ("value", "unit", "building", "wanted"),
    [
        (32.0, "degF", "degC", 0.0),
        (212.0, "degF", "degC", 100.0),
        (-40.0, "degF", "degC", -40.0),
        (293.15, "K", "degC", 20.0),
        (9.0, "degF", "K", 5.0),
        (120.5, "kW", "W", 120_500.0),
        (1.0, "ton", "W", 3516.852842),  # NIST SP 811, appendix B
        (1000.0, "Btu/h", "W", 293.0710702),
        (1.0, "hp", "W", 745.699872),
        (50.0, "%", "1", 0.5),
        (0.5, "1", "%", 50.0),
        (1000.0, "cfm", "m3/s", 0.4719474432),
        (1000.0, "L/s", "m3/s", 1.0),
        (3600.0, "m3/h", "m3/s", 1.0),
        (1.0, "gpm", "m3/s", 6.309019640e-5),
        (60.0, "kg/min", "kg/s", 1.0),
        (1.0, "lb/min", "kg/s", 0.00755987283),
        (1000.0, "L/s", "kg/s", 1.204),
        (1.0, "inH2O", "Pa", 249.08891),
        (1.0, "psi", "Pa", 6894.757293),
        (10.0, "W/ft2", "W/m2", 107.6391042),
    ],
)
def test_value_is_what_the_tables_say(value: float, unit: str, building: str, wanted: float) -> None:
    assert convert(unit, building).to_building(value) == pytest.approx(wanted, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize(("unit", "building"), CASES)
@given(value=st.floats(min_value=-1e6, max_value=1e6))
def test_there_and_back_is_the_same(unit: str, building: str, value: float) -> None:
    how = convert(unit, building)
    assert how.to_building(how.to_device(value)) == pytest.approx(value, rel=1e-9, abs=1e-6)


@given(value=st.floats(allow_nan=False))
def test_same_unit_changes_no_bit(value: float) -> None:
    assert (SAME.to_building(value), SAME.to_device(value)) == (value, value)


def test_density_of_air_is_what_the_site_says() -> None:
    assert convert("m3/s", "kg/s", 1.1).to_building(2.0) == pytest.approx(2.2)


def test_water_is_no_air() -> None:
    with pytest.raises(ValueError, match=r"unit 'gpm' cannot be converted to kg/s; known: kg/s, kg/min"):
        convert("gpm", "kg/s")


def test_unit_that_nobody_knows_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"unit .furlong. cannot be converted to people; known: people$"):
        convert("furlong", "people")


def test_what_an_object_says_of_its_unit_is_compared() -> None:
    assert agrees(62, "degC")
    assert not agrees(64, "degC")
    assert agrees(95, "people")
    assert not agrees(9999, "degC")


def test_every_unit_of_bacnet_that_we_name_is_one_that_the_library_calls_so() -> None:
    """A wrong number would convert a temperature as a power."""
    from bacpypes3.basetypes import EngineeringUnits

    words = {
        "degC": "degrees-celsius", "degF": "degrees-fahrenheit", "W": "watts", "kW": "kilowatts", "MW": "megawatts",
        "Btu/h": "btus-per-hour", "ton": "tons-refrigeration", "hp": "horsepower", "W/m2": "watts-per-square-meter",
        "W/ft2": "watts-per-square-foot", "ppm": "parts-per-million", "kg/s": "kilograms-per-second",
        "kg/min": "kilograms-per-minute", "kg/h": "kilograms-per-hour", "g/s": "grams-per-second",
        "lb/min": "pounds-mass-per-minute", "m3/s": "cubic-meters-per-second", "m3/min": "cubic-meters-per-minute",
        "m3/h": "cubic-meters-per-hour", "L/s": "liters-per-second", "L/min": "liters-per-minute",
        "cfm": "cubic-feet-per-minute", "gpm": "us-gallons-per-minute", "Pa": "pascals", "kPa": "kilopascals",
        "hPa": "hectopascals", "bar": "bars", "inH2O": "inches-of-water", "psi": "pounds-force-per-square-inch",
        "1": "no-units",
    }  # fmt: skip
    several = {"K": {"degrees-kelvin", "delta-degrees-kelvin"}, "%": {"percent", "percent-relative-humidity"}}
    several["degF"] = {"degrees-fahrenheit", "delta-degrees-fahrenheit"}
    for number, unit in OF_BACNET.items():
        assert str(EngineeringUnits(number)) in several.get(unit, {words.get(unit, "")}), unit


def test_names_and_numbers_of_objects_are_the_librarys() -> None:
    from bacpypes3.basetypes import PropertyIdentifier
    from bacpypes3.primitivedata import ObjectType

    from airhandler.deploy.connectors import objects

    assert {str(ObjectType(number)): number for number in objects.NUMBERS.values()} == objects.NUMBERS
    for name in ("PRESENT_VALUE", "STATUS_FLAGS", "PRIORITY_ARRAY", "RELINQUISH_DEFAULT", "OBJECT_LIST", "LOCAL_DATE"):
        words = getattr(objects, name)
        assert str(PropertyIdentifier(words)) == words
