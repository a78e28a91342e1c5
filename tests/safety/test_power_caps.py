"""Caps on the power of fans and of cooling."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading
from airhandler.safety.operator_limits import OperatorFile, load_operator_file
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import REMARK, Allowed, Verdict
from tests.safety.situations import FLOW, TEMP, building_with, history, proposal, setpoints

FANS, HVAC = "fans_power_w", "hvac_power_w"


def fans(cap_w: float = 4000.0) -> Shield:
    return Shield(building_with(load_step_frac=0.0, fan_power_cap_w=cap_w))


def cooling(cap_w: float = 20_000.0) -> Shield:
    return Shield(building_with(load_step_frac=0.0, cooling_power_cap_w=cap_w))


def judged(shield: Shield, temp_c: float = 24.0, flow_kg_s: float = 3.2, **changed: object) -> Verdict:
    return shield.judge(history(**changed), setpoints(24.0), proposal(temp_c, flow_kg_s))


def said(verdict: Verdict) -> list[str]:
    return [reason.words for reason in verdict.reasons if reason.rule == REMARK]


def test_airflow_stops_where_the_cube_of_it_meets_the_cap() -> None:
    # 3.2 kg/s in each zone draw 2 kW: twice the power is 2 ** (1/3) times the airflow.
    verdict = judged(fans(), flow_kg_s=4.5, fans_power_w=2000.0)
    assert verdict.setpoints[FLOW] == pytest.approx(3.2 * 2 ** (1 / 3))
    assert verdict.reasons[0].rule == "fan-power"
    assert verdict.reasons[0].words == (
        "east supply airflow held at 4.03 instead of 4.50 kg/s: fans draw 2.0 kW, cap 4.0 kW"
    )
    assert isinstance(judged(fans(), flow_kg_s=4.03, fans_power_w=2000.0), Allowed)


def test_above_the_cap_the_airflow_comes_down_as_far_as_the_servers_permit() -> None:
    verdict = judged(fans(1900.0), flow_kg_s=3.2, fans_power_w=2000.0)
    assert verdict.setpoints[FLOW] == pytest.approx(3.2 * 0.95 ** (1 / 3))
    assert not said(verdict)
    verdict = judged(fans(1000.0), flow_kg_s=3.2, fans_power_w=2000.0)
    assert verdict.setpoints[FLOW] == 3.0
    # (3.0 / 3.2) ** 3 of 2 kW
    assert said(verdict) == ["fans will draw about 1.6 kW, cap 1.0 kW: other rules permit no less air"]


def test_a_thousandth_above_the_cap_is_nobodys_concern() -> None:
    # 2 kg/s each: the cubes add up to 16, so that nothing is rounded on the way back to what the meter says.
    still = {
        f"{zone}_{what}": 2.0 for zone in ("east", "west") for what in ("supply_airflow_kg_s", "server_airflow_kg_s")
    }
    for power_w, words in ((1000.0 * 1.001, []), (1002.0, ["fans will draw about 1.0 kW, cap 1.0 kW"])):
        verdict = judged(fans(1000.0), 20.0, 2.0, **still, fans_power_w=power_w)
        assert verdict.setpoints[FLOW] == 2.0
        assert [each.partition(":")[0] for each in said(verdict)] == words


def test_every_zone_gets_the_same_multiple_of_what_its_servers_draw() -> None:
    verdict = judged(fans(), flow_kg_s=4.7, fans_power_w=2500.0, west_server_airflow_kg_s=2.7)
    west = verdict.setpoints["west_supply_airflow_setpoint_kg_s"]
    assert verdict.setpoints[FLOW] / 3.0 == pytest.approx(west / 2.7)
    assert 2500 * (verdict.setpoints[FLOW] ** 3 + west**3) / (2 * 3.2**3) == pytest.approx(4000)


def test_the_air_that_an_inlet_needs_comes_before_the_cap() -> None:
    hot = {"east_zone_temp_c": 45.0, "east_server_airflow_kg_s": 3.0, "east_inlet_temp_c": 30.0, FANS: 2000.0}
    settings = {"min_flow_ratio": 0.6, "load_step_frac": 0.0}
    free, capped = Shield(building_with(**settings)), Shield(building_with(**settings, fan_power_cap_w=500.0))
    without, verdict = (judged(shield, 24.0, 2.0, **hot) for shield in (free, capped))
    assert verdict.setpoints[FLOW] == without.setpoints[FLOW] > 2.0
    assert verdict.setpoints[TEMP] == without.setpoints[TEMP]


def test_a_zone_gets_more_than_its_servers_draw_where_that_takes_the_heat_off_them() -> None:
    # A leak of 20 %: east's 5 kg/s and 20 K, 5.2 K below the limit less the margin with supply at 21.5 degC.
    settings = {"parameters": {"leak_frac": 0.2}, "load_step_frac": 0.0, "fan_power_cap_w": 100.0}
    hot = {"east_zone_temp_c": 44.0, "east_inlet_temp_c": 28.0, FANS: 2000.0}
    moved = {f"{zone}_supply_airflow_kg_s": 5.0 for zone in ("east", "west")}
    verdict = Shield(building_with(**settings)).judge(
        history(**hot, **moved), setpoints(24.0, 5.0), proposal(24.0, 5.0)
    )
    assert verdict.setpoints[FLOW] == pytest.approx(0.2 * 5.0 * 20.0 / 5.2)
    assert verdict.setpoints["west_supply_airflow_setpoint_kg_s"] == 3.5
    assert said(verdict)


@pytest.mark.parametrize("unknown", [None, float("nan"), 1e9, 0.0])
def test_a_fan_meter_that_says_nothing_is_met_by_no_more_air(unknown: float | None) -> None:
    verdict = judged(fans(), flow_kg_s=3.4, fans_power_w=unknown)
    assert verdict.setpoints[FLOW] == 3.2
    assert verdict.reasons[0].words.endswith("what the fans draw is not known, cap 4.0 kW")
    assert judged(fans(), flow_kg_s=3.1, fans_power_w=unknown).setpoints[FLOW] == 3.1


def test_above_the_cap_of_cooling_the_supply_air_gets_no_cooler() -> None:
    verdict = judged(cooling(), 23.0, hvac_power_w=25_000.0, fans_power_w=2000.0)
    assert verdict.setpoints[TEMP] == 24.0
    assert verdict.reasons[0].words == (
        "east supply air held at 24.0 instead of 23.0 degC: "
        "cooling draws 23.0 kW, cap 20.0 kW: no cooler than it stands"
    )
    assert judged(cooling(), 24.2, hvac_power_w=25_000.0, fans_power_w=2000.0).setpoints[TEMP] == 24.2
    assert isinstance(judged(cooling(), 23.0, hvac_power_w=21_000.0, fans_power_w=2000.0), Allowed)


def test_passing_the_cap_of_cooling_is_said_whatever_is_asked() -> None:
    verdict = judged(cooling(), 24.0, hvac_power_w=25_000.0, fans_power_w=2000.0)
    assert isinstance(verdict, Allowed)
    assert said(verdict) == ["cooling draws 23.0 kW, cap 20.0 kW"]


@pytest.mark.parametrize("meter", [FANS, HVAC])
def test_a_cooling_meter_that_says_nothing_is_met_by_no_cooler_air(meter: str) -> None:
    known = {FANS: 2000.0, HVAC: 3000.0}
    assert judged(cooling(), 23.0, **known).setpoints[TEMP] == 23.0
    verdict = judged(cooling(), 23.0, **{**known, meter: None})
    assert verdict.setpoints[TEMP] == 24.0
    assert verdict.reasons[0].words.endswith(
        "instead of 23.0 degC: what cooling draws is not known, cap 20.0 kW: no cooler than it stands"
    )


def aged(age_s: float) -> list[Reading]:
    stood = history(**{FANS: 2000.0, HVAC: 3000.0})
    return [*stood[:-1], Reading(time=stood[-1].time, values=stood[-1].values, age_s={HVAC: age_s})]


def test_a_meter_that_is_too_old_says_nothing() -> None:
    assert cooling().judge(aged(1801.0), setpoints(24.0), proposal(23.0)).setpoints[TEMP] == 24.0
    assert cooling().judge(aged(1800.0), setpoints(24.0), proposal(23.0)).setpoints[TEMP] == 23.0


def test_a_meter_without_an_age_is_fresh_however_short_the_age_may_be() -> None:
    hasty = Shield(building_with(load_step_frac=0.0, cooling_power_cap_w=20_000.0, max_age_s=0.5))
    stood = history(**{FANS: 2000.0, HVAC: 3000.0})
    for age_s, given_c in ((0.4, 23.0), (0.6, 24.0)):
        aged = Reading(time=stood[-1].time, values=stood[-1].values, age_s={FANS: age_s})
        assert hasty.judge([*stood[:-1], aged], setpoints(24.0), proposal(23.0)).setpoints[TEMP] == given_c


def test_a_cap_is_passed_by_more_than_it_only() -> None:
    verdict = judged(cooling(), 23.0, hvac_power_w=22_000.0, fans_power_w=2000.0)
    assert isinstance(verdict, Allowed)
    assert not said(verdict)


def test_power_is_told_in_kilowatts() -> None:
    verdict = judged(cooling(), 24.0, hvac_power_w=150_000.0, fans_power_w=26_600.0)
    assert said(verdict) == ["cooling draws 123.4 kW, cap 20.0 kW"]


@pytest.mark.parametrize("still", ["supply", "server"])
def test_fans_or_servers_that_stand_still_are_met_by_no_more_air(still: str) -> None:
    none = {f"{zone}_{still}_airflow_kg_s": 0.0 for zone in ("east", "west")}
    verdict = judged(fans(1000.0), flow_kg_s=3.4, fans_power_w=2000.0, **none)
    assert verdict.setpoints[FLOW] == 3.2
    assert {r.rule for r in verdict.reasons if r.point == FLOW} == {"fan-power"}
    if still == "supply":
        assert not said(verdict), "nobody knows what so little air will draw"


def test_small_fans_keep_small_caps() -> None:
    # 0.7 kg/s in each zone draw half a watt: for 2.5 kg/s they need (2.5 / 0.7) ** 3 as much.
    small = {f"{zone}_supply_airflow_kg_s": 0.7 for zone in ("east", "west")}
    small |= {f"{zone}_server_airflow_kg_s": 0.5 for zone in ("east", "west")}
    verdict = judged(fans(0.5 * (2.5 / 0.7) ** 3), flow_kg_s=3.0, fans_power_w=0.5, **small)
    assert verdict.setpoints[FLOW] == pytest.approx(2.5)
    verdict = judged(fans(10.0), flow_kg_s=3.0, fans_power_w=0.5, **small)
    assert verdict.setpoints[FLOW] == 2.0, "the least of the building"
    assert said(verdict) == ["fans will draw about 0.0 kW, cap 0.0 kW: other rules permit no less air"]


def test_an_inlet_that_is_too_warm_is_cooled_above_the_cap() -> None:
    hot = {"east_inlet_temp_c": 29.0, HVAC: 25_000.0, FANS: 2000.0}
    without, capped = (judged(shield, 24.0, **hot) for shield in (Shield(building_with(load_step_frac=0.0)), cooling()))
    assert capped.setpoints[TEMP] == without.setpoints[TEMP] < 24.0


def test_the_lower_of_the_buildings_cap_and_the_operators_counts() -> None:
    building = building_with(load_step_frac=0.0, fan_power_cap_w=4000.0)
    shed = OperatorFile(fan_power_cap_w=2500.0, why="the grid asked")
    for operator, words in (
        (shed, "fans draw 2.0 kW, cap 2.5 kW by hand (the grid asked)"),
        (OperatorFile(fan_power_cap_w=5000.0), "fans draw 2.0 kW, cap 4.0 kW"),
    ):
        verdict = judged(Shield(building, operator), flow_kg_s=4.5, fans_power_w=2000.0)
        assert verdict.reasons[0].words.endswith(words)


def test_a_cap_by_hand_is_refused_where_it_means_nothing(tmp_path: Path) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text("cooling_power_cap_w: 1000\n")
    assert load_operator_file(path, building_with()).cooling_power_cap_w == 1000.0
    with pytest.raises(UserError, match="cooling_power_cap_w: the building has no server zones"):
        load_operator_file(path, find_building("office-5zone"))
    path.write_text("fan_power_cap_w: -1\n")
    with pytest.raises(UserError, match=r"operator.yaml: fan_power_cap_w: must be greater than 0"):
        load_operator_file(path, building_with())


powers = st.floats(0, 100_000)


@given(st.floats(1, 8), st.floats(15, 30), powers, powers, st.floats(1, 1e5))
def test_it_settles_at_once(flow_kg_s: float, temp_c: float, fans_w: float, hvac_w: float, cap_w: float) -> None:
    shield = Shield(building_with(fan_power_cap_w=cap_w, cooling_power_cap_w=cap_w))
    metered = {FANS: fans_w, HVAC: hvac_w}
    once = judged(shield, temp_c, flow_kg_s, **metered).setpoints
    assert shield.judge(history(**metered), setpoints(24.0), proposal(24.0, **once)).setpoints == once
