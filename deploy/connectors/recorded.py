"""A recorded site: readings from a CSV, at the time that it tells. It can be read, and not written to.

The first row names the columns: `time` (ISO 8601 with its offset from UTC), then points of the building. An
empty cell is an absent value. Rows are counted as a spreadsheet does: the first one is row 1.
"""

from __future__ import annotations

import bisect
import csv
import difflib
import itertools
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Point, Reading, Role
from airhandler.deploy.settings import RunSettings

from .connection import View

TIME = "time"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """What was recorded, oldest first.

    Attributes:
        times: when, timezone-aware, each later than the one before.
        rows: point name to value [unit of the point]; None is absent.
    """

    times: tuple[datetime, ...]
    rows: tuple[Mapping[str, float | None], ...]


class RecordedClock:
    """Recorded time, at a pace; it ends with the recording, or at a stop."""

    def __init__(self, recording: Recording, speed: float | None = None) -> None:
        self._now, self._end, self._speed = recording.times[0], recording.times[-1], speed
        self._stop = threading.Event()

    def now(self) -> datetime:
        """Recorded time."""
        return self._now

    def sleep_until(self, when: datetime) -> bool:
        """Goes on to `when`; False at the end of the recording or once stopped."""
        if self._stop.is_set() or when > self._end:
            return False
        pause_s = max(0.0, (when - self._now).total_seconds())
        if self._speed is not None and self._stop.wait(pause_s / self._speed):
            return False
        self._now = max(self._now, when)
        return True

    def stop(self) -> None:
        """Ends the run at once."""
        self._stop.set()


class RecordedSite:
    """The newest recorded row at each time, with its age."""

    def __init__(self, building: Building, recording: Recording, clock: RecordedClock) -> None:
        self._points, self._recording, self._clock = building.points, recording, clock
        self._closed = False

    @property
    def points(self) -> Sequence[Point]:
        """Every point of the building."""
        return self._points

    def read(self) -> Reading:
        """The newest row that is not later than now. Raises SiteError once closed."""
        if self._closed:
            raise SiteError("the recorded site is closed")
        now = self._clock.now()
        newest = bisect.bisect_right(self._recording.times, now) - 1
        row, age_s = self._recording.rows[newest], (now - self._recording.times[newest]).total_seconds()
        return Reading(time=now, values=row, age_s=dict.fromkeys(row, age_s))

    def close(self) -> None:
        """Nothing is read after this."""
        self._closed = True


def watch_recorded(settings: RunSettings, building: Building) -> View:
    """A recording to look at. Raises UserError if it cannot be read."""
    recording = read_recording(Path(settings.site), building)
    clock = RecordedClock(recording, settings.speed)
    span_s = (recording.times[-1] - recording.times[0]).total_seconds()
    return View(
        site=RecordedSite(building, recording, clock),
        clock=clock,
        ticks=int(span_s // building.step_s) + 1,
        about=f"recording {settings.site}, {len(recording.times)} rows from {recording.times[0].isoformat()}",
    )


def read_recording(path: Path, building: Building) -> Recording:
    """Reads a CSV. Raises UserError that names the row and the column, or lists missing columns."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            header = _header(path, next(rows, []), building)
            parsed = [_row(path, rows.line_num, header, cells) for cells in rows if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from error
    if not parsed:
        raise UserError(f"{path}: has no row after the names of the columns")
    _check_order(path, parsed)
    return Recording(times=tuple(time for _, time, _ in parsed), rows=tuple(values for _, _, values in parsed))


def write_recording(path: Path, building: Building, readings: Iterable[Reading]) -> None:
    """Writes readings as the CSV that `read_recording` reads; ages are not kept."""
    names = _measured(building)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([TIME, *names])
        for reading in readings:
            values = (reading.get(name) for name in names)
            rows.writerow([reading.time.isoformat(), *("" if v is None else repr(v) for v in values)])


def _measured(building: Building) -> list[str]:
    return [p.name for p in building.points if p.role is not Role.SETPOINT]


def _header(path: Path, names: list[str], building: Building) -> list[str]:
    header = [name.strip() for name in names]
    known = [TIME, *(p.name for p in building.points)]
    for column, name in enumerate(header, start=1):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2)
            hint = f"; nearest: {', '.join(near)}" if near else ""
            raise UserError(f"{path}: row 1, column {column}: {name!r} is no point of {building.id}{hint}")
        if name in header[: column - 1]:
            raise UserError(f"{path}: row 1, column {column}: {name} stands twice")
    if missing := [name for name in (TIME, *_measured(building)) if name not in header]:
        raise UserError(
            f"{path}: missing columns: {', '.join(missing)} (a point that was not recorded has empty cells)"
        )
    return header


def _row(
    path: Path, number: int, header: list[str], cells: list[str]
) -> tuple[int, datetime, Mapping[str, float | None]]:
    if len(cells) != len(header):
        raise UserError(f"{path}: row {number}: {len(cells)} cells where row 1 names {len(header)} columns")
    named = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    try:
        time = datetime.fromisoformat(named.pop(TIME))
    except ValueError as error:
        raise UserError(f"{path}: row {number}, column {TIME}: {error}; write 2026-07-01T00:15:00+02:00") from error
    if time.tzinfo is None:
        raise UserError(f"{path}: row {number}, column {TIME}: {time.isoformat()} lacks its offset from UTC")
    return number, time, {name: _value(path, number, name, cell) for name, cell in named.items()}


def _value(path: Path, number: int, name: str, cell: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{path}: row {number}, column {name}: {cell!r} is no number; leave an absent value empty")
    return value


def _check_order(path: Path, parsed: Sequence[tuple[int, datetime, object]]) -> None:
    for (_, before, _), (number, time, _) in itertools.pairwise(parsed):
        if time <= before:
            raise UserError(
                f"{path}: row {number}, column {TIME}: {time.isoformat()} is not later than the row before it"
            )
