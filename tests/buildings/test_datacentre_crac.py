"""The one-zone data centre: servers that take what is supplied, and an air conditioner that feels the room."""

from __future__ import annotations

import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.envelope import RECOMMENDED
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather

BUILDING = find_building("datacentre-crac")


def simulated(
    supply_c: float, flow_kg_s: float, start: tuple[int, int], *, days: int = 2, weather: str = "chicago"
) -> dict[str, Array]:
    run = InstrumentedRun(BUILDING, find_weather(weather), Period(start=start, days=days))
    run.start()
    rows = np.array([run.step(np.array([supply_c, flow_kg_s])) for _ in range(run.total_steps)])
    run.close()
    return {p.name: rows[:, i] for i, p in enumerate(run.measured)}


@pytest.mark.parametrize("start", [(1, 15), (7, 15)], ids=["winter", "summer"])
def test_the_meters_add_up(start: tuple[int, int]) -> None:
    seen = simulated(20.0, 7.0, start)
    np.testing.assert_allclose(seen["hvac_power_w"] + seen["it_power_w"], seen["total_power_w"], rtol=0.005)
    mean_w = seen["main_coil_power_w"].mean() + seen["main_fan_power_w"].mean()  # rates at the end of a step
    assert mean_w == pytest.approx(seen["hvac_power_w"].mean(), rel=0.02)


def test_supply_air_and_airflow_follow_and_inlets_obey_the_mass_balance() -> None:
    seen = simulated(24.0, 5.5, (7, 15))
    assert np.abs(seen["main_supply_air_temp_c"] - 24.0).max() < 0.1
    assert np.abs(seen["main_supply_airflow_kg_s"] - 5.5).max() < 0.01
    leak = BUILDING.file.parameters["leak_frac"]
    ratio = seen["main_supply_airflow_kg_s"] / seen["main_server_airflow_kg_s"]
    share = np.maximum(leak, 1.0 - (1.0 - leak) * ratio)[:-1]
    expected_c = (1.0 - share) * seen["main_supply_air_temp_c"][:-1] + share * seen["main_zone_temp_c"][:-1]
    assert share.max() > 2 * leak
    np.testing.assert_allclose(seen["main_inlet_temp_c"][1:], expected_c, atol=0.1)


def test_the_air_conditioner_works_less_for_warmer_air() -> None:
    """In the source model its efficiency does not depend on the air that it cools."""
    spring = (4, 15)
    cold, warm = (simulated(supply_c, 7.0, spring) for supply_c in (18.0, 25.0))
    assert warm["main_coil_power_w"].mean() < 0.97 * cold["main_coil_power_w"].mean()


def test_the_refrigerant_pump_takes_the_compressors_place_in_frost() -> None:
    frost, heat = (simulated(20.0, 7.0, start, days=1) for start in ((1, 10), (7, 17)))
    cold = frost["outdoor_air_temp_c"] < -4.0
    assert cold.sum() > 10
    assert frost["main_coil_power_w"][cold].mean() < 0.25 * heat["main_coil_power_w"].mean()


def test_the_fallback_serves_full_load_on_the_hottest_days() -> None:
    supply_c, flow_kg_s = (rule.fallback for rule in BUILDING.rules)
    seen = simulated(supply_c, flow_kg_s, (6, 20), days=3, weather="tucson")
    assert seen["it_load_frac"].max() == 1.0
    assert seen["main_inlet_temp_c"].max() < RECOMMENDED.high_c - 5.0


def test_server_fans_end_at_full_speed_so_that_a_hot_room_does_not_run_away() -> None:
    low = BUILDING.setpoints[1].low
    seen = simulated(27.0, low, (7, 15))
    assert seen["main_inlet_temp_c"].max() < 45.0
    assert seen["main_server_airflow_kg_s"].max() < 1.35 * seen["main_server_airflow_kg_s"].min() / 0.7
