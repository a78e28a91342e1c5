"""Forecast: only what can be true can be made; and supply air on its way down."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.safety.forecast import MOST_BOUND_K, MOST_LEAK_FRAC, MOST_STEPS, Answer, coming_down
from airhandler.safety.forecast_check import ForecastCheck
from tests.safety.situations import building, building_with, forecast


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("leak_frac", np.array([0.05, np.nan])),
        ("leak_frac", np.array([0.05, MOST_LEAK_FRAC + 1e-9])),
        ("leak_frac", np.array([-1e-9, 0.05])),
        ("leak_frac", np.array([0.05])),
        ("leak_frac", np.array([[0.05, 0.05]])),
        ("bias_k", np.array([0.0, np.inf])),
        ("bias_k", np.zeros(3)),
        ("bound_k", np.full((4, 2), np.nan)),
        ("bound_k", np.full((4, 2), MOST_BOUND_K + 1e-9)),
        ("bound_k", np.full((4, 3), 0.1)),
        ("bound_k", np.zeros(2)),
        ("bound_k", np.zeros((0, 2))),
        ("bound_k", np.zeros((61, 2))),
    ],
)
def test_forecast_that_cannot_be_is_not_made(field: str, value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a Forecast's"):
        dataclasses.replace(forecast(), **{field: value})


@pytest.mark.parametrize(
    "answer", [Answer(0.0, 0.9, 1), Answer(1.1, 0.9, 0), Answer(0.9, -0.1, 0), Answer(0.9, np.nan, 0)]
)
def test_answer_that_cannot_be_is_not_taken(answer: Answer) -> None:
    with pytest.raises(ValueError, match="a Forecast's"):
        dataclasses.replace(forecast(), answer=answer)


def test_nobody_changes_a_forecast() -> None:
    with pytest.raises(ValueError, match="read-only"):
        forecast().bound_k[0, 0] = 0.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        forecast().bias_k = np.zeros(2)  # type: ignore[misc]


@given(st.floats(0.01, 1), st.floats(0, 1), st.floats(-3, 3), st.floats(15, 30), st.floats(15, 30), st.floats(0, 5))
def test_supply_air_comes_down_step_by_step(
    follow_frac: float, keep_frac: float, off_k: float, before_c: float, setpoint_c: float, ramp_c: float
) -> None:
    slope, kept, per_ramp = coming_down(Answer(follow_frac, keep_frac, 0), 6)
    at_once = slope * setpoint_c + kept * (keep_frac * off_k + (1 - follow_frac) * before_c) + per_ramp * ramp_c
    for step in range(6):
        now_c = setpoint_c - step * ramp_c
        off_k = keep_frac * off_k - (1 - follow_frac) * (now_c - before_c)
        before_c = now_c
        assert at_once[step, 0] == pytest.approx(now_c + off_k, abs=1e-9)


def test_forecast_of_this_building_is_used_and_says_nothing() -> None:
    known = forecast()
    assert ForecastCheck(building()).read(known) == (known, ())
    assert ForecastCheck(building()).read(None) == (None, ())


@pytest.mark.parametrize("foreign", [7, "forecast", object(), forecast(zones=3)])
def test_what_is_no_forecast_of_this_building_is_left_out(foreign: object) -> None:
    used, (remark,) = ForecastCheck(building()).read(foreign)
    assert used is None
    assert remark.rule == "model"
    assert remark.words == "what was learned is not of this building and is left out: the building file alone holds"


def test_wide_bound_is_told_with_its_zone() -> None:
    wide = forecast(bound_k=[[0.2, 0.3], [0.4, 1.6]])
    _, (remark,) = ForecastCheck(building()).read(wide)
    assert remark.rule == "model"
    assert remark.words.startswith("west inlet is predicted to ± 1.6 K only (beyond 1.5 K)")
    assert ForecastCheck(building_with(widest_bound_k=1.6)).read(wide) == (wide, ())
    _, (both,) = ForecastCheck(building()).read(forecast(bound_k=[[2.0, 3.0]]))
    assert both.words.startswith("west inlet is predicted to ± 3.0 K only, and 1 more (beyond 1.5 K)")
    _, (one,) = ForecastCheck(building()).read(forecast(bound_k=[[1.5, 3.0]]))
    assert one.words.startswith("west inlet is predicted to ± 3.0 K only (beyond 1.5 K)")


def test_what_cannot_be_is_named_with_its_range() -> None:
    wrong = {
        "leak_frac": (np.full(2, 0.9), "a Forecast's leak_frac must be 0 to 0.6"),
        "bias_k": (np.full(2, 4.0), "a Forecast's bias_k must be -3 to 3"),
        "bound_k": (np.full((4, 2), 11.0), "a Forecast's bound_k must be 0 to 10"),
        "answer": (Answer(0.9, 1.1, 0), "a Forecast's answer must be shares, and supply air must follow its set-point"),
    }
    for field, (value, words) in wrong.items():
        with pytest.raises(ValueError, match=f"^{words}$"):
            dataclasses.replace(forecast(), **{field: value})
    shapes = r"^a Forecast's leak and bias must be \[zones\], its bounds \[steps, zones\]$"
    with pytest.raises(ValueError, match=shapes):
        dataclasses.replace(forecast(), bias_k=np.zeros(3))


def test_ends_of_the_ranges_can_be() -> None:
    ends = {"leak_frac": np.array([0.0, 0.6]), "bias_k": np.array([-3.0, 3.0]), "bound_k": np.array([[0.0, 10.0]])}
    assert dataclasses.replace(forecast(), **ends, answer=Answer(1.0, 0.0, 0)).steps == 1
    assert dataclasses.replace(forecast(), answer=Answer(0.01, 1.0, 0)).answer.keep_frac == 1.0
    assert dataclasses.replace(forecast(), bound_k=np.full((MOST_STEPS, 2), 0.2)).steps == MOST_STEPS
    with pytest.raises(ValueError, match=f"steps must be {MOST_STEPS} at most"):
        dataclasses.replace(forecast(), bound_k=np.full((MOST_STEPS + 1, 2), 0.2))
