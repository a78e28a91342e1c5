"""Times of a recording: from cells to seconds since 1970, and back to the site's own time.

A time without an offset is of the zone that the map names. Where clocks are put back an hour occurs twice: the first of
two rows with one time is of the first pass. Where they are put forward an hour does not occur: rows in it have no place
and are left out; a record that has them was not made in that zone's summer time.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from .recorded_mends import Mending

FOLD = "time that occurs twice (clocks put back): the first row is the first pass"
GAP_OF_ZONE = "time that the zone does not have (clocks put forward): row left out"
_EPOCHS = {"epoch_s": 1.0, "epoch_ms": 1e-3}


class NoOffsetError(ValueError):
    """A time carries no offset from UTC, and no zone is named."""


class Times:
    """Reads the cells of the column of times.

    Args:
        zone: of times without an offset; None: they are refused.
        time_format: None is ISO 8601; `epoch_s` and `epoch_ms` are counts since 1970; else as strptime has it.
        mending: is told of folds and of times that do not exist.
    """

    def __init__(self, zone: ZoneInfo | None, time_format: str | None, mending: Mending) -> None:
        self._zone, self._format, self._mending = zone, time_format, mending
        self._passes: dict[tuple[datetime, str], int] = {}

    def read(self, cell: object, where: str, name: str = "") -> tuple[float, float] | None:
        """Seconds since 1970, and the offset from UTC [s]; None for a time that the zone does not have.

        Args:
            cell: what stands there.
            where: for the report.
            name: of whose value it is the time, in a long file: a time occurs once for each name.

        Raises ValueError for what is no time, NoOffsetError for one that has no place.
        """
        if self._format in _EPOCHS:
            seconds = float(str(cell)) * _EPOCHS[self._format]
            return seconds, self._offset_s(seconds)
        time = cell if isinstance(cell, datetime) else self._parsed(str(cell).strip())
        if time.tzinfo is None:
            placed = self._placed(time, where, name)
            if placed is None:
                return None
            time = placed
        offset = time.utcoffset()
        assert offset is not None
        return time.timestamp(), offset.total_seconds()

    def _parsed(self, text: str) -> datetime:
        return datetime.fromisoformat(text) if self._format is None else datetime.strptime(text, self._format)  # noqa: DTZ007 - its zone comes next

    def _offset_s(self, seconds: float) -> float:
        offset = datetime.fromtimestamp(seconds, self._zone or UTC).utcoffset()
        assert offset is not None
        return offset.total_seconds()

    def _placed(self, time: datetime, where: str, name: str) -> datetime | None:
        """A time without offset, in the zone."""
        if self._zone is None:
            raise NoOffsetError(f"{time.isoformat()} lacks its offset from UTC")
        first, second = time.replace(tzinfo=self._zone), time.replace(tzinfo=self._zone, fold=1)
        if first.utcoffset() == second.utcoffset():
            return first
        if first.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != time:
            self._mending.note(GAP_OF_ZONE, f"{where}: {time.isoformat()}")
            return None
        passed = self._passes[time, name] = self._passes.get((time, name), 0) + 1
        self._mending.note(FOLD, f"{where}: {time.isoformat()}")
        return first if passed == 1 else second


class LocalTime:
    """The site's own time: of a zone, or with the offsets that the rows had.

    Args:
        times_s: of the rows, sorted [rows].
        offsets_s: from UTC [rows].
        zone: in whose place; None: the offsets.
    """

    def __init__(self, times_s: Sequence[float], offsets_s: Sequence[float], zone: tzinfo | None = None) -> None:
        self._zone = zone
        kept = [i for i, offset_s in enumerate(offsets_s) if i == 0 or offset_s != offsets_s[i - 1]]
        self._since_s = [float(times_s[i]) for i in kept]
        self._zones = [timezone(timedelta(seconds=float(offsets_s[i]))) for i in kept]

    def at(self, time_s: float) -> datetime:
        """A moment, with a fixed offset: differences of such times are true ones, over a change of clocks too."""
        if self._zone is not None:
            offset = datetime.fromtimestamp(time_s, self._zone).utcoffset()
            assert offset is not None
            return datetime.fromtimestamp(time_s, timezone(offset))
        return datetime.fromtimestamp(time_s, self._zones[max(0, bisect.bisect_right(self._since_s, time_s) - 1)])
