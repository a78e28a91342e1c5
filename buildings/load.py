"""The servers' load as a scenario commands it: by a pattern, or from a trace, on the building's drives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .catalog import Building
from .errors import UserError
from .known import Array
from .load_pattern import PATTERNS, pattern_load
from .load_trace import Repeat, placed_load, read_trace
from .model import Period


def it_load(building: Building, load: str, period: Period, *, seed: int) -> dict[str, Array]:
    """What a load puts on a building's drives, by their names, in every step of a period [steps].

    A day has the same load, whatever the period that holds it.

    Args:
        building: whose servers.
        load: a pattern's name (`daily`, `bursty`), or the path of a CSV trace, with `:weekly` behind it where it is to
            repeat every week; see load_trace.py.
        period: which stretch of the year.
        seed: of a pattern; a trace has nothing random.

    Raises UserError for a building whose load cannot be commanded, and for what is neither a pattern nor a trace.
    """
    names = load_drives(building)
    loads = _of_pattern(building, load, period, seed) if load in PATTERNS else _of_trace(building, load, period)
    return {
        name: loads[:, [i for i, other in enumerate(names) if other == name]].mean(axis=1)
        for name in dict.fromkeys(names)
    }


def load_drives(building: Building) -> list[str]:
    """The drive of each zone's load: the one that is called as the point. Zones may share one: it gets their mean.

    Raises UserError where there is none.
    """
    drives = {d.name for d in building.drives}
    names = [zone.it_load for zone in building.zones.values()]
    if not names or not drives.issuperset(names):
        raise UserError(f"{building.id}: the load of its servers cannot be commanded: it has no drive for it")
    return names


def _of_pattern(building: Building, name: str, period: Period, seed: int) -> Array:
    """A whole year, of which the period is cut out."""
    year, step_h = Period(), building.step_s / 3600.0
    steps = round(year.days * 24 / step_h)
    loads = pattern_load(
        PATTERNS[name],
        hours=step_h * np.arange(steps, dtype=np.float64),
        first_weekday=year.first.weekday(),
        zones=len(building.zones),
        generator=np.random.default_rng(seed),
    )
    begin = round((period.first - year.first).days * 24 / step_h)
    return loads[begin : begin + round(period.days * 24 / step_h)]


def _of_trace(building: Building, load: str, period: Period) -> Array:
    path, _, cycle = load.rpartition(":")
    repeat: Repeat = "weekly" if path and cycle == "weekly" else "yearly"
    file = Path(path if path and cycle in ("weekly", "yearly") else load)
    if not file.is_file():
        raise UserError(f"load {load!r}: neither {' nor '.join(PATTERNS)} nor a file; a trace is FILE.csv[:weekly]")
    trace = read_trace(file, list(building.zones))
    steps = round(period.days * 24 * 3600 / building.step_s)
    return placed_load(trace, repeat, first=period.first, steps=steps, step_s=building.step_s)
