"""Neighbouring zones' supply air, and its distance from the dew point."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import expand, find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import BuildingFile, validate
from airhandler.safety.box import Box, Case, Rule
from airhandler.safety.neighbours import Neighbours
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed
from airhandler.safety.zones import ZonePart, zone_parts
from tests.safety.situations import FLOW, TEMP, building_with, history, proposal, setpoints

WEST_TEMP = "west_supply_air_temp_setpoint_c"
HALL = expand(find_building("data-hall-4").file)
NOTHING = Case({}, {}, (), ())


class Bounds:
    """An earlier rule: an interval for the supply air of each bay."""

    name = "bounds"

    def __init__(self, bounds_c: list[tuple[float, float]]) -> None:
        self._bounds_c = bounds_c

    def narrow(self, box: Box, case: Case) -> None:
        for index, (low, high) in enumerate(self._bounds_c):
            box.at_least(index, low, self)
            box.at_most(index, high, self)

    def why(self, box: Box, case: Case, index: int) -> str:
        return "an earlier rule"


def row_of(bounds_c: list[tuple[float, float]], asked_c: list[float], difference_k: float = 2.0) -> tuple[Box, Rule]:
    """Four bays in a row that asked for this, each inside its own bounds, and the rule that settled them."""
    box = Box(tuple(asked_c[i] if i < 4 else 0.0 for i in range(len(HALL.setpoints))))
    row: tuple[ZonePart, ...] = tuple(zone._replace(temp=i, flow=4 + i) for i, zone in enumerate(zone_parts(HALL)))
    rule: Rule = Neighbours(row, difference_k)
    for each in (Bounds(bounds_c), rule):
        each.narrow(box, NOTHING)
    return box, rule


def settled(bounds_c: list[tuple[float, float]], asked_c: list[float], difference_k: float = 2.0) -> list[float]:
    """What they get."""
    box, _ = row_of(bounds_c, asked_c, difference_k)
    return [box.given(i) for i in range(4)]


def test_neighbours_come_up_to_a_zone_that_is_held_warm() -> None:
    free = (16.0, 27.0)
    assert settled([free, free, free, (20.5, 27.0)], [16.0] * 4) == [16.0, 16.5, 18.5, 20.5]
    assert settled([(20.5, 27.0), free, free, free], [16.0] * 4) == [20.5, 18.5, 16.5, 16.0]


def test_neighbours_come_down_to_a_zone_that_is_held_cool() -> None:
    free, held = (16.0, 27.0), (16.0, 18.0)
    assert settled([free, free, held, free], [27.0, 27.0, 27.0, 27.0]) == [22.0, 20.0, 18.0, 20.0]


def test_zone_that_cannot_come_down_keeps_its_neighbours_up_as_far_as_their_own_bounds_permit() -> None:
    slow, free, held = (24.0, 26.0), (16.0, 27.0), (16.0, 20.0)
    assert settled([slow, free, free, free], [16.0] * 4) == [24.0, 22.0, 20.0, 18.0]
    assert settled([slow, held, free, free], [16.0] * 4) == [24.0, 20.0, 18.0, 16.0]


temps = st.floats(10, 35)
intervals = st.tuples(st.floats(16, 27), st.floats(16, 27)).map(sorted).map(tuple)


@given(st.lists(temps, min_size=4, max_size=4), st.floats(0.1, 5))
def test_row_keeps_the_difference_and_settles_at_once(asked_c: list[float], difference_k: float) -> None:
    bounds = [(16.0, 27.0)] * 4
    once = settled(bounds, asked_c, difference_k)
    assert all(abs(a - b) <= difference_k for a, b in itertools.pairwise(once))
    assert settled(bounds, once, difference_k) == once


@given(st.lists(intervals, min_size=4, max_size=4), st.lists(temps, min_size=4, max_size=4), st.floats(0.1, 5))
def test_bounds_of_earlier_rules_stay(
    bounds: list[tuple[float, float]], asked_c: list[float], difference_k: float
) -> None:
    once = settled(bounds, asked_c, difference_k)
    assert all(low <= value <= high for value, (low, high) in zip(once, bounds, strict=True))
    assert settled(bounds, once, difference_k) == once


@given(st.lists(intervals, min_size=4, max_size=4), st.lists(temps, min_size=4, max_size=4), st.floats(0.1, 5))
def test_rule_answers_for_every_zone_that_it_moved_and_for_no_other(
    bounds: list[tuple[float, float]], asked_c: list[float], difference_k: float
) -> None:
    box, rule = row_of(bounds, asked_c, difference_k)
    for index, (low, high) in enumerate(bounds):
        inside_c = min(max(asked_c[index], low), high)
        decided = box.decided_by(index)
        if box.given(index) != inside_c:
            assert decided is rule
        elif inside_c != asked_c[index]:
            assert decided is not None
        else:
            assert decided is None


def test_zone_that_is_kept_up_or_down_by_the_one_before_or_after_says_so() -> None:
    free = (16.0, 27.0)
    for low_c, high_c, asked_c in ((24.0, 27.0, 16.0), (16.0, 18.0, 27.0)):
        for held in (0, 3):
            bounds = [free] * 4
            bounds[held] = (low_c, high_c)
            box, rule = row_of(bounds, [asked_c] * 4)
            moved = [i for i in range(4) if i != held and box.given(i) != asked_c]
            assert moved
            assert {box.decided_by(i) for i in moved} == {rule}


def test_operator_reads_both_neighbours_of_a_zone_between_two() -> None:
    box, rule = row_of([(16.0, 27.0)] * 4, [20.0, 26.0, 25.0, 24.0])
    names = [zone.name for zone in zone_parts(HALL)]
    assert [box.given(i) for i in range(4)] == [20.0, 22.0, 24.0, 24.0]
    words = "at most 2 K between neighbours ({} 20.0 degC, {} 24.0 degC)"
    assert rule.why(box, NOTHING, 1) == words.format(names[0], names[2])
    assert rule.why(box, NOTHING, 3) == f"at most 2 K between neighbours ({names[2]} 24.0 degC)"


def test_neighbours_meet_half_way_and_the_operator_reads_it() -> None:
    shield = Shield(building_with(neighbour_difference_k=2.0, load_step_frac=0.0))
    verdict = shield.judge(history(), setpoints(24.0), proposal(22.0, **{WEST_TEMP: 25.0}))
    assert (verdict.setpoints[TEMP], verdict.setpoints[WEST_TEMP]) == pytest.approx((22.5, 24.5), abs=1e-5)
    assert [reason.words for reason in verdict.reasons] == [
        "east supply air held at 22.5 instead of 22.0 degC: at most 2 K between neighbours (west 24.5 degC)",
        "west supply air held at 24.5 instead of 25.0 degC: at most 2 K between neighbours (east 22.5 degC)",
    ]
    alike = proposal(24.0)
    assert isinstance(shield.judge(history(), setpoints(24.0), alike), Allowed)


def test_supply_air_stays_above_the_dew_point() -> None:
    shield = Shield(building_with(dew_point_margin_k=2.0))
    moist = history(east_inlet_dew_point_c=20.5)
    verdict = shield.judge(moist, setpoints(24.0), proposal(22.0))
    assert (verdict.setpoints[TEMP], verdict.setpoints[WEST_TEMP]) == (22.5, 22.0)
    assert verdict.reasons[0].words == (
        "east supply air held at 22.5 instead of 22.0 degC: east dew point 20.5 degC, 2 K above it is the least"
    )


def test_where_the_dew_point_forbids_cooler_air_the_inlet_guard_asks_for_more() -> None:
    hot = {"east_zone_temp_c": 40.0, "east_inlet_dew_point_c": 23.9, "it_load_frac": 1.0}
    plain = building_with(min_flow_ratio=0.5)
    dry = building_with(min_flow_ratio=0.5, dew_point_margin_k=2.0)
    without, guarded = (
        Shield(b).judge(history(**hot), setpoints(24.0), proposal(24.0, 2.0)).setpoints for b in (plain, dry)
    )
    assert without[TEMP] < guarded[TEMP] == 25.9
    assert without[FLOW] < guarded[FLOW]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("dew_point_margin_k", 1.0),
        ("neighbour_difference_k", 1.0),
        ("inlet_humidity", "allowable"),
        ("fan_power_cap_w", 1000.0),
        ("cooling_power_cap_w", 1000.0),
        ("inlet_changes", [{"max_k": 5.0, "within_s": 900.0}]),
    ],
)
def test_settings_of_server_zones_are_refused_in_an_office(setting: str, value: object) -> None:
    raw = find_building("office-5zone").file.model_dump()
    raw["shield"][setting] = value
    with pytest.raises(UserError, match=f"shield.{setting} belongs to a building with zone_roles"):
        validate(raw, BuildingFile, where="office")
