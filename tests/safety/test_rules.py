"""Each rule alone, and the words that an operator reads."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.safety import prediction
from airhandler.safety.box import Box, Case, Rule, around
from airhandler.safety.inlet_guard import InletGuard
from airhandler.safety.min_airflow import MinAirflow
from airhandler.safety.operator_limits import OperatorFile
from airhandler.safety.rules import Fallback, Limits, Ramp, hard_rules, soft_rules
from airhandler.safety.zones import zone_parts
from tests.offices import SMALL
from tests.safety.situations import FLOW, SHIELD, TEMP, building, building_with, healthy, names

EAST_TEMP, EAST_FLOW, WEST_TEMP, WEST_FLOW = range(4)
BASE = (24.0, 3.2, 24.0, 3.2)


def case(base: tuple[float, ...] = BASE, previous: dict[str, float] | None = None, **changed: float) -> Case:
    """Healthy values with some changed."""
    return Case({**healthy(), **changed}, previous or {}, base, base)


def judged(rule: Rule, asked: tuple[float, ...], situation: Case, *, after: tuple[Rule, ...] = ()) -> Box:
    """A box that this rule has narrowed, after others."""
    box = Box(asked)
    for each in (*after, rule):
        each.narrow(box, situation)
    return box


def guard(of: Building | None = None) -> InletGuard:
    of = of or building()
    return InletGuard(zone_parts(of), of)


def test_zone_parts_find_the_setpoints_of_each_zone() -> None:
    east, west = zone_parts(building())
    assert (east.name, names()[east.temp], names()[east.flow]) == ("east", TEMP, FLOW)
    assert (west.name, west.temp, west.flow) == ("west", WEST_TEMP, WEST_FLOW)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(1e-9, 1e6)), min_size=50, max_size=70))
def test_ramps_of_many_set_points_are_those_of_each(of: list[tuple[float, float]]) -> None:
    base, steps = (tuple(side) for side in zip(*of, strict=True))
    box = judged(Ramp(steps), base, Case({}, {}, base, base))
    assert list(zip(box.low, box.high, strict=True)) == [around(value, step) for value, step in of]


def test_rows_of_the_guard_are_tangents_of_the_warmest_supply_over_the_airflow() -> None:
    rule, at, situation = guard(), (27.0, 3.2, 22.0, 3.2), case()

    def warmest_c(flow_kg_s: float) -> float:
        return judged(rule, (27.0, flow_kg_s, 22.0, 3.2), situation, after=(Limits(building()),)).high[EAST_TEMP]

    (row,) = rule.rows(Box(at), situation, at)  # west is cool enough
    (temp, coefficient), (flow, slope) = row.terms
    assert (row.rule, temp, coefficient, flow) == (rule, EAST_TEMP, 1.0, EAST_FLOW)
    assert row.bound - slope * 3.2 == pytest.approx(warmest_c(3.2))
    assert -slope == pytest.approx((warmest_c(3.21) - warmest_c(3.2)) / 0.01, rel=0.02)
    assert all(row.bound - slope * other >= warmest_c(other) - 1e-6 for other in (2.1, 2.6, 3.0, 3.5, 4.2, 6.4))
    assert warmest_c(3.2) < 26.5
    assert rule.rows(Box(at), situation, (warmest_c(3.2) - 1e-9, 3.2, 22.0, 3.2)) == []


def test_rules_are_those_that_the_building_file_sets_in_their_order() -> None:
    assert [rule.name for rule in hard_rules(building())] == ["limits", "ramp"]
    assert [rule.name for rule in soft_rules(building())] == ["min-airflow", "inlet-guard"]
    paces = {"ramp_per_hour": 4.0, "dwell_s": 1800.0}
    rules = {name: rule.model_copy(update=paces) for name, rule in SHIELD.setpoints.items()}
    full = building_with(setpoints=rules, dew_point_margin_k=2.0, neighbour_difference_k=2.0)
    hard = ["limits", "ramp", "ramp-per-hour", "dwell", "operator"]
    assert [rule.name for rule in hard_rules(full, OperatorFile())] == hard
    assert [rule.name for rule in soft_rules(full)] == ["min-airflow", "dew-point", "inlet-guard", "neighbours"]
    assert [rule.name for rule in hard_rules(SMALL)] == ["limits", "ramp", "deadband"]
    assert soft_rules(SMALL) == ()


def test_limits_hold_each_setpoint_in_its_range() -> None:
    box = judged(Limits(building()), (10.0, 1.0, 90.0, 90.0), case())
    ranges = [(p.low, p.high) for p in building().setpoints]
    assert box.all_given() == (ranges[0][0], ranges[1][0], ranges[2][1], ranges[3][1])
    assert Limits(building()).why(box, case(), EAST_FLOW) == "permitted 2 to 6.5"


def test_limits_clip_where_a_setpoint_stands() -> None:
    limits = Limits(building())
    assert [limits.clipped(EAST_FLOW, value) for value in (-math.inf, 3.0, math.inf)] == [2.0, 3.0, 6.5]


def test_ramp_permits_its_step_both_ways_and_no_more() -> None:
    ramp = Ramp((2.5, 1.5, 2.5, 1.5))
    stands = case((24.0, 3.25, 24.0, 3.25))
    assert judged(ramp, (26.5, 1.75, 21.5, 4.75), stands).all_given() == (26.5, 1.75, 21.5, 4.75)
    box = judged(ramp, (26.6, 1.7, 21.4, 4.8), stands)
    assert box.all_given() == (26.5, 1.75, 21.5, 4.75)
    assert ramp.why(box, stands, EAST_TEMP) == "at most 2.5 a step, from 24"


@given(st.floats(-100, 100), st.floats(1e-3, 10), st.floats(allow_nan=False))
def test_ramp_holds_exactly_in_floating_point(base: float, step: float, asked: float) -> None:
    left = judged(Ramp((step,)), (asked,), Case({}, {}, (base,), (base,))).given(0)
    assert abs(left - base) <= step


def test_fallback_is_a_rule_in_name_only() -> None:
    box = judged(Fallback(), BASE, case())
    assert (box.low, box.high) == ([-math.inf] * 4, [math.inf] * 4)
    assert Fallback().name == "fallback"
    assert Fallback().why(box, case(), EAST_TEMP) == "nothing nearer is safe, so the known fallback"


def test_min_airflow_follows_what_the_servers_draw() -> None:
    rule = MinAirflow(zone_parts(building()), 1.0)
    situation = case(east_server_airflow_kg_s=3.4)
    box = judged(rule, (24.0, 3.3, 24.0, 3.0), situation)
    assert box.all_given() == (24.0, 3.4, 24.0, 3.0)
    assert rule.why(box, situation, EAST_FLOW) == "east servers draw 3.40 kg/s"


def test_min_airflow_takes_its_ratio_from_the_building_file() -> None:
    rule, _ = soft_rules(building_with(min_flow_ratio=1.1))
    box = judged(rule, (24.0, 2.0, 24.0, 2.0), case())
    assert box.given(EAST_FLOW) == pytest.approx(3.3)
    assert rule.why(box, case(), WEST_FLOW) == "west servers draw 3.00 kg/s, 1.1 times that is the least"


def test_inlet_guard_lets_a_good_rule_pass_bit_for_bit() -> None:
    asked = (25.5, 1.05 * 3.0, 25.5, 1.05 * 3.0)
    assert judged(guard(), asked, case()).all_given() == asked


def test_inlet_guard_holds_supply_air_where_the_inlet_meets_limit_less_margin() -> None:
    # Full load: no step is left. Rise 10 K at 3.2 kg/s, R = 0.05: 26.7 - 0.5 = 26.2 by the balance.
    situation = case(it_load_frac=1.0)
    rule = guard()
    box = judged(rule, (27.0, 3.2, 26.1, 3.2), situation)
    assert box.all_given() == (pytest.approx(26.2), 3.2, 26.1, 3.2)
    assert rule.why(box, situation, EAST_TEMP) == "east inlet predicted 27.5 ± 0.3 degC, limit 27"


def test_inlet_guard_leaves_room_for_a_load_step_up_to_limit_plus_margin() -> None:
    # At half load. Servers 3 * (0.5216 + 0.4 * 0.75) / (0.5216 + 0.4 * 0.5) = 3.4157, R = 1 - 2.85 / 3.4157 = 0.1656;
    # rise 32 * (0.34 + 0.65 * 0.75) / (0.34 + 0.65 * 0.5) / 3 = 13.27 K: 27.3 - 2.198 = 25.10
    rule = guard()
    box = judged(rule, (26.0, 3.0, 25.0, 3.0), case())
    assert box.all_given() == (pytest.approx(25.102, abs=1e-3), 3.0, 25.0, 3.0)
    words = "east inlet predicted 28.2 degC after a load step of 25%, limit 27 plus 0.3 K"
    assert rule.why(box, case(), EAST_TEMP) == words


def test_inlet_guard_looks_at_the_airflow_that_earlier_rules_left() -> None:
    floor = MinAirflow(zone_parts(building()), 1.0)
    alone = judged(guard(), (26.5, 2.0, 26.5, 2.0), case())
    after = judged(guard(), (26.5, 2.0, 26.5, 2.0), case(), after=(floor,))
    at_floor = judged(guard(), (26.5, 3.0, 26.5, 3.0), case())
    assert after.given(EAST_TEMP) == at_floor.given(EAST_TEMP) > alone.given(EAST_TEMP)


def test_inlet_guard_counts_supply_air_that_is_warmer_than_commanded() -> None:
    as_commanded = judged(guard(), (27.0, 3.2, 27.0, 3.2), case(it_load_frac=1.0))
    warmer = judged(guard(), (27.0, 3.2, 27.0, 3.2), case((23.0, 3.2, 24.0, 3.2), it_load_frac=1.0))
    assert warmer.given(EAST_TEMP) == pytest.approx(as_commanded.given(EAST_TEMP) - 1.0)
    assert warmer.given(WEST_TEMP) == as_commanded.given(WEST_TEMP)


def test_inlet_guard_counts_what_the_balance_misses_beyond_the_margin() -> None:
    # The balance: 0.95 * 24 + 0.05 * 34 = 24.5. An inlet of 26 is 1.5 K more, 0.3 K of it is the margin's.
    as_balanced = judged(guard(), (27.0, 3.2, 27.0, 3.2), case(it_load_frac=1.0))
    situation = case(it_load_frac=1.0, east_inlet_temp_c=26.0, west_inlet_temp_c=24.79)
    rule = guard()
    leaking = judged(rule, (27.0, 3.2, 27.0, 3.2), situation)
    assert leaking.given(EAST_TEMP) == pytest.approx(as_balanced.given(EAST_TEMP) - 1.2)
    assert leaking.given(WEST_TEMP) == as_balanced.given(WEST_TEMP)
    assert rule.why(leaking, situation, EAST_TEMP).startswith("east inlet predicted 28.7 ± 0.3 degC")


def test_inlet_guard_does_not_take_a_late_inlet_sensor_for_a_leak() -> None:
    before = {**healthy(), "east_supply_air_temp_c": 25.5}
    situation = case(previous=before, it_load_frac=1.0, east_inlet_temp_c=26.0)
    box = judged(guard(), (27.0, 3.2, 27.0, 3.2), situation)
    assert box.given(EAST_TEMP) == pytest.approx(26.2)


def test_inlet_guard_asks_for_air_only_where_the_coolest_supply_is_not_enough() -> None:
    ratio = building_with(min_flow_ratio=0.5)
    hard = (Limits(ratio), Ramp((2.5, 1.5, 2.5, 1.5)))
    # East stands at 26.5: the ramp ends at 24, where 2 kg/s leave R = 0.37 of hot air. West draws 2 kg/s.
    base = (26.5, 2.2, 26.5, 2.2)
    warm = case(base, it_load_frac=1.0, east_zone_temp_c=40.0, west_server_airflow_kg_s=2.0)
    rule = guard(ratio)
    box = judged(rule, (24.0, 2.0, 24.0, 2.0), warm, after=hard)
    air = prediction.measured_air(
        zone_temp_c=40.0,
        supply_temp_c=24.0,
        supply_flow_kg_s=3.2,
        server_flow_kg_s=3.0,
        commanded_temp_c=26.5,
        missed_k=0.0,
    )
    needed = prediction.least_flow_kg_s(air, 0.05, 24.0, 26.7)
    assert 2.0 < needed < 3.0
    assert box.given(EAST_FLOW) == needed
    assert box.decided_by(EAST_FLOW) is rule
    assert box.given(EAST_TEMP) == 24.0
    assert box.given(WEST_FLOW) == 2.0
    words = rule.why(box, warm, EAST_FLOW)
    assert words == "east inlet predicted 33.4 ± 0.3 degC even with supply air at 24.0 degC, limit 27"


def test_inlet_guard_limit_is_that_of_the_standard() -> None:
    rule = guard(building_with(inlet_margin_k=1.0))
    box = judged(rule, (27.0, 3.2, 27.0, 3.2), case(it_load_frac=1.0))
    assert box.given(EAST_TEMP) == pytest.approx(27.0 - 1.0 - 0.5)


@pytest.mark.parametrize("parameters", [{}, {"leak_frac": -0.1}, {"leak_frac": 1.0}])
def test_inlet_guard_refuses_a_building_without_a_leak_it_can_use(parameters: dict[str, float]) -> None:
    with pytest.raises(UserError, match="leak_frac"):
        guard(building_with(parameters))


def test_inlet_guard_accepts_a_hall_without_a_leak() -> None:
    box = judged(guard(building_with({"leak_frac": 0.0})), (27.0, 3.2, 27.0, 3.2), case(it_load_frac=1.0))
    assert box.given(EAST_TEMP) == pytest.approx(26.7 - 0.2)  # the inlet is 0.5 K above the balance, 0.3 forgiven
