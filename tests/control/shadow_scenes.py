"""Shadow runs whose truth is known: a hall that obeys the physics of the models, and noise.

The hall's own control moves as it is told to; weather comes and goes by the day. What another control would have used
is worked out by the same equations, so that an estimate can be held to it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import find_building
from airhandler.buildings.points import Reading, Role, Setpoints
from airhandler.control.identity import building_sha256, controller_sha256
from airhandler.control.run_files import SUMMARY_FILE, TICKS_FILE
from airhandler.control.table import TickTable
from airhandler.control.tick import Tick
from airhandler.safety.verdict import Adjusted, Allowed, Proposal, Reason, Rejected, Verdict

BUILDING = find_building("datacentre-dx")
BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
STEP = timedelta(seconds=BUILDING.step_s)
PER_DAY = 96
LEAK = 0.05
INSTALLED_W = 120_000.0

Ask = Callable[[int, float], tuple[float, float]]
"""Supply air [degC] and airflow per server airflow [1], by the step and the outdoor temperature."""


@dataclass
class Hall:
    """One step of the hall in balance."""

    outdoor_c: float
    load_frac: float
    supply_c: float
    flow_ratio: float

    def __post_init__(self) -> None:
        servers = BUILDING.servers
        assert servers is not None
        heat_k_kg_s, inlet_c = 25.0 + 30.0 * self.load_frac, self.supply_c + 1.0
        for _ in range(50):
            self.drawn_kg_s = 3.6 * servers.airflow_frac(self.load_frac, inlet_c)
            self.flow_kg_s = self.flow_ratio * self.drawn_kg_s
            self.hot_c = self.supply_c + heat_k_kg_s / self.flow_kg_s
            share = max(LEAK, 1.0 - (1.0 - LEAK) * self.flow_kg_s / self.drawn_kg_s)
            inlet_c = self.supply_c + share * (self.hot_c - self.supply_c)
        self.inlet_c = inlet_c
        self.fans_w = 1500.0 + 2 * 25.0 * self.flow_kg_s**3
        self.cooling_w = 300.0 + 2 * 280.0 * self.flow_kg_s * max(0.0, min(self.outdoor_c, self.hot_c) - self.supply_c)
        self.it_w = servers.power_w(self.load_frac, inlet_c, INSTALLED_W)

    @property
    def power_w(self) -> float:
        """Everything."""
        return self.fans_w + self.cooling_w + self.it_w


def weather_c(step: int) -> float:
    """Warm days and cool nights, warmer weeks and cooler ones."""
    return 17.0 + 7.0 * math.sin(math.tau * (step % PER_DAY) / PER_DAY) + 5.0 * math.sin(step / 500.0)


def load(step: int) -> float:
    """By day more than by night."""
    return 0.75 + 0.2 * math.sin(math.tau * (step % PER_DAY) / PER_DAY - 1.0)


def halls(ask: Ask, steps: int) -> list[Hall]:
    """The hall under a control, step by step."""
    return [Hall(weather_c(n), load(n), *ask(n, weather_c(n))) for n in range(steps)]


def own_control(step: int, outdoor_c: float) -> tuple[float, float]:
    """What the building does by itself: cold, and too much air, a little of it by chance."""
    return 18.0, 1.3 + 0.1 * math.sin(step * 1.7)


def wiser(step: int, outdoor_c: float) -> tuple[float, float]:
    """Warmer air in warm weather, and hardly more of it than the servers draw."""
    return min(24.0, max(18.0, outdoor_c)), 1.05


def shadow_table(
    own: Ask = own_control,
    controller: Ask = wiser,
    *,
    days: int = 14,
    told: bool = True,
    noise_w: float = 200.0,
    change: Callable[[int, dict[str, float | None]], None] = lambda step, values: None,
    verdict: Callable[[int, Setpoints], Verdict] = lambda step, setpoints: Allowed(setpoints=setpoints),
    lost: Callable[[int], bool] = lambda step: False,
) -> TickTable:
    """A controller beside the hall's own control.

    Args:
        told: whether the site tells what its own control asks for.
        noise_w: of the cooling's meter.
        change: may change the values of a reading.
        verdict: what the shield makes of what is asked for.
        lost: which ticks are not there.
    """
    random, steps = np.random.default_rng(1), days * PER_DAY
    table, before = TickTable(BUILDING), Hall(weather_c(0), load(0), *own(0, weather_c(0)))
    for step in range(steps + 1):
        values = _values(before, float(random.normal(scale=noise_w)), step)
        change(step, values)
        now = Hall(weather_c(step), load(step), *own(step, weather_c(step)))
        if lost(step):
            before = now
            continue
        supply_c, ratio = controller(step, before.outdoor_c)
        asked = _setpoints(supply_c, ratio * before.drawn_kg_s)
        incumbent = _setpoints(now.supply_c, now.flow_kg_s) if told else None
        reading = Reading(time=BEGIN + step * STEP, values=values, incumbent=incumbent)
        proposal = Proposal(setpoints=asked, time=reading.time, controller="wiser")
        table.add(
            Tick(
                number=step,
                stage="shadow",
                reading=reading,
                proposal=proposal,
                verdict=verdict(step, asked),
                outcome=None,
                decide_s=0.002,
                write_s=0.0,
            )
        )
        before = now
    return table


def true_savings_kwh(own: Ask = own_control, controller: Ask = wiser, *, days: int = 14) -> float:
    """What the controller would have saved, by the hall's own equations."""
    steps = days * PER_DAY
    was, would = halls(own, steps), halls(controller, steps)
    return sum(a.power_w - b.power_w for a, b in zip(was, would, strict=True)) * BUILDING.step_s / 3.6e6


