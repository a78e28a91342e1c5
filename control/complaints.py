"""A simulated stretch under a controller, for what EnergyPlus complains about in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from airhandler.buildings.catalog import Building, Kind
from airhandler.buildings.folders import temporary
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period
from airhandler.buildings.points import Reading
from airhandler.buildings.warnings import ERROR_FILE, Complaints, complaints
from airhandler.buildings.ways import choose_setpoints
from airhandler.buildings.weather import Weather

from .registry import STOCK, find_controller

RANDOM = "random"

USUAL: Mapping[Kind, str] = {
    "data centre": f"{STOCK},outdoor-reset,{RANDOM}",
    "office": f"{STOCK},setback,{RANDOM}",
}
"""The controllers that are asked about where nobody names any, separated by commas."""


def complaints_under(
    name: str, building: Building, weather: Weather, period: Period, *, seed: int = 0
) -> tuple[Complaints, float]:
    """What EnergyPlus complained about, and its speed [steps/s].

    Args:
        name: a controller, without a shield, or `random`: every set-point anywhere between its limits in every step.
        building: which building.
        weather: which weather.
        period: which stretch of the year.
        seed: of random set-points.

    Raises UserError for a controller that is not known.
    """
    choose = _choice(name, building, seed)
    with temporary("complaints") as folder:
        run = InstrumentedRun(building, weather, period, keep=folder)
        try:
            values: Array | None = run.start()
            began = time.perf_counter()
            while values is not None:
                values = run.step(choose(run.reading(values)))
            seconds = time.perf_counter() - began
        finally:
            run.close()
        text = (folder / ERROR_FILE).read_text(errors="replace")
    return complaints(text), run.total_steps / seconds


def check_named(names: Sequence[str], building: Building) -> None:
    """Raises UserError for a controller that is not known, or is for another kind of building."""
    for name in names:
        _choice(name, building, 0)


def _choice(name: str, building: Building, seed: int) -> Callable[[Reading], Array]:
    if name == RANDOM:
        draw = choose_setpoints("random", building, seed)
        return lambda _: draw()
    controller = find_controller(name, building)
    if controller is None:
        return lambda _: np.full(len(building.setpoints), np.nan)
    return lambda reading: np.array([controller.propose(reading)[p.name] for p in building.setpoints])
