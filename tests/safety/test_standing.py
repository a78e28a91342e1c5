"""Where set-points stand: commanded, else measured, else the fallback, and always inside their limits."""

from __future__ import annotations

from typing import Any

import pytest

from airhandler.buildings.points import Reading, Setpoints
from airhandler.safety.rules import hard_rules
from airhandler.safety.sensors import SensorCheck
from airhandler.safety.standing import Standing
from tests.safety.situations import FLOW, SHIELD, START, TEMP, Explosive, building_with, history, setpoints


def standing(**paces: float | None) -> Standing:
    """Of the two-zone building, with a pace for the set-point of east's supply air."""
    rules = dict(SHIELD.setpoints)
    if paces:
        rules[TEMP] = next(iter(rules.values())).model_copy(update=paces)
    building = building_with(setpoints=rules)
    return Standing(building, hard_rules(building), SensorCheck(building))


def test_what_is_commanded_counts() -> None:
    assert standing().now(history(), setpoints(24.0, 3.3)) == (24.0, 3.3, 24.0, 3.3)
    assert standing().now(history(), setpoints(24, True)) == (24.0, 3.2, 24.0, 3.2)  # no number: as measured


def test_else_what_is_measured_inside_the_limits() -> None:
    beyond = {"east_supply_air_temp_c": 12.0, "west_supply_air_temp_c": 31.0, "east_supply_airflow_kg_s": 0.5}
    assert standing().now(history(), None) == (24.0, 3.2, 24.0, 3.2)
    assert standing().now(history(**beyond), None) == (16.0, 2.0, 27.0, 3.2)
    assert standing().now(history(**beyond, west_supply_airflow_kg_s=None), None) == (16.0, 2.0, 27.0, 4.5)


@pytest.mark.parametrize("in_force", [7, "text", [], Setpoints(Explosive()), Setpoints({}), Setpoints(None)])  # type: ignore[arg-type]
def test_what_is_no_set_points_is_as_if_nothing_were_commanded(in_force: Any) -> None:
    assert standing().now(history(), in_force) == (24.0, 3.2, 24.0, 3.2)
    for nothing in ([], None, [7], [Reading(time=START, values=Explosive())]):
        assert standing().now(nothing, in_force) == (18.0, 4.5, 18.0, 4.5)


def test_one_bad_value_leaves_the_others() -> None:
    told = setpoints(25.0, 3.0, **{TEMP: float("nan"), FLOW: 99.0})
    assert standing().now(history(), told) == (24.0, 6.5, 25.0, 3.0)


def test_the_past_is_kept_where_a_pace_is_limited_and_as_far_back_as_it_looks() -> None:
    steps = [setpoints(20.0 + step) for step in range(7)]
    assert standing().past(steps) == ()
    assert standing(ramp_per_hour=4.0).past(steps) == tuple({0: 20.0 + step} for step in (3, 4, 5, 6))
    assert standing(dwell_s=1800.0).past(steps) == ({0: 25.0}, {0: 26.0})
    assert standing(dwell_s=1800.0).past(steps[:1]) == ({0: 20.0},)


def test_of_a_past_step_what_is_no_number_is_left_out_and_the_rest_inside_the_limits() -> None:
    steps = [setpoints(**{TEMP: value}) for value in (None, 99.0, -5.0)] + [7, Setpoints({}), setpoints(22.0)]
    found = standing(dwell_s=6 * 900.0).past(steps)  # type: ignore[arg-type]
    assert found == ({}, {0: 27.0}, {0: 16.0}, {}, {}, {0: 22.0})
