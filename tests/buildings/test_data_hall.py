"""The data hall: its water takes the heat that its air gives, its tower obeys the wet bulb, its coils stay dry."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.energyplus import Actuator, Simulation, Variable
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.weather import find_weather

HALL = find_building("data-hall-2")
FALLBACK = np.array([rule.fallback for rule in HALL.rules])
STOCK = np.full(len(FALLBACK), np.nan)
BAYS = tuple(HALL.file.zones.values())
WATCHED = {
    "wet_bulb_c": Variable("Site Outdoor Air Wetbulb Temperature", "Environment"),
    "tower_c": Variable("System Node Temperature", "Condenser Supply Outlet Node"),
    "chiller_w": Variable("Chiller Evaporator Cooling Rate", "Chiller"),
    "exchanger_w": Variable("Fluid Heat Exchanger Heat Transfer Rate", "Economiser Exchanger"),
} | {
    name.format(bay): Variable(variable, key.format(bay))
    for bay in BAYS
    for name, variable, key in (
        ("{}_coil_w", "Cooling Coil Total Cooling Rate", "{} Coil"),
        ("{}_inlet_c", "ITE Air Inlet Dry-Bulb Temperature", "{} Servers"),
        ("{}_dew_point_c", "ITE Air Inlet Dewpoint Temperature", "{} Servers"),
        ("{}_supply_kg_s", "System Node Mass Flow Rate", "{} Inlet Node"),
        ("{}_servers_kg_s", "ITE Air Mass Flow Rate", "{} Servers"),
    )
}


def at(**changes: float) -> Array:
    """The fallback with some set-points moved; a name without a bay stands for every bay."""
    names = [p.name for p in HALL.setpoints]
    return np.array(
        [next((v for k, v in changes.items() if name.endswith(k)), f) for name, f in zip(names, FALLBACK, strict=True)]
    )


def simulated(folder: Path, setpoints: Array, start: tuple[int, int], days: int = 2) -> dict[str, Array]:
    """Two days of Chicago, the first quarter of an hour left out: each quantity [steps]."""
    model = folder / "model.epJSON"
    period = Period(start=start, days=days)
    model.write_text(json.dumps(prepare(HALL.file, find_weather("chicago"), period)))
    writes = [HALL.writes[p.name] for p in HALL.setpoints]
    with Simulation(
        model=model,
        weather=find_weather("chicago").path,
        sensors=list(WATCHED.values()),
        actuators=[Actuator(w.component, w.control, w.key) for w in writes],
    ) as run:
        run.start()
        rows = [run.step(setpoints) for _ in range(96 * days)]
    table = np.array([row for row in rows if row is not None])
    return dict(zip(WATCHED, table.T, strict=True))


@pytest.mark.parametrize("start", [(1, 10), (7, 18)])
@pytest.mark.parametrize(
    "setpoints",
    [STOCK, FALLBACK, at(supply_air_temp_setpoint_c=25.0, chilled_water_supply_temp_setpoint_c=15.0)],
    ids=["stock", "fallback", "warm"],
)
def test_the_water_takes_the_heat_that_the_air_gives(tmp_path: Path, setpoints: Array, start: tuple[int, int]) -> None:
    """EnergyPlus makes up heat where a coil is wet, and where a chiller has little to spare under large fans."""
    seen = simulated(tmp_path, setpoints, start)
    of_air_w = sum(seen[f"{bay}_coil_w"] for bay in BAYS)
    of_water_w = seen["chiller_w"] + seen["exchanger_w"]
    assert of_water_w.sum() == pytest.approx(of_air_w.sum(), rel=0.02)


def test_the_tower_never_cools_below_the_wet_bulb_nor_to_frost(tmp_path: Path) -> None:
    cold = at(condenser_water_temp_setpoint_c=8.0)
    winter, summer = simulated(tmp_path, cold, (1, 10)), simulated(tmp_path, cold, (7, 18))
    assert np.all(summer["tower_c"] > summer["wet_bulb_c"])
    assert winter["wet_bulb_c"].min() < -5.0
    assert winter["tower_c"].min() > 3.0


def test_winter_needs_no_chiller(tmp_path: Path) -> None:
    seen = simulated(tmp_path, STOCK, (1, 10))
    assert seen["chiller_w"].max() == 0.0
    assert seen["exchanger_w"].min() > 0.0


@pytest.mark.parametrize("start", [(1, 10), (7, 18)])
def test_the_building_by_itself_is_an_orderly_hall(tmp_path: Path, start: tuple[int, int]) -> None:
    seen = simulated(tmp_path, STOCK, start)
    for bay in BAYS:
        assert np.all((seen[f"{bay}_inlet_c"] > 18.0) & (seen[f"{bay}_inlet_c"] < 19.0))
        assert np.all((seen[f"{bay}_dew_point_c"] > -9.5) & (seen[f"{bay}_dew_point_c"] < 7.5))
        assert 1.1 < seen[f"{bay}_supply_kg_s"].mean() / seen[f"{bay}_servers_kg_s"].mean() < 1.3
