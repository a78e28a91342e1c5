"""Limits and locks by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from airhandler.buildings.errors import UserError
from airhandler.safety.operator_limits import OperatorFile, OperatorRange, load_operator_file
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Rejected
from tests.safety.situations import FLOW, TEMP, building, history, proposal, setpoints

WEST_TEMP = "west_supply_air_temp_setpoint_c"


def by_hand(*locks: str, why: str = "", **limits: OperatorRange) -> Shield:
    return Shield(building(), OperatorFile(limits=limits, locks=locks, why=why))


def test_limits_by_hand_are_kept_and_told() -> None:
    shield = by_hand(why="chiller 2 is serviced", **{TEMP: OperatorRange(low=20.0, high=24.0)})
    verdict = shield.judge(history(), setpoints(24.0), proposal(24.8))
    assert (verdict.setpoints[TEMP], verdict.setpoints[WEST_TEMP]) == (24.0, 24.8)
    (reason,) = verdict.reasons
    assert reason.rule == "operator"
    assert reason.words == (
        "east supply air held at 24.0 instead of 24.8 degC: the operator permits 20 to 24 (chiller 2 is serviced)"
    )


def test_limit_by_hand_may_be_the_buildings_own_and_each_way_is_the_operators() -> None:
    point = next(p for p in building().setpoints if p.name == TEMP)
    shield = by_hand(**{TEMP: OperatorRange(low=point.low, high=point.high)})
    assert isinstance(shield.judge(history(), setpoints(24.0), proposal(24.0)), Allowed)
    for limit, asked_c in ((OperatorRange(low=23.5), 22.0), (OperatorRange(high=23.5), 24.0)):
        verdict = by_hand(**{TEMP: limit}).judge(history(), setpoints(24.0), proposal(24.0, **{TEMP: asked_c}))
        assert verdict.setpoints[TEMP] == 23.5
        assert [reason.rule for reason in verdict.reasons] == ["operator"]


def test_lock_is_the_operators_both_ways() -> None:
    for asked_c in (23.0, 24.5):
        verdict = by_hand(TEMP).judge(history(), setpoints(24.0), proposal(24.0, **{TEMP: asked_c}))
        assert verdict.setpoints[TEMP] == 24.0
        assert [reason.rule for reason in verdict.reasons] == ["operator"]


def test_setpoint_outside_its_limits_by_hand_gets_there_by_its_ramp() -> None:
    shield = by_hand(**{TEMP: OperatorRange(high=19.0)})
    assert shield.judge(history(), setpoints(24.0), proposal(24.0)).setpoints[TEMP] == 21.5


def test_lock_holds_a_setpoint_where_it_stands_against_proposal_guard_and_fallback() -> None:
    shield = by_hand(TEMP)
    verdict = shield.judge(history(), setpoints(24.0), proposal(22.0))
    assert (verdict.setpoints[TEMP], verdict.setpoints[WEST_TEMP]) == (24.0, 22.0)
    assert verdict.reasons[0].words.endswith("left at 24: locked by the operator, or the building's own")
    hot = history(east_inlet_temp_c=34.0)
    assert shield.judge(hot, setpoints(24.0), proposal(24.0)).setpoints[TEMP] == 24.0
    rejected = shield.judge([], setpoints(24.0), None)
    assert isinstance(rejected, Rejected)
    assert (rejected.setpoints[TEMP], rejected.setpoints[WEST_TEMP]) == (24.0, 21.5)


def test_what_the_operator_permits_passes_bit_for_bit() -> None:
    shield = by_hand(FLOW, **{TEMP: OperatorRange(low=20.0)})
    asked = proposal(24.0)
    verdict = shield.judge(history(), setpoints(24.0), asked)
    assert isinstance(verdict, Allowed)
    assert verdict.setpoints is asked.setpoints


def written(folder: Path, text: str) -> Path:
    path = folder / "operator.yaml"
    path.write_text(text)
    return path


def test_file_with_templates_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'why: filters\nlimits: {"{zone}_supply_air_temp_setpoint_c": {high: 22}}\n'
        "locks: [west_supply_airflow_setpoint_kg_s]\n",
    )
    shield = Shield(building(), load_operator_file(path, building()))
    verdict = shield.judge(history(), setpoints(21.0, 4.0), proposal(24.0, 3.5))
    assert dict(verdict.setpoints) == {
        TEMP: 22.0,
        FLOW: 3.5,
        WEST_TEMP: 22.0,
        "west_supply_airflow_setpoint_kg_s": 4.0,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"limits: {{{TEMP}: {{high: 40}}}}", f"limits.{TEMP}.high 40: must be 16 to 27"),
        (f"limits: {{{TEMP}: {{low: 10}}}}", f"limits.{TEMP}.low 10: must be 16 to 27"),
        (f"limits: {{{TEMP}: {{low: .nan}}}}", f"limits.{TEMP}.low: must be a finite number"),
        (f"limits: {{{TEMP}: {{low: 24, high: 20}}}}", "low must not be above high"),
        (f"limits: {{{TEMP}: {{}}}}", "give 'low', 'high' or both"),
        ("limits: {boiler_c: {low: 20}}", "limits.boiler_c: the building has no such set-point"),
        ("locks: [boiler_c]", "locks.boiler_c: the building has no such set-point"),
        ("lock: [boiler_c]", "lock: is no field here"),
    ],
)
def test_file_that_is_wrong_is_refused_with_its_path(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UserError) as refused:
        load_operator_file(path, building())
    assert str(path) in str(refused.value)
    assert words in str(refused.value)


def test_setpoint_that_does_not_exist_is_told_with_the_nearest_and_only_where_there_are_some() -> None:
    with pytest.raises(UserError) as unlike:
        by_hand("boiler_c")
    assert str(unlike.value) == "locks.boiler_c: the building has no such set-point"
    with pytest.raises(UserError) as alike:
        by_hand(east_supply_air_temp_c=OperatorRange(low=20.0))
    words = "limits.east_supply_air_temp_c: the building has no such set-point; nearest: "
    assert str(alike.value).startswith(f"{words}{TEMP}, {WEST_TEMP}")
