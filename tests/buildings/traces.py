"""What happens inside the air systems of the two-zone data centres, step by step, under constant set-points."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.energyplus import Actuator, Simulation, Variable
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.weather import find_weather

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
