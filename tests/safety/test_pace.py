"""Pace: how far within an hour, and how soon back."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.settings import SetpointRule, validate
from airhandler.safety.operator_limits import OperatorFile, OperatorRange
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Rejected, Verdict
from tests.safety.situations import SHIELD, TEMP, building_with, history, proposal, setpoints

NAME = "{zone}_supply_air_temp_setpoint_c"


def paced(**settings: float) -> Building:
    """The two-zone building whose supply air has these settings too; four control steps an hour, 2.5 K a step."""
    return building_with(
        setpoints={**SHIELD.setpoints, NAME: SHIELD.setpoints[NAME].model_copy(update=settings)},
        min_flow_ratio=0.1,
        load_step_frac=0.0,
    )


def judged(shield: Shield, asked_c: float, *past_c: float) -> Verdict:
    """What a proposal gets where the supply air stood so, the newest last and now in force."""
    past = [setpoints(temp_c) for temp_c in past_c]
    return shield.judge(history(), past[-1], proposal(asked_c), past=past)


def hourly() -> Shield:
    return Shield(paced(ramp_per_hour=4.0))


def dwelling(dwell_s: float = 1800.0) -> Shield:
    return Shield(paced(dwell_s=dwell_s))


def test_hourly_ramp_counts_from_the_lowest_and_the_highest_of_the_hour() -> None:
    assert judged(hourly(), 23.5, 20.0, 21.0, 22.0).setpoints[TEMP] == 23.5
    verdict = judged(hourly(), 24.4, 20.0, 21.0, 22.0)
    assert verdict.setpoints[TEMP] == 24.0
    assert verdict.reasons[0].rule == "ramp-per-hour"
    assert verdict.reasons[0].words == (
        "east supply air held at 24.0 instead of 24.4 degC: at most 4 an hour, in this one from 20 to 22"
    )
    down = judged(hourly(), 17.0, 21.5, 19.0)
    assert down.setpoints[TEMP] == 17.5
    assert down.reasons[0].rule == "ramp-per-hour"


def test_hourly_ramp_forgets_what_is_an_hour_ago() -> None:
    assert judged(hourly(), 24.1, 20.0, 21.0, 22.0, 22.0).setpoints[TEMP] == 24.0
    assert judged(hourly(), 24.1, 20.0, 21.0, 22.0, 22.0, 22.0).setpoints[TEMP] == 24.1
    assert hourly().past_steps == 4


def test_standing_still_is_permitted_even_where_the_hour_went_too_far() -> None:
    verdict = judged(hourly(), 22.0, 16.0, 22.0)
    assert isinstance(verdict, Allowed)
    assert judged(hourly(), 22.1, 16.0, 22.0).setpoints[TEMP] == 22.0


def test_setpoint_turns_back_only_after_its_dwell() -> None:
    verdict = judged(dwelling(), 19.0, 20.0, 21.0)
    assert verdict.setpoints[TEMP] == 21.0
    assert verdict.reasons[0].rule == "dwell"
    assert verdict.reasons[0].words.endswith("it rose 15 min ago, and turns back after 30 min at the earliest")
    later = judged(dwelling(3600.0), 21.0, 22.0, 20.0, 20.0, 20.0)
    assert later.setpoints[TEMP] == 20.0
    assert later.reasons[0].rule == "dwell"
    assert later.reasons[0].words.endswith("it fell 45 min ago, and turns back after 60 min at the earliest")
    assert judged(dwelling(), 19.0, 20.0, 21.0, 21.0).setpoints[TEMP] == 19.0


def test_setpoint_goes_on_the_same_way_without_dwell() -> None:
    assert judged(dwelling(), 21.5, 19.0, 20.0).setpoints[TEMP] == 21.5
    assert judged(dwelling(), 19.0, 21.0, 20.0).setpoints[TEMP] == 19.0
    assert judged(dwelling(), 20.5, 21.0, 20.0).setpoints[TEMP] == 20.0


def test_fallback_keeps_the_pace_too() -> None:
    past = [setpoints(19.0), setpoints(20.0)]
    verdict = dwelling().judge(history(), past[-1], None, past=past)
    assert isinstance(verdict, Rejected)
    assert verdict.setpoints[TEMP] == 20.0
    past = [setpoints(23.0), setpoints(20.5)]
    assert hourly().judge([], past[-1], None, past=past).setpoints[TEMP] == 19.0


@given(st.lists(st.floats(10, 35), min_size=1, max_size=12))
def test_any_window_of_an_hour_stays_within_the_ramp(asked_c: list[float]) -> None:
    shield, past = hourly(), deque([setpoints(22.0)])
    for temp_c in asked_c:
        past.append(shield.judge(history(), past[-1], proposal(temp_c), past=past).setpoints)
    stood_c = [step[TEMP] for step in past]
    for begin in range(len(stood_c)):
        window_c = stood_c[begin : begin + shield.past_steps + 1]
        assert max(window_c) - min(window_c) <= 4.0


def test_a_past_that_cannot_be_read_is_no_way_around_the_pace() -> None:
    for past in (7, None, {"east": 1.0}):
        assert isinstance(dwelling().judge(history(), setpoints(20.0), proposal(19.0), past=past), Rejected)
    gaps = [setpoints(19.0), "text", Setpoints({}), setpoints(20.0)]
    assert dwelling(3600.0).judge(history(), setpoints(20.0), proposal(19.0), past=gaps).setpoints[TEMP] == 20.0


def test_a_past_beyond_the_limits_counts_from_the_limit() -> None:
    past = [setpoints(60.0), setpoints(27.0)]
    assert hourly().judge([], past[-1], None, past=past).setpoints[TEMP] == 24.5


def test_pace_comes_before_an_operators_limits() -> None:
    building = paced(dwell_s=1800.0)
    shield = Shield(building, OperatorFile(limits={TEMP: OperatorRange(high=20.0)}))
    past = [setpoints(20.0), setpoints(21.0)]
    assert shield.judge(history(), past[-1], proposal(21.0), past=past).setpoints[TEMP] == 21.0
    past = [*past, setpoints(21.0)]
    assert shield.judge(history(), past[-1], proposal(21.0), past=past).setpoints[TEMP] == 20.0


def test_without_settings_the_past_is_not_looked_at() -> None:
    shield = Shield(building_with())
    assert shield.past_steps == 0
    assert isinstance(shield.judge(history(), setpoints(24.0), proposal(24.0), past=None), Allowed)


def test_settings_that_mean_nothing_are_refused_with_their_path() -> None:
    for wrong, words in (
        ({"ramp_per_hour": 1.0}, "ramp_per_hour must be at least ramp_per_step"),
        ({"dwell_s": 0.0}, "dwell_s: must be greater than 0"),
    ):
        with pytest.raises(UserError, match=words):
            validate({"fallback": 18.0, "ramp_per_step": 2.5, **wrong}, SetpointRule, where="file")


def test_a_step_that_knows_some_set_points_counts_for_those() -> None:
    past = [Setpoints({TEMP: 19.0}), setpoints(20.0)]
    assert dwelling().judge(history(), past[-1], proposal(19.0), past=past).setpoints[TEMP] == 20.0
    past = [Setpoints({TEMP: 60.0, "boiler_c": 1.0}), setpoints(27.0)]
    assert hourly().judge([], past[-1], None, past=past).setpoints[TEMP] == 24.5


def test_a_step_that_knows_none_counts_for_none() -> None:
    past = [Setpoints({}), setpoints(22.5), setpoints(23.0)]
    verdict = hourly().judge(history(), past[-1], proposal(24.0), past=past)
    assert verdict.setpoints[TEMP] == 24.0
    assert not isinstance(verdict, Rejected)
