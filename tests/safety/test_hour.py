"""The inlets of the next hour: worked out forwards here, at once there; and what they make of the inlet guard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac
from airhandler.safety.forecast import Answer
from airhandler.safety.prediction import Hour, HourAt, WayBack, ZoneAir
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Adjusted, Allowed, Rejected
from tests.safety.situations import TEMP, building_with, forecast, history, proposal, setpoints, shield

BACK = WayBack(np.array([18.0]), np.array([4.5]), np.array([2.5]), np.array([1.5]))
HEAT, DRAWN = 32.0, 3.0


def hour(flow_kg_s: float, off_k: float, commanded_c: float, answer: Answer, leak_frac: float, bias_k: float) -> HourAt:
    """An hour at an airflow."""
    learned = forecast(zones=1, leak_frac=leak_frac, answer=answer, bias_k=np.array([bias_k]))
    air = ZoneAir(*(np.array([value]) for value in (34.0, HEAT, DRAWN, 0.0, 0.0)))
    return Hour(learned, air, np.array([off_k]), np.array([commanded_c]), BACK).at(np.array([flow_kg_s]))


def forwards(
    setpoint_c: float, flow: float, off_k: float, before_c: float, answer: Answer, leak_frac: float, bias_k: float
) -> list[float]:
    """Step by step: minus infinity once the set-point has come down to the fallback."""
    inlets = []
    for step in range(4):
        off_k = answer.keep_frac * off_k - (1.0 - answer.follow_frac) * (setpoint_c - before_c)
        supply_c = setpoint_c + off_k
        share = recirculation_frac(leak_frac, flow, DRAWN)
        inlet_c = mixed_temp_c(supply_c, supply_c + HEAT / flow, share) + bias_k
        inlets.append(inlet_c if step == 0 or setpoint_c > 18.0 else -np.inf)
        before_c, setpoint_c = setpoint_c, setpoint_c - 2.5
        flow += min(max(4.5 - flow, -1.5), 1.5)
    return inlets


answers = st.builds(Answer, st.floats(0.1, 1), st.floats(0, 1), st.integers(0, 1))
ways = st.tuples(st.floats(2, 6.5), st.floats(-2, 2), st.floats(17, 27), answers, st.floats(0, 0.6), st.floats(-3, 3))


@given(st.floats(17, 27), ways)
def test_hour_is_what_its_steps_are(setpoint_c: float, way: tuple[float, float, float, Answer, float, float]) -> None:
    flow, off_k, before_c, answer, leak_frac, bias_k = way
    at_once = hour(*way).inlets_c(np.array([setpoint_c]))[:, 0]
    expected = forwards(setpoint_c, flow, off_k, before_c, answer, leak_frac, bias_k)
    assert at_once == pytest.approx(np.array(expected), abs=1e-9)


@given(st.floats(20, 35), ways)
def test_highest_setpoint_is_where_a_step_meets_its_limit_or_the_fallback(
    limit_c: float, way: tuple[float, float, float, Answer, float, float]
) -> None:
    of_way = hour(*way)
    highest_c = of_way.highest_setpoints_c(np.array([limit_c]))
    for step, value in enumerate(highest_c[:, 0].tolist()):
        inlet_c = of_way.inlets_c(np.array([value]))[step, 0]
        if step and value == 18.0 + 2.5 * step:
            assert inlet_c == -np.inf
        else:
            assert inlet_c == pytest.approx(limit_c, abs=1e-6)


def test_fallback_that_is_too_warm_by_itself_holds_nothing_now() -> None:
    # A sensor that reads 3 K too much, an hour of 0.6 leak: even 18 degC is too warm. Step 2 asks for 20.5, no less.
    late = hour(3.0, 0.0, 24.0, Answer(1.0, 0.0, 0), 0.6, 3.0)
    highest_c = late.highest_setpoints_c(np.array([20.0]))
    assert highest_c[1:, 0].tolist() == [20.5, 23.0, 25.5]


def test_learned_leak_holds_the_supply_air_cooler() -> None:
    # Full load, 3.2 kg/s, 10 K above the supply: a leak of 0.2 leaves 26.7 - 2 = 24.7 degC.
    verdict = judged(forecast(leak_frac=0.2), 25.5)
    assert verdict.setpoints[TEMP] < judged(None, 25.5).setpoints[TEMP] == 25.5
    assert "inlet predicted 27.5 ± 0.3 degC at " in verdict.reasons[0].words
    assert verdict.reasons[0].words.endswith(", limit 27")


def test_leak_that_is_learned_to_be_less_than_the_files_is_not_relied_on() -> None:
    # 26.7 - 0.05 * 10 = 26.2 with the file's, 26.7 with none.
    held = judged(forecast(leak_frac=0.0), 26.6).setpoints[TEMP]
    assert held == judged(None, 26.6).setpoints[TEMP] < 26.6


def test_bound_that_is_less_than_the_margin_does_not_count() -> None:
    # 27 - 0.3 - 0.5 of the leak - 0.5 of the sensor's bias
    verdict = judged(forecast(bound_k=np.zeros((4, 2)), bias_k=np.full(2, 0.5)), 25.9)
    assert verdict.setpoints[TEMP] == pytest.approx(25.7, abs=0.05)
    assert "26.9 ± 0.3 degC" in verdict.reasons[0].words


def test_bound_that_is_wider_than_the_margin_is_the_margin() -> None:
    narrow, wide = (judged(forecast(bound_k=np.full((4, 2), bound_k)), 26.0) for bound_k in (0.3, 1.0))
    assert narrow.setpoints[TEMP] == 26.0
    # 27 - 1.0 - 0.5 of the leak; an airflow of 3.2 leaves it there, and more of it would do little.
    assert wide.setpoints[TEMP] == pytest.approx(25.5, abs=0.1)
    words = wide.reasons[0].words
    assert words.startswith(
        "east supply air held at 25.5 instead of 26.0 degC: east inlet predicted 26.5 ± 1.0 degC at"
    )
    assert not any(r.rule == "model" for r in wide.reasons)


def test_clock_of_the_words_is_when_the_inlet_sensor_shows_it() -> None:
    # The newest reading is of 00:45; its steps are quarters of an hour, and the sensor is one behind.
    late = judged(forecast(bound_k=np.full((4, 2), 1.0)), 26.0)
    prompt = judged(forecast(bound_k=np.full((4, 2), 1.0), answer=Answer(1.0, 0.0, 0)), 26.0)
    assert " degC at 01:15, limit 27" in late.reasons[0].words
    assert " degC at 01:00, limit 27" in prompt.reasons[0].words


def test_step_that_is_worse_than_the_first_holds_the_first() -> None:
    # From 26 the set-point is at 23.5 in the second step, the airflow at 4.5: 23.5 + 0.05 * 32 / 4.5 = 23.86 degC at
    # the inlet. 3.5 K of bound leave 23.5: 0.36 K less, now and then.
    verdict = judged(forecast(bound_k=[[0.2, 0.2], [3.5, 3.5]]), 26.0)
    assert verdict.setpoints[TEMP] == pytest.approx(25.644, abs=1e-3)
    assert "23.9 ± 3.5 degC at 01:30" in verdict.reasons[0].words


def test_wide_bound_is_remarked_where_nothing_moves() -> None:
    asked = proposal(20.0)
    verdict = shield().judge(history(it_load_frac=1.0), setpoints(20.0), asked, forecast=forecast(bound_k=[[1.6, 1.6]]))
    assert isinstance(verdict, Allowed)
    assert verdict.setpoints is asked.setpoints
    assert [r.rule for r in verdict.reasons] == ["model"]


def test_forecast_of_another_building_is_left_out_and_said() -> None:
    verdict = judged(forecast(zones=3, leak_frac=0.5), 25.5)
    assert isinstance(verdict, Allowed)
    assert [r.rule for r in verdict.reasons] == ["model"]


forecasts = st.builds(
    lambda leak, bias, bounds, answer: forecast(
        leak_frac=leak, bias_k=np.full(2, bias), bound_k=np.outer(bounds, np.ones(2)), answer=answer
    ),
    st.floats(0, 0.6),
    st.floats(-3, 3),
    st.lists(st.floats(0, 10), min_size=1, max_size=6),
    answers,
)


@given(forecasts, st.floats(16, 28), st.floats(2, 6.5), st.floats(18, 27), st.floats(20, 30), st.floats(0, 1))
def test_what_was_learned_makes_the_guard_stricter_and_never_looser(
    learned, asked_c, flow, base_c, inlet_c, load_frac
) -> None:
    asked, base = proposal(asked_c, flow), setpoints(base_c)
    seen = history(east_inlet_temp_c=inlet_c, it_load_frac=load_frac)
    with_it = shield().judge(seen, base, asked, forecast=learned)
    if isinstance(with_it, Allowed) and with_it.setpoints != shield().judge([], base, None).setpoints:
        assert isinstance(shield().judge(seen, base, asked), Allowed)


@given(forecasts, st.floats(16, 28), st.floats(2, 6.5), st.floats(18, 27))
def test_judging_again_changes_nothing(learned, asked_c, flow, base_c) -> None:
    base = setpoints(base_c)
    once = shield().judge(history(), base, proposal(asked_c, flow), forecast=learned)
    again = shield().judge(history(), base, proposal(**dict(once.setpoints)), forecast=learned)
    assert again.setpoints == once.setpoints


def judged(learned: object, asked_c: float) -> Allowed | Adjusted | Rejected:
    """A verdict at full load, with air enough, from 24 degC."""
    free = Shield(building_with(min_flow_ratio=1.0))
    return free.judge(history(it_load_frac=1.0), setpoints(), proposal(asked_c), forecast=learned)  # type: ignore[arg-type]
