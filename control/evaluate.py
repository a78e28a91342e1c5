"""Runs one controller on one simulated building over one stretch of weather, through the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from airhandler.buildings.catalog import Building
from airhandler.buildings.model import Period
from airhandler.buildings.outside import held_out
from airhandler.buildings.scenario import NORMAL, Scenario
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
        randomised: what was drawn for it, by name.
    """

    controller: str
    weather: str
    table: TickTable
    kpis: Kpis
    seen: TickTable | None = None
    randomised: Mapping[str, float] = field(default_factory=dict)


def evaluate(
    controller: Controller | None,
    building: Building,
    weather: Weather,
    period: Period,
    *,
    shielded: bool = True,
    seed: int = 0,
    scenario: Scenario = NORMAL,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Runs a controller (None: the building's own) through a period of a simulated building.

    Args:
        shielded: whether the shield judges each proposal; off only to show what it prevents.
        seed: which of the years of the building's world, all unknown to training, and of what is random in a scenario.
        scenario: what the building is put through; its server type is the building's.
        progress: is told the share done, 0..1, about a hundred times.
    """
    table = TickTable(building)
    site = SimulatedSite(building, weather, period, draw=held_out(seed), scenario=scenario, seed=seed)
    seen = TickTable(building) if site.has_faulty_sensors else None
    total = period.days * 24 * building.file.timesteps_per_hour
    every = max(1, total // 100)

    def on_tick(tick: Tick) -> None:
        if seen is not None:
            seen.add(tick)
            tick = replace(tick, reading=site.truth())
        table.add(tick)
        if progress is not None and tick.number % every == 0:
            progress(tick.number / total)

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
        randomised=site.randomised,
    )
