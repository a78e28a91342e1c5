"""The rows of a recording as Series: of wide files, a column a point, and of long ones, a row a value.

What can be mended is mended and counted (recorded_mends.py): rows out of order, rows twice (the last one stands), cells
that are no number (absent), rows without a time (left out). A file that is mostly nonsense is refused. Rows are counted
as a spreadsheet does: the first one, with the names of the columns, is row 1.
"""

from __future__ import annotations

import difflib
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.points import Role
from airhandler.safety.sensors import needed_points

from .recorded_map import NAME, VALUE, RecordMap, Tag
from .recorded_mends import Mending
from .recorded_times import NoOffsetError, Times
from .recording import Series
from .units import SAME

MOSTLY_FRAC = 0.5
"""Beyond this share of rows without a time, or of cells of a point that are no number, nothing else is believed."""

LEFT_OUT = "row without a time: left out"
SHORT = "row with another number of cells than the first: left out"
NO_NUMBER = "value that is no number: absent"
NOT_FINITE = "value that is not finite: absent"
UNORDERED = "row out of order: sorted"
TWICE = "time that stands twice: the last row stands"
UNUSED = "name that is no point: not used"
LACKING = "point that was not recorded: absent"


def measured_names(building: Building) -> list[str]:
    """Every point but the set-points."""
    return [p.name for p in building.points if p.role is not Role.SETPOINT]


@dataclass(slots=True)
class _Column:
    """What was found of one point: where, and how often it was a number or nonsense."""

    tag: Tag
    bad: int = 0
    good: int = 0
    first_bad: str = ""


