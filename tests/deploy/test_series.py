"""What a Tick says as numbers: base units, absence, authority."""

from __future__ import annotations

import math

import pytest

from airhandler.buildings.catalog import building_ids, expand, find_building, with_world
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Role
from airhandler.buildings.site import WriteFailed
from airhandler.buildings.world import World
from airhandler.deploy.series import (
    applied,
    inlet_limits_c,
    numbers,
    proposed,
    rule_names,
    series_of,
)
from airhandler.safety.verdict import Adjusted, Proposal, Reason
from tests.deploy.scenes import FLOW, INLET, START, SUPPLY, building, setpoints, tick, values


def _base(name: str, value: object) -> float | None:
    found = {s.point: number for s, number in numbers(series_of(building()), {name: value})}
    return found.get(name)


@pytest.mark.parametrize("name", building_ids())
def test_every_point_of_every_building_has_a_series(name: str) -> None:
    made = find_building(name)
    assert [s.point for s in series_of(made)] == [p.name for p in made.points]


def test_every_zone_part_has_its_zone_and_part() -> None:
    of_point = {s.point: s for s in series_of(building())}
    assert (of_point[INLET].zone, of_point[INLET].part) == ("east", "inlet_temp")
    assert (of_point["total_power_w"].zone, of_point["total_power_w"].part) == ("", "total")
    assert (of_point["it_load_frac"].zone, of_point["it_load_frac"].part) == ("", "it_load")


def test_unknown_unit_is_a_users_mistake() -> None:
    file = building().file
    first = file.points[0].model_copy(update={"unit": "furlong"})
    with pytest.raises(UserError, match=f"{first.name}: unit 'furlong' has no metric; known: degC"):
        series_of(expand(file.model_copy(update={"points": (first, *file.points[1:])})))


@pytest.mark.parametrize(
    ("name", "value", "base"), [(INLET, 22.5, 22.5), (FLOW, 4.5, 4500.0), ("total_power_w", 7, 7.0)]
)
def test_values_are_in_base_units(name: str, value: float, base: float) -> None:
    assert _base(name, value) == base


def test_signals_of_a_world_are_in_base_units() -> None:
    world = World.model_validate_json(
        """{"tariff_usd_per_kwh": {"kind": "flat", "value": 0.1}, "carbon_kg_per_kwh": {"kind": "synthetic"},
        "forecasts": [{"of": "wind_speed_m_s", "leads_h": [1], "model": "persistence"},
         {"of": "global_radiation_w_per_m2", "leads_h": [1], "model": "yesterday"}]}"""
    )
    units = {s.point: (s.unit, s.factor) for s in series_of(with_world(building(), world))}
    assert units["tariff_usd_per_kwh"] == ("usd_per_joule", pytest.approx(1 / 3.6e6))
    assert units["carbon_kg_per_kwh"] == ("grams_per_joule", pytest.approx(1000 / 3.6e6))
    assert units["wind_speed_in_1h_m_s"] == ("meters_per_second", 1.0)
    assert units["global_radiation_in_1h_w_per_m2"] == ("watts_per_square_meter", 1.0)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, "22", True, [1.0]])
def test_what_is_no_number_gives_nothing(value: object) -> None:
    assert _base(INLET, value) is None


def test_zero_is_a_value() -> None:
    assert _base(INLET, 0.0) == 0.0


def test_applied_are_the_verdicts_setpoints_of_a_confirmed_write() -> None:
    given = setpoints(19.0)
    verdict = Adjusted(setpoints=given, reasons=(Reason(rule="ramp", words="too far"),))
    assert applied(tick(verdict=verdict), "live") == given.by_name


def test_nothing_is_applied_without_authority_or_confirmation() -> None:
    assert applied(tick(stage="shadow"), "shadow") == {}
    assert applied(tick(), "fallback") == {}
    assert applied(tick(outcome=WriteFailed(reason="refused")), "live") == {}


@pytest.mark.parametrize("wanted", [None, "hostile", object()])
def test_proposal_that_is_none_proposes_nothing(wanted: object) -> None:
    proposal = Proposal(setpoints=wanted, time=START, controller="hostile")  # type: ignore[arg-type]
    assert proposed(tick(proposal=proposal)) == {}
    assert proposed(tick(proposal=None)) == {}


def test_rules_are_named_once_each() -> None:
    names = rule_names(building())
    assert len(set(names)) == len(names)
    assert {"limits", "ramp", "sensors", "proposal"} < set(names)


def test_limits_are_those_of_the_buildings_class() -> None:
    assert inlet_limits_c(building()) == {
        "recommended_low": 18.0,
        "recommended_high": 27.0,
        "allowable_low": 15.0,
        "allowable_high": 32.0,
    }


def test_scene_has_a_value_for_every_measured_point() -> None:
    measured = {p.name for p in building().points if p.role is not Role.SETPOINT}
    assert values().keys() == measured
    assert SUPPLY not in measured
