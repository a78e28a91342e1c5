"""The servers' load from a CSV trace: a column `time` in ISO 8601, then `load`, or one column a zone.

Loads are shares of full load, 0..1. Times are the site's own clock: an offset is not looked at, and neither is the
year, so that a trace of any year serves. A trace is placed by its day of the year, or, `weekly`, by its weekday, and
then repeats every week. Within a control step its rows are averaged; where it is coarser than a step, a row holds
until the next.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from .errors import UserError
from .known import Array

Repeat = Literal["weekly", "yearly"]

_DAY_S = 86_400.0
_CYCLE_DAYS: dict[Repeat, int] = {"weekly": 7, "yearly": 365}
_LONGEST_GAP = 2.5  # of usual distances between rows, until a row no longer holds


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadTrace:
    """A trace as it was read.

    Attributes:
        path: where it came from.
        times: of its rows, rising; the site's own clock, written as UTC.
        loads: [rows, zones].
    """

    path: Path
    times: tuple[dt.datetime, ...]
    loads: Array


def read_trace(path: Path, zones: Sequence[str]) -> LoadTrace:
    """Reads a trace for zones. Raises UserError with the line and what is wrong with it."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"load trace {path}: cannot be read: {error}") from error
    columns = _columns(path, rows[0] if rows else [], zones)
    times: list[dt.datetime] = []
    loads: list[list[float]] = []
    for line, row in enumerate(rows[1:], start=2):
        if row:
            times.append(_time(path, line, row, times))
            loads.append([_load(path, line, row, rows[0], column) for column in columns])
    if len(times) < 2:
        raise UserError(f"load trace {path}: must have two rows or more, has {len(times)}")
    return LoadTrace(path=path, times=tuple(times), loads=np.array(loads))


def placed_load(trace: LoadTrace, repeat: Repeat, *, first: dt.date, steps: int, step_s: float) -> Array:
    """A trace as the load of every control step from the begin of a day [steps, zones].

    Raises UserError where the trace does not reach, or holds more than the cycle that it shall repeat.
    """
    cycle_s = _CYCLE_DAYS[repeat] * _DAY_S
    span_s = (trace.times[-1] - trace.times[0]).total_seconds()
    if span_s >= cycle_s + (_DAY_S if repeat == "yearly" else 0.0):  # a leap year
        raise UserError(f"load trace {trace.path}: holds {span_s / _DAY_S:.1f} days: more than one cycle ({repeat})")
    places = np.array([_place_s(t, repeat) for t in trace.times])
    kept = places >= 0.0
    order = np.argsort(places[kept], kind="stable")
    places, loads = places[kept][order], trace.loads[kept][order]
    usual_s = float(np.median(np.diff([t.timestamp() for t in trace.times])))
    begins = _place_s(dt.datetime.combine(first, dt.time(tzinfo=dt.UTC)), repeat) + step_s * np.arange(
        steps, dtype=float
    )
    return _resampled(trace, places, loads, begins % cycle_s, step_s, _LONGEST_GAP * max(usual_s, step_s), cycle_s)


def _resampled(
    trace: LoadTrace, places: Array, loads: Array, begins: Array, step_s: float, longest_s: float, cycle_s: float
) -> Array:
    """Means of the rows in each step; where it has none, the row before it."""
    first, last = np.searchsorted(places, begins), np.searchsorted(places, begins + step_s)
    total = np.vstack([np.zeros(loads.shape[1]), np.cumsum(loads, axis=0)])
    means = (total[last] - total[first]) / np.maximum(1, last - first)[:, None]
    held = first - 1  # -1 is the last row: of the cycle before
    age_s = np.where(last > first, 0.0, (begins - places[held]) % cycle_s)
    if (late := np.flatnonzero(age_s > longest_s)).size:
        days, rest_s = divmod(float(begins[late[0]]), _DAY_S)
        raise UserError(
            f"load trace {trace.path}: has nothing for day {days + 1:.0f} of its {cycle_s / _DAY_S:.0f}, "
            f"{rest_s // 3600:02.0f}:{rest_s % 3600 // 60:02.0f}, and {longest_s / 60:.0f} minutes before; "
            f"{_covered(trace, cycle_s)}"
        )
    return np.clip(np.where((last > first)[:, None], means, loads[held]), 0.0, 1.0)  # but for rounding, they are


def _covered(trace: LoadTrace, cycle_s: float) -> str:
    """What a trace covers, and what to do about it where it is short enough to be a week."""
    first, last = trace.times[0], trace.times[-1]
    week_s = _CYCLE_DAYS["weekly"] * _DAY_S
    is_week = cycle_s > week_s and (last - first).total_seconds() < week_s
    hint = f": {trace.path}:weekly repeats it every week" if is_week else ""
    return f"it covers {first:%m-%d %H:%M} to {last:%m-%d %H:%M}{hint}"


def _place_s(time: dt.datetime, repeat: Repeat) -> float:
    """Seconds from the begin of the week (Monday) or of a 365-day year; -1 for 29 February."""
    of_day_s = (time - time.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    if repeat == "weekly":
        return time.weekday() * _DAY_S + of_day_s
    if (time.month, time.day) == (2, 29):
        return -1.0
    return (dt.date(2001, time.month, time.day) - dt.date(2001, 1, 1)).days * _DAY_S + of_day_s


def _columns(path: Path, header: Sequence[str], zones: Sequence[str]) -> list[int]:
    """Which column holds the load of each zone. Raises UserError for a header that does not fit."""
    names = [name.strip() for name in header]
    if names == ["time", "load"]:
        return [1] * len(zones)
    if names and names[0] == "time" and sorted(names[1:]) == sorted(zones):
        return [names.index(zone) for zone in zones]
    raise UserError(
        f"load trace {path}: line 1: must be 'time,load' or 'time,{','.join(zones)}', not {','.join(names)[:200]!r}"
    )


def _time(path: Path, line: int, row: Sequence[str], before: Sequence[dt.datetime]) -> dt.datetime:
    try:
        time = dt.datetime.fromisoformat(row[0].strip()).replace(tzinfo=dt.UTC)
    except ValueError:
        raise UserError(f"load trace {path}: line {line}: time {row[0]!r}: must be ISO 8601") from None
    if before and time <= before[-1]:
        raise UserError(f"load trace {path}: line {line}: time {row[0]!r}: must be later than the line before")
    return time


def _load(path: Path, line: int, row: Sequence[str], header: Sequence[str], column: int) -> float:
    text = row[column].strip() if column < len(row) else ""
    try:
        load = float(text)
    except ValueError:
        load = float("nan")
    if not 0.0 <= load <= 1.0:
        raise UserError(f"load trace {path}: line {line}: {header[column].strip()} {text!r}: must be a share, 0 to 1")
    return load