def rejected(setpoints: Setpoints) -> Rejected:
    """A verdict that gives the fallback."""
    return Rejected(setpoints=setpoints, reasons=(Reason(rule="sensors", words="a sensor is missing"),))


def adjusted(setpoints: Setpoints) -> Adjusted:
    """A verdict that moves something."""
    return Adjusted(setpoints=setpoints, reasons=(Reason(rule="inlet-guard", words="too warm"),))


def save_run(folder: Path, table: TickTable, controller: str = "outdoor-reset", **changes: object) -> Path:
    """The folder of a shadow run."""
    folder.mkdir(parents=True, exist_ok=True)
    table.save(folder / TICKS_FILE)
    told: Mapping[str, object] = {
        "site": "north-hall",
        "controller_named": controller,
        "building_sha256": building_sha256(table.building),
        "controller_sha256": controller_sha256(controller, table.building),
        "why": "the site's time is over",
        **changes,
    }
    (folder / SUMMARY_FILE).write_text(json.dumps(told))
    return folder


def _setpoints(supply_c: float, flow_kg_s: float) -> Setpoints:
    return Setpoints({p.name: supply_c if p.unit == "degC" else flow_kg_s for p in BUILDING.setpoints})


def end_of(name: str) -> str:
    """A point's name without its zone."""
    return name.removeprefix("east_").removeprefix("west_")


def of_a_zone(hall: Hall) -> dict[str, float]:
    """What the sensors of each zone show, by the ends of their names."""
    return {
        "zone_temp_c": hall.hot_c,
        "inlet_temp_c": hall.inlet_c,
        "supply_air_temp_c": hall.supply_c,
        "supply_airflow_kg_s": hall.flow_kg_s,
        "server_airflow_kg_s": hall.drawn_kg_s,
    }


def _values(hall: Hall, noise_w: float, step: int) -> dict[str, float | None]:
    """What the sensors show; a little of everything moves, as live sensors do."""
    cooling_w, by_end = hall.cooling_w + noise_w, of_a_zone(hall)
    by_name = {
        "outdoor_air_temp_c": hall.outdoor_c,
        "outdoor_wet_bulb_temp_c": hall.outdoor_c - 4.0,
        "it_load_frac": hall.load_frac,
        "fans_power_w": hall.fans_w,
        "hvac_power_w": hall.fans_w + cooling_w,
        "it_power_w": hall.it_w,
        "other_power_w": 100.0,
        "total_power_w": hall.fans_w + cooling_w + hall.it_w + 100.0,
    }
    values: dict[str, float | None] = {}
    for point in BUILDING.points:
        if point.role is not Role.SETPOINT:
            values[point.name] = by_name.get(point.name, by_end.get(end_of(point.name), 10.0 + 1e-3 * (step % 7)))
    return values
