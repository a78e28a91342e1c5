"""Identifies the thermal section of a building file from runs: fitted on some, bounds calibrated on others.

Split conformal: the bounds are quantiles of the errors on runs that nothing was fitted on.
Source: Angelopoulos and Bates, A gentle introduction to conformal prediction, 2021, section 1 (secondary).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.thermal_file import ThermalFile
from airhandler.safety.forecast import MOST_BIAS_K, MOST_BOUND_K, MOST_LEAK_FRAC
from airhandler.safety.forecaster import MISSES, Forecaster, rises_k

from .coverage import scores
from .table import TickTable

_FOLLOW = np.round(np.arange(0.5, 1.001, 0.02), 2)
_KEEP = np.round(np.arange(0.5, 1.001, 0.02), 2)
_FEW_DAYS = 7  # with fewer there is no week of the load, and 5 % of the errors are a few dozen
_AIR = ("inlet_temp", "zone_temp", "supply_temp", "supply_flow", "server_flow")


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptRun:
    """A run from a folder."""

    name: str
    table: TickTable


def runs_in(folder: Path) -> list[KeptRun]:
    """The runs that `evaluate --out`, `shadow` or `live` kept in a folder, as their sensors showed them.

    Raises UserError where there is none, or one of a building without server zones.
    """
    paths = [path for path in sorted(folder.glob("*.npz")) if not path.name.endswith(".seen.npz")]
    if not paths:
        raise UserError(f"{folder}: holds no runs; `airhandler evaluate CONTROLLER... --out {folder}` keeps them")
    runs = [KeptRun(name=_named(path), table=TickTable.load(_seen(path))) for path in paths]
    for run in runs:
        if not run.table.building.zones:
            raise UserError(f"{folder}: {run.name} is of {run.table.building.id}, which has no server zones")
    return runs


def identify(fitted: Sequence[KeptRun], held_out: Sequence[KeptRun]) -> ThermalFile:
    """What the runs show of their building. Raises UserError for runs of several, or that tell too little."""
    building = _one_building([*fitted, *held_out])
    tables = [run.table for run in fitted]
    lag, leak_frac, bias_k = min((_balance(tables, lag) for lag in (0, 1)), key=lambda found: found[1])[0]
    follow_frac, keep_frac = _supply(tables, building.file.timesteps_per_hour)
    found = ThermalFile(
        leak_frac=round(leak_frac, 4),
        bias_k=round(bias_k, 3) + 0.0,  # no minus before a zero
        follow_frac=follow_frac,
        keep_frac=keep_frac,
        inlet_lag_steps=lag,
        bound_k=(0.0,) * building.file.timesteps_per_hour,
    )
    words = f"fitted on {_words(fitted)}; bounds from {_words(held_out)}"
    return found.model_copy(update={"bound_k": _bounds_k(held_out, found), "found": words})


def doubts(found: ThermalFile, fitted: Sequence[KeptRun], held_out: Sequence[KeptRun]) -> list[str]:
    """What speaks against believing it: values at the ends of what is tried, and little to go by."""
    ends = {
        "leak_frac": (0.0, MOST_LEAK_FRAC),
        "bias_k": (-MOST_BIAS_K, MOST_BIAS_K),
        "follow_frac": (float(_FOLLOW[0]), math.inf),  # all at once is no end of what is tried, but of what can be
        "keep_frac": (float(_KEEP[0]), float(_KEEP[-1])),
    }
    said = [
        f"{name} {getattr(found, name):g} is at the end of what is tried: the air may answer in another way, "
        "and the error bounds hold what that costs"
        for name, at in ends.items()
        if getattr(found, name) in at
    ]
    for runs, what in ((fitted, "to fit"), (held_out, "that are held out")):
        table = runs[0].table
        days = sum(len(run.table) for run in runs) / (24 * table.building.file.timesteps_per_hour)
        if days < _FEW_DAYS:
            said.append(
                f"the runs {what} are {days:.1f} days in all: {_FEW_DAYS} or more, of several seasons, show more"
            )
    return said


def with_thermal(building: Building, thermal: ThermalFile) -> Building:
    """The building with another thermal section."""
    return replace(building, file=building.file.model_copy(update={"thermal": thermal}))


def _balance(tables: Sequence[TickTable], lag: int) -> tuple[tuple[int, float, float], float]:
    """Leak and bias by least squares, should inlet sensors be so many readings behind; and the scatter that is left."""
    pairs = [_rises(table, lag) for table in tables]
    x, y = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    if len(x) < 2:
        raise UserError("the runs hold no two ticks with every sensor of a server zone")
    leak_frac, bias_k = np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), y, rcond=None)[0]
    leak_frac = float(np.clip(leak_frac, 0.0, MOST_LEAK_FRAC))
    bias_k = float(np.clip(np.mean(y - leak_frac * x), -MOST_BIAS_K, MOST_BIAS_K))
    return (lag, leak_frac, bias_k), float(np.mean(np.abs(y - leak_frac * x - bias_k)))


def _rises(table: TickTable, lag: int) -> tuple[Array, Array]:
    """What leak_fit.py calls x and y, of every zone and tick that has them."""
    found = []
    for roles in table.building.zones.values():
        inlet_c, *air = (table.measured[getattr(roles, part)] for part in _AIR)
        ticks = len(table) - lag
        found.append(rises_k(inlet_c[lag:], np.stack([inlet_c, *air])[:, :ticks]))
    x, y = (np.concatenate([pair[i] for pair in found]) for i in (0, 1))
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known]


def _supply(tables: Sequence[TickTable], steps: int) -> tuple[float, float]:
    """The share of a change that supply air follows, and of its distance that is left: with the least errors.

    Least in the mean over runs and steps ahead of the error that 95 % keep, which is what the bounds are made of.
    """
    supplies = [pair for table in tables for pair in _supplies(table) if _shows_steps(*pair, steps)]
    if not supplies:
        raise UserError(
            f"in none of the runs to fit was a set-point told in {steps + 1} ticks on end: `stock` alone does not show "
            "how air follows one"
        )

    def width_k(way: tuple[float, float]) -> float:
        return float(np.mean([_widths_k(supply_c, told_c, *way, steps) for supply_c, told_c in supplies]))

    follow_frac, keep_frac = min(itertools.product(_FOLLOW.tolist(), _KEEP.tolist()), key=width_k)
    return follow_frac, keep_frac


def _supplies(table: TickTable) -> Iterator[tuple[Array, Array]]:
    """Supply air and its set-point of each zone, of a run in which it was told."""
    told = table.written
    if told.mean() < 0.5:
        return
    for roles in table.building.zones.values():
        yield (
            table.measured[roles.supply_temp],
            np.where(told, table.applied[roles.supply_temp_setpoint], np.nan),
        )


def _shows_steps(supply_c: Array, told_c: Array, steps: int) -> bool:
    """Whether there is an error for every number of steps ahead: a short run, or a sensor that is absent, has none."""
    return bool(np.isfinite(_errors_k(supply_c, told_c, 1.0, 0.0, steps)).any(axis=1).all())


def _widths_k(supply_c: Array, told_c: Array, follow_frac: float, keep_frac: float, steps: int) -> Array:
    """The error of the supply air that 95 % keep, 1, 2, ... steps ahead [steps]."""
    errors_k = _errors_k(supply_c, told_c, follow_frac, keep_frac, steps)
    return np.array([np.quantile(error_k[np.isfinite(error_k)], 1.0 - MISSES) for error_k in errors_k])


def _errors_k(supply_c: Array, told_c: Array, follow_frac: float, keep_frac: float, steps: int) -> Array:
    """How far the supply air was from where it was to be, 1, 2, ... steps ahead; NaN if not known [steps, ticks]."""
    first, last = 1, max(1, len(supply_c) - steps)
    off_k, before_c = supply_c[first:last] - told_c[first - 1 : last - 1], told_c[first - 1 : last - 1]
    errors_k = []
    for ahead in range(steps):
        now_c = told_c[first + ahead : last + ahead]
        off_k = keep_frac * off_k - (1.0 - follow_frac) * (now_c - before_c)
        before_c = now_c
        errors_k.append(np.abs(supply_c[first + ahead + 1 : last + ahead + 1] - now_c - off_k))
    return np.array(errors_k)


def _bounds_k(runs: Sequence[KeptRun], found: ThermalFile) -> tuple[float, ...]:
    """Conformal quantiles of the errors on runs that nothing was fitted on, for 1, 2, ... steps ahead [K]."""
    building = with_thermal(runs[0].table.building, found)
    errors = [np.abs(scores(run.table, Forecaster(building, rate_k=0.0)).error_k) for run in runs]
    return tuple(
        round(_conformal_k(np.concatenate([each[:, ahead].ravel() for each in errors])), 3)
        for ahead in range(len(found.bound_k))
    )


def _conformal_k(error_k: Array) -> float:
    """The ceil((n + 1) 95 %)-th smallest of n errors."""
    known = np.sort(error_k[np.isfinite(error_k)])
    if not known.size:
        raise UserError("the runs that are held out have no two ticks after each other with every sensor")
    rank = math.ceil((known.size + 1) * (1.0 - MISSES))
    return min(float(known[min(rank, known.size) - 1]), MOST_BOUND_K)


def _one_building(runs: Sequence[KeptRun]) -> Building:
    first = runs[0].table.building
    if others := sorted({run.table.building.id for run in runs} - {first.id}):
        raise UserError(f"the runs are of several buildings: {first.id}, {', '.join(others)}: identify one at a time")
    return first


def _words(runs: Sequence[KeptRun]) -> str:
    ticks = sum(len(run.table) for run in runs)
    return f"{', '.join(sorted({run.name for run in runs}))} ({ticks} ticks)"


def _named(path: Path) -> str:
    """A run's name without the mark that tells it from others of that name."""
    return re.sub(r"-[0-9a-f]{8}$", "", path.stem)


def _seen(path: Path) -> Path:
    """What the sensors showed, where that differs from the truth."""
    beside = path.with_suffix(".seen.npz")
    return beside if beside.exists() else path
