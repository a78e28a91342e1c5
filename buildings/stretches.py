"""Stretches of a building's year under orderly and hostile set-points, and what was seen in each."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from .catalog import Building
from .errors import SimulationError
from .folders import temporary
from .fork import OpenFiles, fork_map
from .instrumentation import InstrumentedRun
from .known import Array
from .model import Period
from .warnings import ERROR_FILE, Complaints, complaints
from .ways import Way, choose_setpoints
from .weather import Weather


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """What one stretch of the year showed.

    Attributes:
        way: how its set-points were chosen.
        first_day: its first day, as MM-DD.
        steps: steps done; fewer than the stretch has where EnergyPlus gave up.
        seconds: what the steps took, sizing and warm-up left out [s].
        low, high: least and greatest value of every measured point that was ever finite [unit of the point].
        not_finite: in how many steps a point was not finite, those of the first reading's meters left out.
        balance_frac: what HVAC, IT and other lack of the facility's electricity, as a share of it.
        digest: of every value: the same for two runs only if they are equal to the last bit.
        complaints: EnergyPlus's own.
        failure: why EnergyPlus gave up; empty if it did not.
    """

    way: Way
    first_day: str
    steps: int
    seconds: float
    low: Mapping[str, float]
    high: Mapping[str, float]
    not_finite: Mapping[str, int]
    balance_frac: float
    digest: str
    complaints: Complaints
    failure: str


def stretches(
    building: Building,
    weather: Weather,
    jobs: Sequence[tuple[Way, Period]],
    *,
    seed: int,
    processes: int,
) -> list[Stretch]:
    """Runs stretches, each in a process of its own, so many at once.

    Raises SimulationError where this process cannot fork.
    """
    runs = [partial(stretch, building, weather, way, period, seed=seed) for way, period in jobs]
    return fork_map(lambda: OpenFiles(offsets={}, silenced=()), runs, processes=processes)


def stretch(building: Building, weather: Weather, way: Way, period: Period, *, seed: int) -> Stretch:
    """Runs one stretch. A simulation that gives up is told in the result."""
    failure, rows, seconds = "", [], 0.0
    with temporary("stretch") as folder:
        run = InstrumentedRun(building, weather, period, keep=folder)
        choose = choose_setpoints(way, building, seed)
        try:
            values: Array | None = run.start()
            began = time.perf_counter()
            while values is not None:
                rows.append(values)
                values = run.step(choose())
            seconds = time.perf_counter() - began
        except SimulationError as error:
            failure = str(error)
        finally:
            run.close()
        file = folder / ERROR_FILE
        found = complaints(file.read_text(errors="replace") if file.exists() else "")
    names = [p.name for p in run.measured]
    table = np.array(rows).reshape(len(rows), len(names))
    return Stretch(
        way=way,
        first_day=f"{period.first:%m-%d}",
        steps=max(0, len(rows) - 1),
        seconds=seconds,
        **_extent(table, names),
        not_finite=_not_finite(table, names),
        balance_frac=_balance_frac(building, table, names),
        digest=hashlib.sha256(table.tobytes()).hexdigest(),
        complaints=found,
        failure=failure,
    )


def _extent(table: Array, names: Sequence[str]) -> dict[str, dict[str, float]]:
    finite = np.isfinite(table)
    low = np.where(finite, table, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, table, -np.inf).max(axis=0, initial=-np.inf)
    known = [i for i in range(len(names)) if finite[:, i].any()]
    return {
        "low": {names[i]: float(low[i]) for i in known},
        "high": {names[i]: float(high[i]) for i in known},
    }


def _not_finite(table: Array, names: Sequence[str]) -> dict[str, int]:
    """Of the readings after the first: before it no step has ended, and a meter has nothing to say."""
    counts = (~np.isfinite(table[1:])).sum(axis=0)
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def _balance_frac(building: Building, table: Array, names: Sequence[str]) -> float:
    meters = building.file.meters
    parts = [names.index(name) for name in (meters.hvac, meters.it, meters.other) if name is not None]
    total = float(np.nansum(table[1:, names.index(meters.total)]))
    return 1.0 - float(np.nansum(table[1:, parts])) / total if total else 0.0
