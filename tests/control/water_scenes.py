"""Shadow runs of a hall on chilled water whose truth is known: the hall of shadow_scenes.py, and a plant of its own.

The plant does not follow the model that judges it: its chiller has other approaches, its pumps follow the water's rise,
and its tower's fans the third power.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from airhandler.buildings.catalog import find_building
from airhandler.buildings.points import Reading, Role, Setpoints
from airhandler.control.table import TickTable
from airhandler.control.tick import Tick
from airhandler.safety.verdict import Allowed, Proposal
from tests.control.shadow_scenes import PER_DAY, Ask, Hall, end_of, load, of_a_zone, own_control, weather_c

CW = find_building("datacentre-cw")
STEP = timedelta(seconds=CW.step_s)
BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
OWN_WATER = (7.0, 22.0)

Water = tuple[float, float]
"""Set-points of chilled and of condenser water [degC]."""

Change = Callable[[int, dict[str, float | None]], None]


def wet_bulb_c(step: int) -> float:
    """Drier when it is warm."""
    return 0.85 * weather_c(step)


def tower_c(step: int, setpoint_c: float) -> float:
    """What leaves the tower: 2.5 K above the wet bulb is all that it can [degC]."""
    return max(setpoint_c, wet_bulb_c(step) + 2.5)


def plant_w(step: int, hall: Hall, water: Water) -> float:
    """Chiller, pumps and tower."""
    chilled_c, condenser_c = water[0], tower_c(step, water[1])
    heat_w = 2 * 1006.0 * hall.flow_kg_s * max(0.0, min(hall.outdoor_c, hall.hot_c) - hall.supply_c)
    carnot = (condenser_c + 8.0 - (chilled_c - 5.0)) / (chilled_c - 5.0 + 273.15)
    pumps = 0.02 + 0.1 / max(3.0, hall.hot_c - chilled_c)
    fans = 0.015 * min(1.0, (4.0 / (condenser_c - wet_bulb_c(step))) ** 3)
    return 500.0 + heat_w * (carnot / 0.6 + pumps + fans)


def water_table(
    water: Water = OWN_WATER,
    asked: Water = OWN_WATER,
    *,
    own: Ask = own_control,
    controller: Ask = own_control,
    days: int = 14,
    change: Change = lambda step, values: None,
) -> TickTable:
    """A controller beside the hall's own control, with the water that each of them asks for."""
    random, table = np.random.default_rng(1), TickTable(CW)
    for step in range(days * PER_DAY + 1):
        before = max(0, step - 1)
        was = Hall(weather_c(before), load(before), *own(before, weather_c(before)))
        now = Hall(weather_c(step), load(step), *own(step, weather_c(step)))
        supply_c, ratio = controller(step, weather_c(step))
        values = _values(before, was, water, float(random.normal(scale=200.0)))
        change(step, values)
        reading = Reading(
            time=BEGIN + step * STEP, values=values, incumbent=_setpoints(now.supply_c, now.flow_kg_s, water)
        )
        setpoints = _setpoints(supply_c, ratio * now.drawn_kg_s, asked)
        proposal = Proposal(setpoints=setpoints, time=reading.time, controller="wiser")
        verdict = Allowed(setpoints=setpoints)
        table.add(
            Tick(
                number=step,
                stage="shadow",
                reading=reading,
                proposal=proposal,
                verdict=verdict,
                outcome=None,
                decide_s=0.002,
                write_s=0.0,
            )
        )
    return table


def true_water_savings_kwh(
    water: Water, asked: Water, *, own: Ask = own_control, controller: Ask = own_control, days: int = 14
) -> float:
    """What would have been saved, by the hall's and the plant's own equations."""

    def power_w(step: int, ask: Ask, by: Water) -> float:
        hall = Hall(weather_c(step), load(step), *ask(step, weather_c(step)))
        return hall.fans_w + hall.it_w + plant_w(step, hall, by)

    steps = range(days * PER_DAY)
    saved_w = sum(power_w(n, own, water) - power_w(n, controller, asked) for n in steps)
    return saved_w * CW.step_s / 3.6e6


def _setpoints(supply_c: float, flow_kg_s: float, water: Water) -> Setpoints:
    chilled_c, condenser_c = water
    by_end = {"supply_air_temp_setpoint_c": supply_c, "supply_airflow_setpoint_kg_s": flow_kg_s}
    by_name = {
        "chilled_water_supply_temp_setpoint_c": chilled_c,
        "condenser_water_temp_setpoint_c": condenser_c,
    }
    return Setpoints({p.name: by_name.get(p.name, by_end.get(end_of(p.name), 0.0)) for p in CW.setpoints})


def _values(step: int, hall: Hall, water: Water, noise_w: float) -> dict[str, float | None]:
    """What the sensors show at the end of a step."""
    plant, by_end = plant_w(step, hall, water) + noise_w, of_a_zone(hall)
    by_name = {
        "outdoor_air_temp_c": hall.outdoor_c,
        "outdoor_wet_bulb_temp_c": wet_bulb_c(step),
        "it_load_frac": hall.load_frac,
        "chilled_water_supply_temp_c": water[0],
        "condenser_water_temp_c": tower_c(step, water[1]),
        "chilled_water_power_w": plant,
        "fans_power_w": hall.fans_w,
        "hvac_power_w": hall.fans_w + plant,
        "it_power_w": hall.it_w,
        "other_power_w": 100.0,
        "total_power_w": hall.fans_w + plant + hall.it_w + 100.0,
    }
    points = [p.name for p in CW.points if p.role is not Role.SETPOINT]
    return {name: by_name.get(name, by_end.get(end_of(name), 10.0 + 1e-3 * (step % 7))) for name in points}