@dataclass(slots=True)
class _Rows:
    """Rows in the order of the file: time, offset, number of the row, and values one after the other."""

    times_s: array[float] = field(default_factory=lambda: array("d"))
    offsets_s: array[float] = field(default_factory=lambda: array("d"))
    numbers: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, number: int, time: tuple[float, float], values: Iterable[float]) -> None:
        self.times_s.append(time[0])
        self.offsets_s.append(time[1])
        self.numbers.append(number)
        self.values.extend(values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What is known of a recording before its second row.

    Attributes:
        path: the file.
        header: the names of its columns.
        building: whose points were recorded.
        named: how its names become points.
        mending: is told what is mended.
        times: reads the cells of the column of times.
    """

    path: Path
    header: list[str]
    building: Building
    named: RecordMap
    mending: Mending
    times: Times


class _Reader:
    """What wide and long files have in common."""

    def __init__(self, head: Head) -> None:
        self._path, self._header, self._building = head.path, head.header, head.building
        self._named, self._mending, self._times = head.named, head.mending, head.times
        self._known = {p.name for p in head.building.points}
        self._seen, self._out, self._first_out = 0, 0, ""

    def _when(self, number: int, cells: Sequence[object], column: int, name: str = "") -> tuple[float, float] | None:
        """The time of a row; None for a row that is left out."""
        self._seen += 1
        if len(cells) != len(self._header):
            self._leave_out(SHORT, f"row {number}", f"{len(cells)} cells, row 1 has {len(self._header)}")
            return None
        where = f"row {number}, column {self._header[column]}"
        try:
            time = self._times.read(cells[column], f"row {number}", name)
        except NoOffsetError as error:
            raise UserError(
                f"{self._path}: {where}: {error}; write 2026-07-01T00:15:00+02:00, or name time_zone in --map"
            ) from error
        except (ValueError, OverflowError) as error:
            self._leave_out(LEFT_OUT, where, str(error))
            return None
        if time is None:
            self._out += 1
        return time

    def _leave_out(self, what: str, where: str, why: str) -> None:
        self._out += 1
        self._first_out = self._first_out or f"{where}: {why}"
        self._mending.note(what, f"{where}: {why}")

    def _slow_number(self, cell: object, column: _Column, where: str) -> float:
        """A cell that is not simply a number; nonsense is counted, and absent."""
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return math.nan
        try:
            value = float(cell)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            value, what = math.nan, NO_NUMBER
        else:
            what = NOT_FINITE
        if math.isfinite(value):
            column.good += 1
            return value
        if isinstance(cell, float) and math.isnan(cell):  # how Parquet may say absent
            return math.nan
        column.bad += 1
        column.first_bad = column.first_bad or f"{where}: {cell!r:.40}"
        self._mending.note(what, f"{where}: {cell!r:.40}")
        return math.nan

    def _check(self, columns: Iterable[_Column]) -> None:
        """Raises UserError for a file of which most is nonsense, or from which the shield could never judge."""
        if not self._seen:
            raise UserError(f"{self._path}: has no row after the names of the columns")
        if self._out > MOSTLY_FRAC * self._seen:
            raise UserError(
                f"{self._path}: {self._out} of {self._seen} rows have no place in time (first: {self._first_out}): "
                "is it the right file, and its time_format in --map the right one?"
            )
        for column in columns:
            if column.bad > MOSTLY_FRAC * (column.good + column.bad):
                raise UserError(
                    f"{self._path}: {column.tag.point}: {column.bad} of {column.good + column.bad} values are no "
                    f"number (first: {column.first_bad}): leave an absent value empty, or its column out"
                )

    def _note_lacking(self, found: set[str]) -> None:
        """Says which points are not there. Raises UserError where the shield rests on one."""
        lacking = [name for name in measured_names(self._building) if name not in found]
        if needed := [name for name in lacking if name in needed_points(self._building)]:
            raise UserError(f"{self._path}: not recorded, and the shield rests on it: {', '.join(needed)}")
        if lacking:
            self._mending.note(LACKING, ", ".join(lacking), len(lacking))

    def _in_order(self, rows: _Rows, names: tuple[str, ...], tags: Sequence[Tag]) -> tuple[Series, Array]:
        """Sorted, of rows with one time the last; and their offsets [rows]."""
        times_s, numbers = np.array(rows.times_s), np.array(rows.numbers)
        values = np.array(rows.values).reshape(len(times_s), len(names))
        late = np.flatnonzero(times_s < np.maximum.accumulate(times_s))
        order = np.argsort(times_s, kind="stable")
        last = np.append(np.diff(times_s[order]) > 0.0, True)
        for what, found in ((UNORDERED, late), (TWICE, order[~last])):
            for place in found[:3]:
                self._mending.note(what, f"row {numbers[place]}")
            if len(found) > 3:
                self._mending.note(what, "", len(found) - 3)
        kept = order[last]
        scaled = values[kept]
        for place, tag in enumerate(tags):
            if tag.unit != SAME:
                scaled[:, place] = scaled[:, place] * tag.unit.scale + tag.unit.offset
        return Series(names=names, times_s=times_s[kept], values=scaled), np.array(rows.offsets_s)[kept]


class Wide(_Reader):
    """A column a point."""

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        tags = self._tags()
        self._when_at = head.header.index(head.named.time)
        self._columns = [(i, _Column(tags[name])) for i, name in enumerate(head.header) if name in tags]
        self._places = [i for i, _ in self._columns]
        self._rows = _Rows()

    def _tags(self) -> Mapping[str, Tag]:
        """What each column is. Raises UserError for a wrong head."""
        header, named = self._header, self._named
        if named.tags is not None:
            missing = [name for name in (named.time, *named.tags) if name not in header]
            tags = dict(named.tags)
            for name in header:
                if name not in tags and name != named.time:
                    self._mending.note(UNUSED, name)
        else:
            self._check_header()
            missing = [name for name in (named.time, *measured_names(self._building)) if name not in header]
            tags = {name: Tag(point=name) for name in header if name != named.time}
        if missing:
            raise UserError(
                f"{self._path}: missing columns: {', '.join(missing)} (a point that was not recorded has empty cells)"
            )
        if named.tags is not None:
            self._note_lacking({tag.point for tag in tags.values()})
        return tags

    def _check_header(self) -> None:
        known = [self._named.time, *(p.name for p in self._building.points)]
        for column, name in enumerate(self._header, start=1):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=2)
                hint = f"; nearest: {', '.join(near)}" if near else ""
                raise UserError(
                    f"{self._path}: row 1, column {column}: {name!r} is no point of {self._building.id}{hint}; "
                    "names of a historian are mapped with --map"
                )
            if name in self._header[: column - 1]:
                raise UserError(f"{self._path}: row 1, column {column}: {name} stands twice")

    def add(self, number: int, cells: Sequence[object]) -> None:
        """Takes a row."""
        time = self._when(number, cells, self._when_at)
        if time is None:
            return
        picked = [cells[i] for i in self._places]
        try:
            values = [float(cell) for cell in picked]  # type: ignore[arg-type]
            plain = math.isfinite(sum(values))
        except (TypeError, ValueError):
            plain = False
        if plain:
            for _, column in self._columns:
                column.good += 1
        else:
            values = [
                self._slow_number(cell, column, f"row {number}, column {self._header[i]}")
                for cell, (i, column) in zip(picked, self._columns, strict=True)
            ]
        self._rows.add(number, time, values)

    def series(self) -> tuple[list[Series], tuple[list[float], list[float]]]:
        """All of it, and the times with their offsets."""
        columns = [column for _, column in self._columns]
        self._check(columns)
        tags = [column.tag for column in columns]
        series, offsets_s = self._in_order(self._rows, tuple(tag.point for tag in tags), tags)
        return [series], (series.times_s.tolist(), offsets_s.tolist())


class Long(_Reader):
    """A row a value: time, name, value."""

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        named, header = head.named, head.header
        wanted = (named.time, named.name or NAME, named.value or VALUE)
        if missing := [name for name in wanted if name not in header]:
            raise UserError(f"{head.path}: missing columns: {', '.join(missing)}; row 1 names {', '.join(header)}")
        self._at, self._name_at, self._value_at = (header.index(name) for name in wanted)
        self._taken: dict[str, tuple[_Column, _Rows]] = {}

    def add(self, number: int, cells: Sequence[object]) -> None:
        """Takes a row."""
        name = str(cells[self._name_at]).strip() if len(cells) > self._name_at else ""
        tag = self._tag(name)
        if tag is None and name:
            self._mending.note(UNUSED, f"row {number}: {name}")
            return
        time = self._when(number, cells, self._at, name)
        if time is None or tag is None:
            return
        column, rows = self._taken.setdefault(tag.point, (_Column(tag), _Rows()))
        where = f"row {number}, column {self._header[self._value_at]}"
        rows.add(number, time, [self._slow_number(cells[self._value_at], column, where)])

    def _tag(self, name: str) -> Tag | None:
        if self._named.tags is not None:
            return self._named.tags.get(name)
        return Tag(point=name) if name in self._known else None

    def series(self) -> tuple[list[Series], tuple[list[float], list[float]]]:
        """A Series for each point, and the times of all with their offsets."""
        self._check(column for column, _ in self._taken.values())
        self._note_lacking(set(self._taken))
        made = [self._in_order(rows, (point,), [column.tag]) for point, (column, rows) in self._taken.items()]
        times_s = np.concatenate([series.times_s for series, _ in made])
        times_s, first = np.unique(times_s, return_index=True)
        offsets_s = np.concatenate([offsets for _, offsets in made])[first]
        return [series for series, _ in made], (times_s.tolist(), offsets_s.tolist())
