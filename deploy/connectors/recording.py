"""Recording: what was recorded of a site, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from airhandler.buildings.known import Array
from airhandler.buildings.points import Reading

from .recorded_mends import Mend
from .recorded_times import LocalTime


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """Values that were recorded together: all points of a wide file, one of a long one.

    Attributes:
        names: the points.
        times_s: since 1970, each later than the one before [rows].
        values: NaN is absent [rows, points].
    """

    names: tuple[str, ...]
    times_s: Array
    values: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """What was recorded.

    Attributes:
        series: sorted, without duplicates.
        local: the site's own time.
        mends: what was mended to get there.
        site: what the site is called.
        sha256: of the file.
    """

    series: tuple[Series, ...]
    local: LocalTime
    mends: tuple[Mend, ...] = ()
    site: str = "recorded"
    sha256: str = ""

    @property
    def begin_s(self) -> float:
        """The first time, since 1970 [s]."""
        return min(float(series.times_s[0]) for series in self.series)

    @property
    def end_s(self) -> float:
        """The last time, since 1970 [s]."""
        return max(float(series.times_s[-1]) for series in self.series)

    @property
    def rows(self) -> int:
        """How many rows there are; of a long file the most of any point."""
        return max(len(series.times_s) for series in self.series)


def recording_of(readings: Iterable[Reading]) -> Recording:
    """Readings as a recording: their values, and what the building's own control asked for."""
    kept: Sequence[Reading] = list(readings)
    told = {name for reading in kept for name in reading.incumbent or ()}
    names = tuple(dict.fromkeys([*(name for reading in kept for name in reading.values), *sorted(told)]))
    rows = [{**reading.values, **(reading.incumbent.by_name if reading.incumbent else {})} for reading in kept]
    values = np.array([[np.nan if (v := row.get(name)) is None else v for name in names] for row in rows])
    times_s = np.array([reading.time.timestamp() for reading in kept])
    offsets_s = [offset.total_seconds() if (offset := r.time.utcoffset()) is not None else 0.0 for r in kept]
    series = Series(names=names, times_s=times_s, values=values.reshape(len(kept), len(names)))
    return Recording(series=(series,), local=LocalTime(times_s.tolist(), offsets_s))
