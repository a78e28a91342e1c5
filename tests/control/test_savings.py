"""Savings: an estimate that finds the truth where it is known, and says where it cannot know."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airhandler.control import savings as savings_module
from airhandler.control.beside import beside
from airhandler.control.counterfactual import counterfactual
from airhandler.control.power_model import parts_of, unpriced
from airhandler.control.savings import Savings, blocks_of_days, savings, solved
from airhandler.control.table import TickTable
from tests.control.shadow_scenes import BUILDING, own_control, shadow_table, true_savings_kwh, wiser


def _estimate(table: TickTable) -> Savings:
    run = beside(table)
    return savings(run, counterfactual(run))


def test_the_estimate_finds_the_truth_and_its_interval_holds_it() -> None:
    found, truth = _estimate(shadow_table()), true_savings_kwh()
    assert found.told
    assert found.method == "physics"
    assert found.saved_kwh == pytest.approx(truth, rel=0.05)
    assert found.low_kwh <= truth <= found.high_kwh
    assert found.high_kwh - found.low_kwh < truth
    assert found.cv_rmse_frac < 0.02
    assert abs(found.nmbe_frac) < 0.01
    assert sum(part.saved_kwh for part in found.parts) == pytest.approx(found.saved_kwh)


def test_own_control_that_stands_still_is_no_hindrance_to_physics() -> None:
    def still(step: int, outdoor_c: float) -> tuple[float, float]:
        return 18.0, 1.3

    found, truth = _estimate(shadow_table(still)), true_savings_kwh(still)
    assert found.saved_kwh == pytest.approx(truth, rel=0.1)
    assert found.outside_frac > 0.5


def test_a_controller_that_does_the_same_saves_nothing() -> None:
    found = _estimate(shadow_table(controller=own_control))
    assert abs(found.saved_kwh) < 0.01 * true_savings_kwh()
    assert found.outside_frac < 0.2


def test_a_controller_that_uses_more_is_found_out() -> None:
    def worse(step: int, outdoor_c: float) -> tuple[float, float]:
        return 17.6, 1.5

    found, truth = _estimate(shadow_table(controller=worse)), true_savings_kwh(controller=worse)
    assert truth < 0.0
    assert found.saved_kwh == pytest.approx(truth, rel=0.1)
    assert found.high_kwh < 0.0


def test_what_sensors_show_stands_for_what_the_site_does_not_tell() -> None:
    run = beside(shadow_table(told=False))
    assert run.told_frac == 0.0
    assert np.isfinite(list(run.stood.values())).all()
    assert _estimate(shadow_table(told=False)).saved_kwh == pytest.approx(true_savings_kwh(), rel=0.05)


def test_what_the_model_gets_wrong_by_weather_widens_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    def cooler(step: int, values: dict[str, float | None]) -> None:
        outdoor_c, power_w = values["outdoor_air_temp_c"], values["hvac_power_w"]
        if outdoor_c is not None and power_w is not None and 16.0 < outdoor_c < 20.0:
            values["hvac_power_w"] = power_w + 8000.0  # a cooler that runs in mild weather, and no feature knows of

    table = shadow_table(change=cooler)
    found = _estimate(table)
    monkeypatch.setattr(savings_module, "_BIN_K", 1e6)
    without = _estimate(table)
    assert found.saved_kwh == without.saved_kwh
    assert found.high_kwh - found.low_kwh > 1.5 * (without.high_kwh - without.low_kwh)


def test_steps_without_a_value_are_left_out_and_counted() -> None:
    def lose(step: int, values: dict[str, float | None]) -> None:
        if step % 4 == 3:
            values["hvac_power_w"] = None

    found = _estimate(shadow_table(change=lose))
    assert found.steps_frac == pytest.approx(0.75, abs=0.01)
    assert math.isfinite(found.saved_kwh)
    assert np.isnan(found.by_step_w).mean() == pytest.approx(0.25, abs=0.01)


def test_a_step_whose_end_was_lost_is_not_added_up() -> None:
    found, whole = _estimate(shadow_table(lost=lambda step: step % 5 == 2)), _estimate(shadow_table())
    assert found.steps_frac == pytest.approx(0.75, abs=0.01)  # of four ticks that are left, one has no next one
    assert found.was_kwh == pytest.approx(0.6 * whole.was_kwh, rel=0.02)
    assert found.saved_kwh == pytest.approx(0.6 * whole.saved_kwh, rel=0.05)


def test_nothing_is_told_of_a_record_without_meters() -> None:
    def lose(step: int, values: dict[str, float | None]) -> None:
        values["hvac_power_w"] = None

    found = _estimate(shadow_table(days=2, change=lose))
    assert not found.told
    assert "no step of the record has all that is needed" in found.why_not


def test_a_setpoint_that_no_model_knows_is_no_saving() -> None:
    table = shadow_table(days=2)
    run = beside(table)
    air = counterfactual(run)
    zone = next(iter(BUILDING.zones.values()))
    lame = {name: roles for name, roles in BUILDING.zones.items() if roles is not zone}
    assert unpriced(run, air) == ()
    table.building = replace(BUILDING, zones=lame)
    without = replace(run, table=table)
    assert unpriced(without, air) == (zone.supply_temp_setpoint, zone.supply_flow_setpoint)


def test_coefficients_are_never_negative_but_where_they_may() -> None:
    random = np.random.default_rng(3)
    x = np.stack([np.ones(500), random.normal(size=500), random.normal(size=500)], axis=1)
    y = 5.0 + 2.0 * x[:, 1] - 3.0 * x[:, 2]
    free, held = solved(x.T @ x, x.T @ y, signed=True), solved(x.T @ x, x.T @ y, signed=False)
    assert free == pytest.approx([5.0, 2.0, -3.0], rel=1e-3)
    assert (held >= 0.0).all()
    assert held[2] == 0.0


@settings(deadline=None, max_examples=30)
@given(days=st.integers(1, 60), length=st.integers(0, 20))
def test_every_draw_has_as_many_days_as_the_record(days: int, length: int) -> None:
    weights = blocks_of_days(days, 20, length)
    assert weights.shape == (20, days)
    assert (weights.sum(axis=1) == days).all()


def test_blocks_keep_days_together() -> None:
    weights = blocks_of_days(70, 200, 7)
    lone = (weights > 0) & (np.roll(weights, 1, axis=1) == 0) & (np.roll(weights, -1, axis=1) == 0)
    assert not lone.any()


def test_warmer_air_costs_the_servers_and_spares_the_coils() -> None:
    run = beside(shadow_table(days=2))
    parts = {part.name: part for part in parts_of(run, counterfactual(run))}
    assert (parts["servers"].asked[:, 0] >= parts["servers"].stood[:, 0] - 1e-9).mean() > 0.9
    assert (parts["cooling"].asked[:, 1] <= parts["cooling"].stood[:, 1] + 1e-9).all()
    assert wiser(0, 30.0)[0] > own_control(0, 30.0)[0]
