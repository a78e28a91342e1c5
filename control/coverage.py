"""How often the inlets were where they were predicted, within the bound: by horizon, run by run.

Runs are shown to a Forecaster tick by tick, as the loop does it. Beside its bounds, which follow the errors, stand
those that it began with, left where they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period
from airhandler.buildings.points import Reading, Setpoints
from airhandler.safety.forecaster import MISSES, Forecaster

from .compare import Cell, compare
from .table import TickTable

BAND = (0.93, 0.97)
"""Where the coverage of a bound must be that is nominally 95 %. Source: acceptance of the project."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The predictions of a run.

    Attributes:
        error_k: measured less predicted; NaN where there was no prediction [ticks, steps, zones].
        bound_k: the bounds at that time [ticks, steps, zones].
    """

    error_k: Array
    bound_k: Array

    def covered_frac(self, bound_k: Array | None = None) -> list[float]:
        """Share of errors within the bounds, those of that time by default, for each step ahead [steps]."""
        known = np.isfinite(self.error_k)
        kept = known & (np.abs(self.error_k) <= (self.bound_k if bound_k is None else bound_k))
        return [float(share) for share in kept.sum(axis=(0, 2)) / known.sum(axis=(0, 2))]


def scores(table: TickTable, forecaster: Forecaster) -> Scores:
    """Shows a run to a Forecaster, which begins anew."""
    forecaster.reset()
    measured = {name: table.measured[name].tolist() for name in forecaster.points}
    told = {p.name: table.applied[p.name].tolist() for p in table.building.setpoints}
    written = table.written
    found, in_force = [], None
    for tick, time in enumerate(table.time):
        values = {name: column[tick] for name, column in measured.items()}
        forecaster.observe(Reading(time=time, values=values), in_force)
        found.append(forecaster.scored)
        in_force = Setpoints({name: column[tick] for name, column in told.items()}) if written[tick] else None
    return Scores(
        error_k=np.array([s.error_k for s in found if s is not None]),
        bound_k=np.array([s.bound_k for s in found if s is not None]),
    )


def bench_coverage(
    building: str,
    weathers: Sequence[str],
    controllers: Sequence[str],
    period: Period,
    *,
    processes: int,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Runs controllers through weathers and counts: `online` and `fixed` coverage for each step ahead.

    Raises UserError for an unknown name.
    """
    runs, kept = [], []
    for weather in weathers:
        cells = [Cell(controller=c, building=building, weather=weather, period=period) for c in controllers]
        for cell, done in zip(cells, compare(cells, processes=processes), strict=True):
            table = done.table
            found = scores(table, Forecaster(table.building))
            kept.append(found)
            runs.append({"weather": weather, "controller": cell.controller, **_row(found)})
            if progress is not None:
                progress(1)
    together = Scores(error_k=_joined(kept, "error_k"), bound_k=_joined(kept, "bound_k"))
    return {
        "building": building,
        "days": period.days,
        "nominal": 1.0 - MISSES,
        **_row(together),
        "runs": runs,
    }


def with_inlets(name: str) -> str:
    """The name of a building that has server zones; raises UserError for another."""
    if not find_building(name).zones:
        raise UserError(f"{name}: has no server zones, and so no inlets that the shield predicts")
    return name


def in_band(result: Mapping[str, Any]) -> bool:
    """Whether the coverage of all runs together is in the band, for every step ahead."""
    return all(BAND[0] <= share <= BAND[1] for share in result["online"])


def _row(found: Scores) -> dict[str, Any]:
    bounds_k = found.bound_k.mean(axis=(0, 2))
    return {
        "predictions": int(np.isfinite(found.error_k).sum()),
        "online": _rounded(found.covered_frac()),
        "fixed": _rounded(found.covered_frac(found.bound_k[0])),
        "mean_bound_k": _rounded(bounds_k),
        "greatest_bound_k": _rounded(found.bound_k.max(axis=(0, 2))),
    }


def _rounded(values: Sequence[float] | Array) -> list[float]:
    return [round(float(value), 4) for value in values]


def _joined(kept: Sequence[Scores], field: str) -> Array:
    return np.concatenate([getattr(each, field) for each in kept])
