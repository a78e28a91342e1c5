"""The lines of prediction of a zone, put together by hand."""

from __future__ import annotations

import numpy as np
import pytest

from airhandler.safety.forecast import Answer, Forecast
from airhandler.safety.inlets import AFTER_LOAD_STEP, AS_MEASURED, FIRST_OF_HOUR, Inlets
from airhandler.safety.prediction import WayBack, ZoneAir

LIMIT_C, MARGIN_K = 27.0, 0.3
BACK = WayBack(np.full(2, 18.0), np.full(2, 4.5), np.full(2, 2.5), np.full(2, 1.5))
AT_ONCE = Answer(follow_frac=1.0, keep_frac=0.0, inlet_lag_steps=0)
SUPPLY_C, FLOW_KG_S = np.array([24.0, 25.0]), np.array([3.2, 3.2])


def learned(bound_k: float = 0.1) -> Forecast:
    """That both zones have a leak of 5 % and answer at once."""
    return Forecast(answer=AT_ONCE, leak_frac=np.full(2, 0.05), bias_k=np.zeros(2), bound_k=np.full((2, 2), bound_k))


def inlets(
    forecast: Forecast | None,
    heat_after_step: float = 32.0,
    drawn_after_step: float = 3.0,
    *,
    missed_k: float = 0.0,
    hot_c: float = 20.0,
    load_step_limit_c: float = LIMIT_C + MARGIN_K,
) -> Inlets:
    """Two zones with 32 K kg/s of heat, or 10 K at 3.2 kg/s, and servers that draw 3 kg/s."""
    air = ZoneAir(
        np.full(2, hot_c),
        np.array([[32.0, 32.0], [heat_after_step] * 2]),
        np.array([[3.0, 3.0], [drawn_after_step] * 2]),
        np.zeros(2),
        np.array([missed_k, 0.0]),
    )
    return Inlets(
        air=air,
        leak_frac=np.full(2, 0.05),
        targets_c=np.array([[LIMIT_C - MARGIN_K], [load_step_limit_c]]),
        off_k=np.zeros(2),
        commanded_c=SUPPLY_C,
        forecast=forecast,
        limit_c=LIMIT_C,
        margin_k=MARGIN_K,
        back=BACK,
    )


def test_line_that_is_the_furthest_beyond_its_limit_is_the_worst() -> None:
    # 5 % of 10 K above the supply air; the load step may come to 0.6 K more than the air as it is.
    worst = inlets(None).worst(SUPPLY_C, FLOW_KG_S)
    assert worst.inlet_c == pytest.approx([24.5, 25.5])
    assert worst.line.tolist() == [AS_MEASURED, AS_MEASURED]
    # Twice the heat: 5 % of 20 K, but 0.6 K more to go. Five times: 5 % of 50 K.
    assert inlets(None, 64.0).worst(SUPPLY_C, FLOW_KG_S).line.tolist() == [AS_MEASURED, AS_MEASURED]
    worst = inlets(None, 160.0).worst(SUPPLY_C, FLOW_KG_S)
    assert worst.inlet_c == pytest.approx([26.5, 27.5])
    assert worst.line.tolist() == [AFTER_LOAD_STEP, AFTER_LOAD_STEP]


def test_wide_bound_makes_a_step_of_the_hour_the_worst() -> None:
    worst = inlets(learned(1.0)).worst(SUPPLY_C, FLOW_KG_S)
    assert worst.line.tolist() == [FIRST_OF_HOUR, FIRST_OF_HOUR]
    assert worst.inlet_c == pytest.approx([24.5, 25.5])


def test_margin_of_the_hour_is_the_wider_of_setting_and_bound() -> None:
    assert inlets(learned(0.1)).margins_k.tolist() == [[MARGIN_K] * 2] * 2
    assert inlets(learned(1.0)).margins_k.tolist() == [[1.0] * 2] * 2
    assert inlets(None).margins_k.size == 0


def test_hour_ahead_is_predicted_at_the_load_that_there_is() -> None:
    """A step of the load is only possible: where its own line binds nothing, it changes nothing."""
    unbound = {"load_step_limit_c": 1e9}
    calm, stepped = inlets(learned(1.0), **unbound), inlets(learned(1.0), 160.0, 4.0, **unbound)
    assert stepped.highest_setpoint_c(FLOW_KG_S).tolist() == calm.highest_setpoint_c(FLOW_KG_S).tolist()
    assert calm.highest_setpoint_c(FLOW_KG_S) == pytest.approx([25.5, 25.5])  # 27 less 1 and 5 % of 10 K


def test_what_is_left_leaves_the_load_step_out() -> None:
    inlet_c, beyond_k = inlets(None, 160.0).left_k(SUPPLY_C, FLOW_KG_S)
    assert inlet_c == pytest.approx([24.5, 25.5])
    assert beyond_k == pytest.approx([24.5 - 26.7, 25.5 - 26.7])
    inlet_c, beyond_k = inlets(learned(2.0), 160.0).left_k(SUPPLY_C, FLOW_KG_S)
    assert inlet_c == pytest.approx([24.5, 25.5])
    assert beyond_k == pytest.approx([24.5 - 25.0, 25.5 - 25.0])


def test_highest_supply_air_and_least_air_keep_the_stricter_line() -> None:
    assert inlets(None).highest_setpoint_c(FLOW_KG_S) == pytest.approx([26.2, 26.2])
    # After the step 5 % of 50 K are hot: 27.3 less 2.5, below 26.7 less 0.5.
    assert inlets(None, 160.0).highest_setpoint_c(FLOW_KG_S) == pytest.approx([24.8, 24.8])
    # At 22 degC: 32 / (4.7 + 0.95 32 / 3), and after the step 0.05 160 / 5.3, for which 3 kg/s are too little.
    coolest_c = np.full(2, 22.0)
    assert inlets(None).least_flow_kg_s(coolest_c) == pytest.approx([32 / (4.7 + 0.95 * 32 / 3)] * 2)
    tight = inlets(None, 400.0).least_flow_kg_s(coolest_c)
    assert tight == pytest.approx([0.05 * 400 / 5.3] * 2)


def test_least_air_is_of_the_supply_air_that_is_asked_about() -> None:
    """What was worked out before is kept, and for that supply air only."""
    made = inlets(None)
    least = [float(made.least_flow_kg_s(np.full(2, supply_c))[0]) for supply_c in (22.0, 24.0, 22.0)]
    assert least == pytest.approx([32 / (room_k + 0.95 * 32 / 3) for room_k in (4.7, 2.7, 4.7)])


def test_what_is_missed_in_one_zone_is_of_that_zone() -> None:
    worst = inlets(None, missed_k=1.5).worst(SUPPLY_C, FLOW_KG_S)
    assert worst.inlet_c == pytest.approx([26.0, 25.5])
    assert inlets(None, missed_k=1.5).highest_setpoint_c(FLOW_KG_S) == pytest.approx([24.7, 26.2])


def test_zone_whose_inlet_is_not_known_is_no_worse_than_any() -> None:
    """Arithmetic that has no answer is not a line beyond its limit."""
    with np.errstate(all="ignore"):
        found = inlets(None, np.nan).worst(SUPPLY_C, FLOW_KG_S)
        inlet_c, beyond_k = inlets(learned(), np.nan).left_k(SUPPLY_C, FLOW_KG_S)
    assert found.line.tolist() == [AS_MEASURED, AS_MEASURED]
    assert np.isfinite(inlet_c).all()
    assert np.isfinite(beyond_k).all()
