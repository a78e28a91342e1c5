"""The differential economiser that two data centres share: when it opens, its interlock, its high limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather
from tests.buildings.traces import ZONES, constant, traced

BUILDINGS = ("datacentre-cw-economiser", "datacentre-dx-economiser")


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDINGS)
def test_the_differential_economiser_and_its_interlock(name: str, tmp_path: Path) -> None:
    """Hot dry air of Tucson is taken above 23 degC and cooled by evaporation; damp air, or air on return, is not."""
    building = find_building(name)
    held, parameters = constant(building, 24.0, 4.0), building.file.parameters
    seen = traced(building, "tucson", Period(start=(6, 25), days=20), held, tmp_path)
    too_damp = seen["dew_point_c"] > parameters["economiser_dew_point_c"] + 0.1
    too_wet = seen["wet_bulb_c"] > parameters["direct_cooler_wet_bulb_c"] + 0.1
    for zone in ZONES:
        outdoor = seen[f"{zone}_outdoor_frac"]
        cooled = seen[f"{zone}_after_c"] < seen[f"{zone}_before_c"] - 0.01
        assert np.any(outdoor[seen["outdoor_c"] > 25.0] > 0.99)
        assert too_damp.sum() > 48
        assert np.all(outdoor[too_damp] == 0.0)
        assert np.any(cooled & (seen["outdoor_c"] > 25.0))
        assert np.all(outdoor[cooled] > parameters["direct_cooler_outdoor_air_frac"])
        assert not np.any(cooled & too_wet)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDINGS)
@pytest.mark.parametrize("zone", ["east", "west"])
def test_the_high_limit_closes_the_economiser_and_moves_energy(name: str, zone: str) -> None:
    """Commanded below the outdoor temperature it stops free cooling in its own hall, and in no other."""
    building = find_building(name)
    limit, other = f"{zone}_economiser_high_limit_temp_setpoint_c", {"east": "west", "west": "east"}[zone]
    seen = []
    for limit_c in (building.point(limit).low, building.point(limit).high):
        run = InstrumentedRun(building, find_weather("chicago"), Period(start=(5, 20), days=2))
        run.start()
        setpoints = np.array([{**constant(building, 24.0, 4.0), limit: limit_c}[p.name] for p in building.setpoints])
        rows = [values for _ in range(run.total_steps) if (values := run.step(setpoints)) is not None]
        run.close()
        seen.append(dict(zip([p.name for p in run.measured], np.mean(np.array(rows), axis=0), strict=True)))
    closed, open_ = seen
    assert closed[f"{zone}_mixed_air_temp_c"] > open_[f"{zone}_mixed_air_temp_c"] + 1.0
    assert closed[f"{other}_mixed_air_temp_c"] == pytest.approx(open_[f"{other}_mixed_air_temp_c"], abs=0.05)
    assert closed["total_power_w"] > 1.002 * open_["total_power_w"]
