"""Runs one controller on one simulated building over one stretch of weather, through the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from airhandler.buildings.catalog import Building
from airhandler.buildings.faults import Fault
from airhandler.buildings.instrumentation import NO_DRIVES
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period
from airhandler.buildings.outside import held_out
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import Weather
from airhandler.safety.shield import Shield

from .controller import Controller
from .kpis import Kpis, kpis
from .loop import Loop
from .table import TickTable
from .tick import Tick


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What came of a run.

    Attributes:
        table: its Ticks; where sensors are faulty with the truth in place of what they showed.
        kpis: of the truth.
        seen: the Ticks with what sensors showed; None where none is faulty.
    """

    controller: str
    weather: str
    table: TickTable
    kpis: Kpis
    seen: TickTable | None = None


def evaluate(
    controller: Controller | None,
    building: Building,
    weather: Weather,
    period: Period,
    *,
    shielded: bool = True,
    seed: int = 0,
    drives: Mapping[str, Array] = NO_DRIVES,
    faults: Sequence[Fault] = (),
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Runs a controller (None: the building's own) through a period of a simulated building.

    Args:
        shielded: whether the shield judges each proposal; off only to show what it prevents.
        seed: which of the years of the building's world, all unknown to training, and of what is random in faults.
        drives: what the world puts on the building's drives, such as the servers' load; see `InstrumentedRun`.
        faults: what is wrong with sensors and equipment; see buildings/faults.py.
        progress: is told the share done, 0..1, about a hundred times.
    """
    table = TickTable(building)
    seen = TickTable(building) if any(f.sensor is not None for f in faults) else None
    total = period.days * 24 * building.file.timesteps_per_hour
    every = max(1, total // 100)

    def on_tick(tick: Tick) -> None:
        if seen is not None:
            seen.add(tick)
            tick = replace(tick, reading=site.truth())
        table.add(tick)
        if progress is not None and tick.number % every == 0:
            progress(tick.number / total)

    site = SimulatedSite(building, weather, period, draw=held_out(seed), drives=drives, faults=faults, seed=seed)
    try:
        Loop(
            site=site,
            clock=site.clock,
            step_s=building.step_s,
            controller=controller,
            shield=Shield(building) if shielded else None,
            writer=site.writer() if controller is not None else None,
            on_tick=on_tick,
        ).run()
    finally:
        site.close()
    return Evaluation(
        controller=controller.name if controller is not None else "stock",
        weather=weather.name,
        table=table,
        kpis=kpis(table),
        seen=seen,
    )
