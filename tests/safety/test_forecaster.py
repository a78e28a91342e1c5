"""The Forecaster: what it learns of a hall, how often its bounds hold, and what teaches it nothing."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.thermal_file import ThermalFile
from airhandler.safety.forecaster import Forecaster
from tests.safety.hall import Hall
from tests.safety.situations import START, STEP, Explosive, building, healthy, reading, setpoints

THERMAL = ThermalFile(
    leak_frac=0.05, follow_frac=1.0, keep_frac=0.0, inlet_lag_steps=1, bound_k=(0.5, 0.5, 0.5), found="by hand"
)


def placed(**changes: object) -> Building:
    """The two-zone building with these start values."""
    thermal = THERMAL.model_copy(update=changes)
    return dataclasses.replace(building(), file=building().file.model_copy(update={"thermal": thermal}))


def watched(forecaster: Forecaster, hall: Hall, steps: int) -> list[Any]:
    """What was scored at each step, under set-points anywhere."""
    scored, told = [], None
    for _ in range(steps):
        told = hall.anywhere()
        forecaster.observe(hall.step(told), told)
        scored.append(forecaster.scored)
    return scored


@pytest.mark.parametrize("late", [True, False])
def test_hall_as_it_is_known_is_predicted_to_the_last_bit(late: bool) -> None:
    scored = watched(Forecaster(placed(inlet_lag_steps=int(late))), Hall(late=late), 40)
    errors_k = np.array([s.error_k for s in scored[8:]])
    assert np.isfinite(errors_k).all()
    assert np.abs(errors_k[:, 0]).max() < 1e-9  # of later steps less is certain: airflow anywhere may be too little


def test_airflow_of_later_steps_is_taken_to_follow_the_servers() -> None:
    # They draw less and less, and the airflow follows a step later: no prediction takes that for a lack of air.
    hall, forecaster = Hall(), Forecaster(placed())
    flow = 4.0
    for drawn in np.arange(4.0, 2.5, -0.1).tolist():
        told, hall.drawn_kg_s = setpoints(24.0, flow), drawn
        forecaster.observe(hall.step(told), told)
        flow = drawn
    assert forecaster.scored is not None
    assert np.abs(forecaster.scored.error_k).max() < 1e-9


def test_supply_air_that_lags_behind_is_predicted_so() -> None:
    hall, forecaster = Hall(follow_frac=0.8, keep_frac=0.5), Forecaster(placed(follow_frac=0.8, keep_frac=0.5))
    for temp_c in (24.0, 22.0, 25.0, 23.5, 26.0, 21.0, 24.0, 24.5, 22.0):
        told = setpoints(temp_c, 4.0)
        forecaster.observe(hall.step(told), told)
    assert forecaster.scored is not None
    assert np.abs(forecaster.scored.error_k).max() < 1e-9


def test_leak_and_bias_of_the_hall_are_learned() -> None:
    forecaster = Forecaster(placed())
    watched(forecaster, Hall(leak_frac=0.2, bias_k=-0.3), 300)
    assert forecaster.forecast is not None
    assert forecaster.forecast.leak_frac == pytest.approx([0.2, 0.2], abs=0.015)
    assert forecaster.forecast.bias_k == pytest.approx([-0.3, -0.3], abs=0.15)


@pytest.mark.parametrize("noise_k", [0.05, 0.3, 1.0])
def test_bounds_go_to_what_95_of_100_errors_keep(noise_k: float) -> None:
    scored = watched(Forecaster(placed()), Hall(noise_k=noise_k), 4000)[500:]
    kept = [np.abs(s.error_k) <= s.bound_k for s in scored]
    assert np.mean(kept, axis=(0, 2)) == pytest.approx([0.95] * 3, abs=0.015)


def test_bounds_widen_with_a_hall_that_changes_and_narrow_again() -> None:
    forecaster, calm, wild = Forecaster(placed()), Hall(noise_k=0.02), Hall(noise_k=1.0)
    watched(forecaster, calm, 800)
    narrow = forecaster.forecast
    watched(forecaster, wild, 400)
    wide = forecaster.forecast
    watched(forecaster, calm, 2500)
    again = forecaster.forecast
    assert narrow is not None
    assert wide is not None
    assert again is not None
    assert (wide.bound_k[0] > 5 * narrow.bound_k[0]).all()  # the others hold what airflow anywhere does, too
    assert (again.bound_k[0] < 2 * narrow.bound_k[0] + 0.05).all()


def test_bounds_that_are_not_to_move_stay() -> None:
    forecaster = Forecaster(placed(), rate_k=0.0)
    watched(forecaster, Hall(noise_k=1.0), 50)
    assert forecaster.forecast is not None
    assert (forecaster.forecast.bound_k == 0.5).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"east_inlet_temp_c": None},
        {"east_inlet_temp_c": float("nan")},
        {"east_inlet_temp_c": 1e9},
        {"east_supply_air_temp_c": "warm"},
        {"east_server_airflow_kg_s": -5.0},
    ],
)
def test_sensor_that_cannot_be_trusted_teaches_its_zone_nothing(changed: dict[str, object]) -> None:
    hall, forecaster = Hall(leak_frac=0.2), Forecaster(placed())
    for _ in range(30):
        told = hall.anywhere()
        shown = hall.step(told)
        forecaster.observe(dataclasses.replace(shown, values={**shown.values, **changed}), told)
    known = forecaster.forecast
    assert known is not None
    assert known.leak_frac[0] == pytest.approx(0.05)
    assert (known.bound_k[:, 0] == 0.5).all()
    if "warm" not in changed.values():
        assert known.leak_frac[1] > 0.15


def test_stale_value_teaches_nothing() -> None:
    hall, forecaster = Hall(leak_frac=0.2), Forecaster(placed())
    for _ in range(30):
        told = hall.anywhere()
        forecaster.observe(dataclasses.replace(hall.step(told), age_s={"east_inlet_temp_c": 7200.0}), told)
    assert forecaster.forecast is not None
    assert forecaster.forecast.leak_frac[0] == pytest.approx(0.05)
    assert forecaster.forecast.leak_frac[1] > 0.15


def test_reading_that_raises_teaches_nothing_and_does_not_end_the_loop() -> None:
    forecaster = Forecaster(placed())
    before = forecaster.forecast
    assert before is not None
    for values, age_s in ((Explosive(), {}), (healthy(), Explosive())):
        forecaster.observe(Reading(time=START, values=values, age_s=age_s), Setpoints(Explosive()))
    after = forecaster.forecast
    assert after is not None
    assert (after.leak_frac == before.leak_frac).all()
    assert (after.bound_k == before.bound_k).all()


def test_after_a_gap_nothing_is_scored_that_was_predicted_before_it() -> None:
    hall, forecaster = Hall(), Forecaster(placed())
    told = hall.anywhere()
    for _ in range(8):
        forecaster.observe(hall.step(told), told)
    assert forecaster.scored is not None
    assert np.isfinite(forecaster.scored.error_k).all()
    forecaster.observe(hall.step(told, pause=3 * STEP), told)
    assert not np.isfinite(forecaster.scored.error_k).any()
    for _ in range(8):
        forecaster.observe(hall.step(told), told)
    assert np.isfinite(forecaster.scored.error_k).all()


def test_gap_in_the_sensors_of_a_zone_is_not_bridged() -> None:
    hall, forecaster = Hall(), Forecaster(placed())
    told = setpoints(24.0)
    for _ in range(8):
        forecaster.observe(hall.step(told), told)
    shown = hall.step(told)
    forecaster.observe(dataclasses.replace(shown, values={**shown.values, "east_supply_air_temp_c": None}), told)
    forecaster.observe(hall.step(told), told)
    forecaster.observe(hall.step(told), told)
    assert forecaster.scored is not None
    assert np.isnan(forecaster.scored.error_k[0, 0])  # it would have been predicted from that reading
    assert np.isfinite(forecaster.scored.error_k[:, 1]).all()


def test_under_the_buildings_own_control_supply_air_is_taken_to_stay() -> None:
    hall, forecaster = Hall(), Forecaster(placed())
    for _ in range(9):
        forecaster.observe(hall.step(setpoints(21.0, 3.3)), None)
    assert forecaster.scored is not None
    assert np.abs(forecaster.scored.error_k).max() < 1e-9


def test_reset_forgets_everything() -> None:
    forecaster = Forecaster(placed())
    watched(forecaster, Hall(leak_frac=0.2, noise_k=0.5), 100)
    forecaster.reset()
    known, fresh = forecaster.forecast, Forecaster(placed()).forecast
    assert known is not None
    assert fresh is not None
    for field in ("leak_frac", "bias_k", "bound_k"):
        assert (getattr(known, field) == getattr(fresh, field)).all()
    forecaster.observe(reading(), setpoints())
    assert forecaster.scored is not None
    assert np.isnan(forecaster.scored.error_k).all()


def test_forecast_once_given_does_not_change() -> None:
    forecaster = Forecaster(placed())
    first = forecaster.forecast
    assert first is not None
    assert forecaster.forecast is first
    kept = first.bound_k.copy(), first.leak_frac.copy()
    watched(forecaster, Hall(leak_frac=0.2, noise_k=1.0), 50)
    assert (first.bound_k == kept[0]).all()
    assert (first.leak_frac == kept[1]).all()


def test_building_without_server_zones_has_no_forecast() -> None:
    forecaster = Forecaster(find_building("office-5zone"))
    forecaster.observe(reading(), None)
    assert forecaster.forecast is None
    assert forecaster.points == ()


def test_leak_of_the_building_file_is_where_it_begins_without_one_of_its_own() -> None:
    known = Forecaster(placed(leak_frac=None)).forecast
    assert known is not None
    assert known.leak_frac == pytest.approx([0.05, 0.05])


def test_a_leak_and_a_bias_that_were_identified_are_where_it_begins() -> None:
    found = Forecaster(placed(leak_frac=0.12, bias_k=0.4)).forecast
    assert found is not None
    assert found.leak_frac == pytest.approx([0.12, 0.12])
    assert found.bias_k == pytest.approx([0.4, 0.4])
    nowhere = placed(leak_frac=None)
    unknown = dataclasses.replace(nowhere, file=nowhere.file.model_copy(update={"parameters": {}}))
    found = Forecaster(unknown).forecast
    assert found is not None
    assert (found.leak_frac == 0.0).all()


def test_what_was_told_last_stays_in_force_though_the_air_has_not_followed_yet() -> None:
    hall, forecaster = Hall(), Forecaster(placed())
    for _ in range(3):
        forecaster.observe(hall.step(setpoints(24.0, 3.2)), setpoints(24.0, 3.2))
    forecaster.observe(hall.step(setpoints(24.0, 3.2)), setpoints(24.0, 4.0))  # told, and not seen before the next step
    for _ in range(2):
        forecaster.observe(hall.step(setpoints(24.0, 4.0)), None)
    assert forecaster.scored is not None
    assert np.abs(forecaster.scored.error_k[0]).max() < 1e-9


def test_where_the_airflow_alone_is_told_the_supply_air_is_taken_to_stay() -> None:
    hall, forecaster, told = Hall(), Forecaster(placed()), setpoints(24.0, 3.5)
    airflow = Setpoints({name: value for name, value in told.items() if "airflow" in name})
    for _ in range(8):
        forecaster.observe(hall.step(told), airflow)
    assert forecaster.scored is not None
    assert np.abs(forecaster.scored.error_k).max() < 1e-9


def test_time_that_goes_back_begins_anew() -> None:
    hall, forecaster = Hall(), Forecaster(placed())
    told = setpoints()
    shown = [hall.step(told) for _ in range(8)]
    for each in shown:
        forecaster.observe(each, told)
    forecaster.observe(Reading(time=shown[-1].time - timedelta(hours=1), values=shown[-1].values), told)
    assert forecaster.scored is not None
    assert np.isnan(forecaster.scored.error_k).all()


def error_of(inlet_c: float, age_s: dict[str, float], of: Building | None = None) -> float:
    """How far the east inlet is off its prediction in a reading that shows this, after some that are sound."""
    hall, forecaster, told = Hall(), Forecaster(of or placed()), setpoints(24.0)
    for _ in range(8):
        forecaster.observe(hall.step(told), told)
    shown = hall.step(told)
    changed = {**shown.values, "east_inlet_temp_c": inlet_c}
    forecaster.observe(dataclasses.replace(shown, values=changed, age_s=age_s), told)
    assert forecaster.scored is not None
    return float(forecaster.scored.error_k[0, 0])


def test_ends_of_a_sensors_range_are_in_it() -> None:
    point = building().point("east_inlet_temp_c")
    for end in (point.low, point.high):
        assert np.isfinite(error_of(end, {}))
    assert np.isnan(error_of(point.low - 1e-9, {}))
    assert np.isnan(error_of(point.high + 1e-9, {}))


def test_age_of_one_sensor_does_not_make_another_sound() -> None:
    other = {"west_inlet_temp_c": 900.0}
    assert np.isfinite(error_of(24.5, other))
    assert np.isnan(error_of(1e9, other))


def test_age_up_to_the_limit_teaches_and_a_value_without_one_is_fresh() -> None:
    assert np.isfinite(error_of(24.5, {"east_inlet_temp_c": 1800.0}))
    assert np.isnan(error_of(24.5, {"east_inlet_temp_c": 1800.5}))
    hasty = placed()
    shield_file = hasty.file.shield.model_copy(update={"max_age_s": 0.5})
    hasty = dataclasses.replace(hasty, file=hasty.file.model_copy(update={"shield": shield_file}))
    assert np.isfinite(error_of(24.5, {"west_inlet_temp_c": 0.4}, hasty))


def still(hot_c: float = 34.0, flow: float = 3.2, drawn: float = 3.0, bias_k: float = 0.0) -> dict[str, float | None]:
    """Every sensor of a hall that stands still at 24 degC of supply air: inlets as the balance has them, and a bias."""
    values, share = healthy(), max(0.05, 1.0 - 0.95 * flow / drawn)
    for zone in building().zones:
        values |= {f"{zone}_supply_air_temp_c": 24.0, f"{zone}_zone_temp_c": hot_c}
        values |= {f"{zone}_supply_airflow_kg_s": flow, f"{zone}_server_airflow_kg_s": drawn}
        values[f"{zone}_inlet_temp_c"] = 24.0 + share * (hot_c - 24.0) + bias_k
    return values


def errors_of(of: Building, shown: list[dict[str, float | None]], flow: float = 3.2) -> list[list[float]]:
    """How far the east inlet is off its predictions 1, 2, 3 steps ago, at each reading."""
    forecaster, errors = Forecaster(of), []
    for step, values in enumerate(shown):
        forecaster.observe(Reading(time=START + step * STEP, values=values), setpoints(24.0, flow))
        assert forecaster.scored is not None
        errors.append(forecaster.scored.error_k[:, 0].tolist())
    return errors


def test_a_step_of_the_heat_is_an_error_of_the_predictions_before_it_alone() -> None:
    # 10 K more on the hot side are 0.5 K at the inlet, and in the next reading everybody knows.
    errors = errors_of(placed(inlet_lag_steps=0, leak_frac=0.05), [still()] * 6 + [still(44.0)] * 3)
    assert errors[6] == pytest.approx([0.5, 0.5, 0.5], abs=1e-3)
    assert errors[7] == pytest.approx([0.0, 0.5, 0.5], abs=0.02)  # the fit gives the leak a little of it
    assert errors[8] == pytest.approx([0.0, 0.0, 0.5], abs=0.02)


def test_little_air_little_heat_and_a_known_bias_are_predicted_as_well() -> None:
    biased = placed(inlet_lag_steps=0, bias_k=0.4)
    for shown, flow in ((still(24.5, 0.6, 0.5, 0.4), 0.6), (still(24.5, 3.2, 3.0, 0.4), 3.2)):
        assert errors_of(biased, [shown] * 6, flow)[-1] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    lacking = errors_of(biased, [still(34.0, 0.4, 0.5, 0.4)] * 6, 0.4)[-1]
    assert lacking[0] == pytest.approx(0.0, abs=1e-9)  # of later steps air enough is expected


def test_lack_of_air_that_the_shield_permits_is_predicted() -> None:
    """Where the shield asks for less than the servers draw, later airflows may be as small."""
    hall = placed(inlet_lag_steps=0)
    scant = hall.file.shield.model_copy(update={"min_flow_ratio": 0.7})
    hall = dataclasses.replace(hall, file=hall.file.model_copy(update={"shield": scant}))
    assert errors_of(hall, [still(flow=2.5)] * 6, 2.5)[-1] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_a_gap_of_two_steps_is_a_gap() -> None:
    hall, forecaster, told = Hall(), Forecaster(placed()), setpoints(24.0)
    for _ in range(8):
        forecaster.observe(hall.step(told), told)
    forecaster.observe(hall.step(told, pause=2 * STEP), told)
    assert forecaster.scored is not None
    assert not np.isfinite(forecaster.scored.error_k).any()


def test_bounds_stay_where_a_forecast_can_be() -> None:
    """However fast they move: no error is less than none, and beyond the greatest nothing is believed."""
    calm, wild = (Forecaster(placed(inlet_lag_steps=0), rate_k=30.0) for _ in range(2))
    for step in range(6):
        calm.observe(Reading(time=START + step * STEP, values=still()), setpoints(24.0))
        wild.observe(Reading(time=START + step * STEP, values=still(bias_k=20.0 * (step % 2))), setpoints(24.0))
    assert calm.forecast is not None
    assert wild.forecast is not None
    assert calm.forecast.bound_k.min() == 0.0
    assert wild.forecast.bound_k.max() == 10.0


def test_no_air_at_all_is_no_error() -> None:
    none = errors_of(placed(inlet_lag_steps=0), [still(), *[still() | {"east_supply_airflow_kg_s": 0.0}] * 5], 0.0)
    assert len(none) == 6
