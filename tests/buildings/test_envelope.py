"""The ASHRAE table, against the copy of it in the standards page."""

from __future__ import annotations

import typing

import pytest

from airhandler.buildings.envelope import RECOMMENDED, THERMAL_CLASSES
from airhandler.buildings.settings import ShieldFile

# Class: recommended dry bulb, allowable dry bulb, greatest dew point, greatest relative humidity.
TABLE = {
    "A1": ((18, 27), (15, 32), 17, 0.80),
    "A2": ((18, 27), (10, 35), 21, 0.80),
    "A3": ((18, 27), (5, 40), 24, 0.85),
    "A4": ((18, 27), (5, 45), 24, 0.90),
    "H1": ((18, 22), (5, 25), 17, 0.80),
}


@pytest.mark.parametrize("name", TABLE)
def test_class_is_that_of_the_standard(name: str) -> None:
    row = THERMAL_CLASSES[name]
    recommended, allowable, dew_point_c, rh_frac = TABLE[name]
    assert row.name == name
    assert (row.recommended.low_c, row.recommended.high_c) == recommended
    assert (row.allowable.low_c, row.allowable.high_c) == allowable
    assert (row.allowable_dew_point.low_c, row.allowable_dew_point.high_c) == (-12, dew_point_c)
    assert (row.allowable_min_rh_frac, row.allowable_max_rh_frac) == (0.08, rh_frac)
    assert (row.recommended_dew_point.low_c, row.recommended_dew_point.high_c) == (-9, 15)
    assert row.recommended_max_rh_frac == 0.70


def test_table_has_every_class_that_a_building_file_may_name() -> None:
    named = typing.get_args(ShieldFile.model_fields["inlet_class"].annotation)
    assert set(named) <= THERMAL_CLASSES.keys() == TABLE.keys()


@pytest.mark.parametrize("row", THERMAL_CLASSES.values(), ids=lambda row: row.name)
def test_recommended_lies_inside_allowable(row) -> None:
    assert row.allowable.low_c <= row.recommended.low_c < row.recommended.high_c <= row.allowable.high_c


def test_recommended_of_the_air_cooled_classes_is_one_range() -> None:
    assert all(THERMAL_CLASSES[name].recommended is RECOMMENDED for name in ("A1", "A2", "A3", "A4"))
