"""Controllability: whether each set-point of a building, moved alone, moves anything that counts.

Models look controllable and are not: a set-point manager overwrites a set-point in every step, a schedule that nobody
reads, equipment that sizes its own flow. Here the building says so itself: from the same moment, in two exact branches
of one simulation, a set-point goes to either end of its range while the others stay at the shield's fallback.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .catalog import Building
from .epjson import Epjson
from .instrumentation import InstrumentedRun
from .known import Array
from .model import Period, prepare
from .settings import WriteTo
from .weather import Weather, find_weather

MOMENTS = ((7, 15, 12), (4, 15, 12), (1, 15, 3), (10, 15, 12))
"""Month, day and hour from which the branches start, the one at which most equipment runs first. In winter it is before
dawn: an office that is full needs no heating at noon."""

NOISE_FRAC = 5e-4
"""Least relative change of facility energy that is an effect.

Branches are bit-identical where a set-point reaches nothing at all. Where it only disturbs the iterations, system loads
converge to 1e-3 of a load that is a tenth of the facility's power. Source: EnergyPlus 25.1 Input Output Reference,
ConvergenceLimits; measured on the catalogue.
"""

NOISE_K = 0.05
"""Least change of a constrained temperature that is an effect [K]: five times what EnergyPlus's air loops converge to.

Source: EnergyPlus 25.1, DataConvergParams, HVACTemperatureToler 0.01 K (secondary).
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a set-point does, moved alone from one end of its range to the other.

    Attributes:
        setpoint: its name.
        energy_frac: largest relative change of the facility's electricity over a branch, of all moments.
        energy_day: where that was, as MM-DD.
        temperature_k: largest change of a temperature that is constrained, in any step of any branch [K].
        temperature_point: which one.
        temperature_day: where that was, as MM-DD.
    """

    setpoint: str
    energy_frac: float
    energy_day: str
    temperature_k: float
    temperature_point: str
    temperature_day: str

    @property
    def counts(self) -> bool:
        """Whether it is more than numerical noise."""
        return self.energy_frac > NOISE_FRAC or self.temperature_k > NOISE_K


def controllability(
    building: Building,
    weather: Weather | None = None,
    *,
    steps: int = 24,
    every_moment: bool = True,
    processes: int = 2,
) -> tuple[Effect, ...]:
    """The effect of each set-point, in their order.

    Args:
        building: any of the catalogue.
        weather: by default the building's first.
        steps: length of a branch.
        every_moment: whether set-points that showed an effect are moved at the other moments too. Without it a
            building is proven as soon as it can be, and the changes are those of the first moment that showed one.
        processes: branches that run at once.

    Raises SimulationError where this process cannot fork.
    """
    where = weather or find_weather(building.file.weather[0])
    effects: dict[str, Effect] = {}
    for moment in MOMENTS:
        left = [
            index
            for index, point in enumerate(building.setpoints)
            if every_moment or point.name not in effects or not effects[point.name].counts
        ]
        for effect in _effects(building, where, moment, left, steps, processes) if left else ():
            effects[effect.setpoint] = _larger(effects.get(effect.setpoint), effect)
    return tuple(effects[point.name] for point in building.setpoints)


def idle_causes(building: Building, effects: Sequence[Effect]) -> dict[str, str]:
    """Each set-point without an effect, with the likely cause."""
    idle = [effect.setpoint for effect in effects if not effect.counts]
    if not idle:
        return {}
    model = prepare(building.file, find_weather(building.file.weather[0]), Period(days=1))
    return {name: _cause(model, building.writes[name]) for name in idle}


def _effects(
    building: Building,
    weather: Weather,
    moment: tuple[int, int, int],
    indices: Sequence[int],
    steps: int,
    processes: int,
) -> list[Effect]:
    """The effects of some set-points at one moment: two branches for each."""
    month, day, hour = moment
    before = hour * building.file.timesteps_per_hour
    days = -(-(before + steps) // (24 * building.file.timesteps_per_hour))
    run = InstrumentedRun(building, weather, Period(start=(month, day), days=days))
    try:
        run.start()
        fallback = np.array([rule.fallback for rule in building.rules])
        for _ in range(before):
            run.step(fallback)
        jobs = [partial(_ahead, run, _moved(building, fallback, i, end), steps) for i in indices for end in (0, 1)]
        rows = run.branch(jobs, processes=processes)
    finally:
        run.close()
    names = [p.name for p in run.measured]
    named = f"{dt.date(2001, month, day):%m-%d}"
    return [
        _effect(building, building.setpoints[i].name, names, named, low=rows[2 * n], high=rows[2 * n + 1])
        for n, i in enumerate(indices)
    ]


def _moved(building: Building, setpoints: Array, index: int, end: int) -> Array:
    point = building.setpoints[index]
    moved = setpoints.copy()
    moved[index] = (point.low, point.high)[end]
    return moved


def _ahead(run: InstrumentedRun, setpoints: Array, steps: int) -> Array:
    """In the child: the values of so many steps [steps, measured]."""
    rows = [run.step(setpoints) for _ in range(steps)]
    return np.array([row for row in rows if row is not None])


def _effect(building: Building, setpoint: str, names: list[str], day: str, *, low: Array, high: Array) -> Effect:
    energy = [float(rows[:, names.index(building.file.meters.total)].sum()) for rows in (low, high)]
    watched = [z.inlet_temp for z in building.zones.values()] + [z.zone_temp for z in building.comfort_zones.values()]
    changes_k = [float(np.abs(high - low)[:, names.index(name)].max()) for name in watched]
    most = int(np.argmax(changes_k))
    return Effect(
        setpoint=setpoint,
        energy_frac=abs(energy[1] - energy[0]) / energy[0],
        energy_day=day,
        temperature_k=changes_k[most],
        temperature_point=watched[most],
        temperature_day=day,
    )


def _larger(before: Effect | None, now: Effect) -> Effect:
    """The larger change of energy and the larger of temperature."""
    if before is None:
        return now
    energy = max(before, now, key=lambda e: e.energy_frac)
    temperature = max(before, now, key=lambda e: e.temperature_k)
    return Effect(
        setpoint=now.setpoint,
        energy_frac=energy.energy_frac,
        energy_day=energy.energy_day,
        temperature_k=temperature.temperature_k,
        temperature_point=temperature.temperature_point,
        temperature_day=temperature.temperature_day,
    )


def _cause(model: Epjson, write: WriteTo) -> str:
    """Why an actuator that exists may reach nothing, in words for whoever wrote the building file."""
    if write.component == "System Node Setpoint":
        return "a set-point manager writes the node's set-point again in every step: command a schedule that it reads"
    if write.component.startswith("Schedule") and not _users(model, write.key):
        return f"no object of the model reads the schedule {write.key!r}"
    if _mentions(model.get("ElectricEquipment:ITE:AirCooled", {}), "FlowControlWithApproachTemperatures"):
        return (
            "servers with FlowControlWithApproachTemperatures take their own supply temperature and flow: "
            "use FlowFromSystem (EnergyPlus issue 11731)"
        )
    return (
        f"what {write.key!r} acts on is off at every moment that was tried, or a set-point manager or controller "
        "overrides it"
    )


def _users(model: Epjson, name: str) -> list[str]:
    """The types of objects that refer to a name, other than those that define it or drive it."""
    own = ("Schedule:", "EnergyManagementSystem:Actuator")
    return [kind for kind, objects in model.items() if not kind.startswith(own) and _mentions(objects, name)]


def _mentions(objects: dict[str, Any], text: str) -> bool:
    return json.dumps(text).lower() in json.dumps(list(objects.values())).lower()
