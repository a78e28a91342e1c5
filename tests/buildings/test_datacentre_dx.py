"""The physics of the two-zone DX data centre that its edits promise, on real EnergyPlus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.energyplus import Actuator, Array, Simulation, Variable
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.warnings import ERROR_FILE, complaints
from airhandler.buildings.weather import find_weather

PLAIN, ECONOMISER = find_building("datacentre-dx"), find_building("datacentre-dx-economiser")
ZONES = ("East", "West")


def sensors() -> dict[str, Variable]:
    outdoor = {
        name: Variable(f"Site Outdoor Air {what} Temperature", "Environment")
        for name, what in (("outdoor_c", "Drybulb"), ("wet_bulb_c", "Wetbulb"), ("dew_point_c", "Dewpoint"))
    }
    zonal = {}
    for zone in ZONES:
        zonal |= {
            f"{zone}_before_c": Variable("System Node Temperature", f"{zone} Zone Supply Fan Outlet Node"),
            f"{zone}_after_c": Variable("System Node Temperature", f"{zone} Zone DEC Outlet Node"),
            f"{zone}_outdoor_frac": Variable("Air System Outdoor Air Flow Fraction", f"{zone} Zone Air System"),
        }
    return outdoor | zonal


def traced(
    building: Building, weather: str, period: Period, setpoints: Mapping[str, float], folder: Path
) -> dict[str, Array]:
    """The sensors, step by step, under constant set-points."""
    place, watched = find_weather(weather), sensors()
    model = folder / "model.epJSON"
    model.write_text(json.dumps(prepare(building.file, place, period)))
    writes = [building.writes[p.name] for p in building.setpoints]
    run = Simulation(
        model=model,
        weather=place.path,
        sensors=list(watched.values()),
        actuators=[Actuator(w.component, w.control, w.key) for w in writes],
        keep=folder,
    )
    commands = np.array([setpoints[p.name] for p in building.setpoints])
    with run:
        run.start()
        rows = [values for _ in range(period.days * 96) if (values := run.step(commands)) is not None]
        assert run.step(commands) is None
    return dict(zip(watched, np.array(rows).T, strict=True))


def constant(building: Building, supply_c: float, airflow_kg_s: float) -> dict[str, float]:
    chosen = {"supply_air_temp_setpoint_c": supply_c, "supply_airflow_setpoint_kg_s": airflow_kg_s}
    rest = {p.name: rule.fallback for p, rule in zip(building.setpoints, building.rules, strict=True)}
    return rest | {f"{zone}_{name}": value for zone in building.zones for name, value in chosen.items()}


@pytest.mark.slow
def test_direct_coolers_leave_circulating_hot_air_alone(tmp_path: Path) -> None:
    """In the source model they ran in 36 degC return air whenever it was dry: the moisture then had nowhere to go."""
    seen = traced(PLAIN, "chicago", Period(start=(7, 15), days=1), constant(PLAIN, 24.0, 4.0), tmp_path)
    limits_c = {
        zone: prepare(PLAIN.file, find_weather("chicago"), Period())["EvaporativeCooler:Direct:ResearchSpecial"][
            f"{zone} Data Center DEC"
        ]["evaporative_operation_maximum_limit_drybulb_temperature"]
        for zone in ZONES
    }
    for zone in ZONES:
        hot = seen[f"{zone}_before_c"] > limits_c[zone]
        assert hot.sum() > 48
        assert np.array_equal(seen[f"{zone}_before_c"][hot], seen[f"{zone}_after_c"][hot])


@pytest.mark.slow
def test_the_search_for_the_secondary_airflow_ends(tmp_path: Path) -> None:
    """With the source model's flat tables it gave up in the morning of 2 July at these set-points."""
    traced(PLAIN, "chicago", Period(start=(7, 1), days=2), constant(PLAIN, 24.0, 3.575), tmp_path)
    found = complaints((tmp_path / ERROR_FILE).read_text())
    assert not [kind for kind in found.kinds if "econdary air mass flow" in kind]
    assert found.severe == 0


@pytest.mark.slow
def test_the_differential_economiser_and_its_interlock(tmp_path: Path) -> None:
    """Hot dry air of Tucson is taken above 23 degC and cooled by evaporation; damp air, or air on return, is not."""
    held, parameters = constant(ECONOMISER, 24.0, 4.0), ECONOMISER.file.parameters
    seen = traced(ECONOMISER, "tucson", Period(start=(6, 25), days=20), held, tmp_path)
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
@pytest.mark.parametrize("zone", ["east", "west"])
def test_the_high_limit_closes_the_economiser_and_moves_energy(zone: str) -> None:
    """Commanded below the outdoor temperature it stops free cooling in its own hall, and in no other."""
    name, other = f"{zone}_economiser_high_limit_temp_setpoint_c", {"east": "west", "west": "east"}[zone]
    seen = []
    for limit_c in (ECONOMISER.point(name).low, ECONOMISER.point(name).high):
        run = InstrumentedRun(ECONOMISER, find_weather("chicago"), Period(start=(5, 20), days=2))
        run.start()
        setpoints = np.array([{**constant(ECONOMISER, 24.0, 4.0), name: limit_c}[p.name] for p in ECONOMISER.setpoints])
        rows = [values for _ in range(run.total_steps) if (values := run.step(setpoints)) is not None]
        run.close()
        seen.append(dict(zip([p.name for p in run.measured], np.mean(np.array(rows), axis=0), strict=True)))
    closed, open_ = seen
    assert closed[f"{zone}_mixed_air_temp_c"] > open_[f"{zone}_mixed_air_temp_c"] + 1.0
    assert closed[f"{other}_mixed_air_temp_c"] == pytest.approx(open_[f"{other}_mixed_air_temp_c"], abs=0.05)
    assert closed["total_power_w"] > 1.002 * open_["total_power_w"]
