"""Runs one controller on one simulated building over one stretch of weather, through the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airhandler.buildings.catalog import Building
from airhandler.buildings.model import Period
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
    """What came of a run."""

    controller: str
    weather: str
    table: TickTable
    kpis: Kpis


def evaluate(
    controller: Controller | None,
    building: Building,
    weather: Weather,
    period: Period,
    *,
    shielded: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Runs a controller (None: the building's own) through a period of a simulated building.

    Args:
        shielded: whether the shield judges each proposal; off only to show what it prevents.
        progress: is told the share done, 0..1, about a hundred times.
    """
    table = TickTable(building)
    total = period.days * 24 * building.file.timesteps_per_hour
    every = max(1, total // 100)

    def on_tick(tick: Tick) -> None:
        table.add(tick)
        if progress is not None and tick.number % every == 0:
            progress(tick.number / total)

    site = SimulatedSite(building, weather, period)
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
    )
