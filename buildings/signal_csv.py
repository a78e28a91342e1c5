"""A signal from a CSV: times and one column, checked row by row, onto the steps of the simulated year.

The first row names the columns, `time` among them: ISO 8601, the begin of what its row holds for, with an offset from
UTC or in a zone that is declared. The rows follow each other at one interval. They are put onto the simulated year by
month, day and hour of local standard time (29 February is left out), so that the days of the week are not kept; of an
hour that comes twice the earlier row counts. Rows are counted as a spreadsheet does: the first one is row 1.
"""

from __future__ import annotations

import csv
import difflib
import math
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import UserError
from .known import Array
from .signals import DAY_S, DAYS, Series, Year

TIME = "time"
_FEBRUARY_29 = 59  # days of a leap year before it


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    number: int
    time_s: float  # since 1970-01-01 UTC
    value: float | None


def read_series(declared: Series, name: str, plausible: tuple[float, float], year: Year) -> Array:
    """The value of each step of the year [steps]: held where rows are longer than steps, averaged where shorter.

    Args:
        name: of the signal; its column, unless another is declared.
        plausible: low and high of the signal [unit].

    Raises UserError that names the file, the row, the column, what it holds and what to do.
    """
    path = Path(declared.file).expanduser()
    rows = list(_rows(path, declared, declared.column or name, plausible, year))
    rows = [row for row in rows if row.value is not None]
    if len(rows) < 2:
        raise UserError(f"{path}: {len(rows)} rows with a value are no series")
    interval_s = _interval_s(path, rows, year)
    times_s, values = _without_gaps(path, rows, interval_s, declared.fill_h)
    grain_s = min(interval_s, year.step_s)
    times_s = (times_s[:, None] + np.arange(0, interval_s, grain_s)).ravel()
    fine = _onto_year(path, times_s, np.repeat(values, interval_s // grain_s), grain_s, year)
    return np.asarray(fine.reshape(year.steps, -1).mean(axis=1))


def _rows(path: Path, declared: Series, column: str, plausible: tuple[float, float], year: Year) -> Iterator[_Row]:
    zone = _zone(path, declared.zone)
    first_s = -math.inf
    if declared.begin is not None:
        first_s = _day(path, declared.begin).replace(tzinfo=year.zone).timestamp()
    before_s = -math.inf
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            time_at, value_at = _header(path, next(reader, []), column)
            for cells in reader:
                if not cells:
                    continue
                where = f"{path}: row {reader.line_num}"
                if len(cells) <= max(time_at, value_at):
                    raise UserError(f"{where}: {len(cells)} cells, too few for the columns that row 1 names")
                time_s = _time_s(f"{where}, column {TIME}", cells[time_at].strip(), zone, before_s)
                value = _value(f"{where}, column {column}", cells[value_at].strip(), declared.scale, plausible)
                before_s = time_s
                if time_s >= first_s:
                    yield _Row(number=reader.line_num, time_s=time_s, value=value)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from error


def _zone(path: Path, name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UserError(f"{path}: zone {name!r} is not known; write it as Europe/Berlin or UTC") from error


def _day(path: Path, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 - the caller knows the zone
    except ValueError as error:
        raise UserError(f"{path}: begin {text!r} is not a day") from error


def _header(path: Path, names: Sequence[str], column: str) -> tuple[int, int]:
    header = [name.strip() for name in names]
    for wanted in (TIME, column):
        if header.count(wanted) != 1:
            near = difflib.get_close_matches(wanted, header, n=1, cutoff=0.4)
            hint = f"; nearest: {near[0]}" if near else ""
            how = "twice" if wanted in header else "not"
            raise UserError(f"{path}: row 1: column {wanted!r} is {how} among {', '.join(header) or 'nothing'}{hint}")
    return header.index(TIME), header.index(column)


def _time_s(where: str, cell: str, zone: tzinfo | None, before_s: float) -> float:
    """Seconds since 1970 UTC. A wall-clock hour that comes twice in autumn is the later one the second time."""
    try:
        time = datetime.fromisoformat(cell)
        if time.tzinfo is None:
            time = _in_zone(where, time, zone, before_s)
        time_s = time.timestamp()
    except (ValueError, OverflowError) as error:
        raise UserError(f"{where}: {cell!r} is no time; write 2026-07-01T00:15:00+02:00") from error
    if time_s <= before_s:
        raise UserError(f"{where}: {cell} is not later than the row before it")
    return time_s


def _in_zone(where: str, wall: datetime, zone: tzinfo | None, before_s: float) -> datetime:
    if zone is None:
        raise UserError(f"{where}: {wall.isoformat()} lacks its offset from UTC: write it, or declare `zone`")
    time = wall.replace(tzinfo=zone)
    if time.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        raise UserError(f"{where}: {wall.isoformat()} does not exist in {zone}: clocks skip it")
    return time.replace(fold=1) if time.timestamp() <= before_s else time


def _value(where: str, cell: str, scale: float, plausible: tuple[float, float]) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell) * scale
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{where}: {cell!r} is no number; leave an absent value empty")
    if not plausible[0] <= value <= plausible[1]:
        raise UserError(
            f"{where}: {value:g} is outside the signal's range {plausible[0]:g} to {plausible[1]:g}: "
            "check the unit (`scale`), or declare a wider range"
        )
    return value


def _interval_s(path: Path, rows: Sequence[_Row], year: Year) -> int:
    """The interval that most rows follow each other at."""
    steps_s, counts = np.unique(np.diff([row.time_s for row in rows]), return_counts=True)
    interval_s = float(steps_s[np.argmax(counts)])
    longer, shorter = max(interval_s, year.step_s), min(interval_s, year.step_s)
    if interval_s != int(interval_s) or longer % shorter or DAY_S % interval_s:
        raise UserError(
            f"{path}: rows are {interval_s / 60:g} minutes apart, which does not go with control steps of "
            f"{year.step_s / 60:g} minutes: the one must be a multiple of the other, and a part of a day"
        )
    return int(interval_s)


def _without_gaps(path: Path, rows: Sequence[_Row], interval_s: int, fill_h: float) -> tuple[Array, Array]:
    """Times [s] and values at the interval. Raises UserError for a gap that is longer than may be filled."""
    times_s, values = [rows[0].time_s], [rows[0].value]
    for row in rows[1:]:
        count, rest_s = divmod(row.time_s - times_s[-1], interval_s)
        if rest_s:
            when = datetime.fromtimestamp(row.time_s, UTC).isoformat()
            raise UserError(f"{path}: row {row.number}: {when} is not on the grid of {interval_s / 60:g} minutes")
        missing_h = (count - 1) * interval_s / 3600.0
        if missing_h > fill_h:
            when = datetime.fromtimestamp(times_s[-1] + interval_s, UTC).isoformat()
            raise UserError(
                f"{path}: before row {row.number}: {missing_h:g} hours are missing from {when} on: give them, or "
                f"declare fill_h: {math.ceil(missing_h)} (168 at most) to keep the value before them"
            )
        for _ in range(int(count) - 1):
            times_s.append(times_s[-1] + interval_s)
            values.append(values[-1])
        times_s.append(row.time_s)
        values.append(row.value)
    return np.array(times_s), np.array(values, dtype=np.float64)


def _onto_year(path: Path, times_s: Array, values: Array, grain_s: int, year: Year) -> Array:
    """The values at each grain of a year of 365 days."""
    second = _second_of_year(times_s, year)
    kept = second >= 0
    if (second[kept] % grain_s).any():
        raise UserError(
            f"{path}: its times are not on the control steps of {year.zone}: shift them, or use shorter control steps"
        )
    onto = np.full(DAYS * DAY_S // grain_s, np.nan)
    onto[second[kept][::-1] // grain_s] = values[kept][::-1]  # the earliest is written last: it counts
    if np.isnan(onto).any():
        first = year.time(int(np.flatnonzero(np.isnan(onto))[0]) * grain_s // year.step_s)
        raise UserError(
            f"{path}: nothing for {first:%m-%d %H:%M} local standard time, {np.isnan(onto).mean():.0%} of the year "
            "is missing: a whole year is needed"
        )
    return onto


def _second_of_year(times_s: Array, year: Year) -> NDArray[np.int64]:
    """Seconds since the begin of a year of 365 days, in local standard time; -1 for 29 February."""
    local = (times_s + year.zone.utcoffset(None).total_seconds()).astype(np.int64).astype("datetime64[s]")
    days, begins = local.astype("datetime64[D]"), local.astype("datetime64[Y]")
    ends = (begins + np.timedelta64(1, "Y")).astype("datetime64[D]")
    day = (days - begins.astype("datetime64[D]")).astype(np.int64)
    leap = (ends - begins.astype("datetime64[D]")).astype(np.int64) > DAYS
    second = (day - (leap & (day > _FEBRUARY_29))) * DAY_S + (local - days).astype(np.int64)
    return np.where(leap & (day == _FEBRUARY_29), -1, second)
