"""A recorded site: readings from a file, at the time that it tells. It can be read, and not written to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Point, Reading, Setpoints
from airhandler.deploy.settings import RunSettings

from .connection import View
from .recorded_file import read_recording, write_recording
from .recorded_map import TIME, load_map
from .recording import Recording, Series

__all__ = ["TIME", "RecordedClock", "RecordedSite", "read_recording", "watch_recorded", "write_recording"]


class RecordedClock:
    """Recorded time, at a pace; it ends with the recording, or at a stop.

    Args:
        recording: whose time.
        speed: recorded seconds per second; None: as fast as it can.
        days: how many of its first days there are; None: all of it.
    """

    def __init__(self, recording: Recording, speed: float | None = None, *, days: int | None = None) -> None:
        self._recording, self._speed = recording, speed
        self._now_s, self._end_s = recording.begin_s, recording.end_s
        if days is not None:
            self._end_s = min(self._end_s, recording.begin_s + timedelta(days=days).total_seconds())
        self._stop = threading.Event()

    @property
    def span_s(self) -> float:
        """How long it is from its begin to its end [s]."""
        return self._end_s - self._recording.begin_s

    @property
    def now_s(self) -> float:
        """Recorded time, since 1970 [s]."""
        return self._now_s

    def now(self) -> datetime:
        """Recorded time, the site's own."""
        return self._recording.local.at(self._now_s)

    def sleep_until(self, when: datetime) -> bool:
        """Goes on to `when`; False at the end of the recording or once stopped."""
        when_s = when.timestamp()
        if self._stop.is_set() or when_s > self._end_s:
            return False
        pause_s = max(0.0, when_s - self._now_s)
        if self._speed is not None and self._stop.wait(pause_s / self._speed):
            return False
        self._now_s = max(self._now_s, when_s)
        return True

    def stop(self) -> None:
        """Ends the run at once."""
        self._stop.set()


class RecordedSite:
    """The newest recorded row that is not later than now, with its age; of a long file, of each point.

    So of rows that come faster than the control steps, those between two steps are not looked at: a meter in a row is
    of that row's own stretch of time.
    """

    def __init__(self, building: Building, recording: Recording, clock: RecordedClock) -> None:
        self._points, self._recording, self._clock = building.points, recording, clock
        self._setpoints = frozenset(p.name for p in building.setpoints)
        self._closed = False

    @property
    def points(self) -> Sequence[Point]:
        """Every point of the building."""
        return self._points

    def read(self) -> Reading:
        """The newest row of each Series. Raises SiteError once closed."""
        if self._closed:
            raise SiteError("the recorded site is closed")
        values: dict[str, float | None] = {}
        age_s: dict[str, float] = {}
        for series in self._recording.series:
            self._take(series, values, age_s)
        asked = {name: value for name in self._setpoints & values.keys() if (value := values.pop(name)) is not None}
        return Reading(
            time=self._clock.now(), values=values, age_s=age_s, incumbent=Setpoints(asked) if asked else None
        )

    def _take(self, series: Series, values: dict[str, float | None], age_s: dict[str, float]) -> None:
        now_s = self._clock.now_s
        newest = int(np.searchsorted(series.times_s, now_s, side="right")) - 1
        if newest < 0:
            values.update(dict.fromkeys(series.names))
            return
        row = series.values[newest].tolist()
        values.update(zip(series.names, (None if v != v else v for v in row), strict=True))
        if old_s := now_s - float(series.times_s[newest]):
            age_s.update(dict.fromkeys(series.names, old_s))

    def close(self) -> None:
        """Nothing is read after this."""
        self._closed = True


def watch_recorded(settings: RunSettings, building: Building) -> View:
    """A recording to look at. Raises UserError if it cannot be read."""
    if settings.map is not None and settings.map.resolve() == Path(settings.site).resolve():
        raise UserError(f"--map {settings.map}: is the recording itself; a map says what its columns are")
    recording = read_recording(Path(settings.site), building, load_map(settings.map, building))
    clock = RecordedClock(recording, settings.speed, days=settings.days)
    begin = recording.local.at(recording.begin_s)
    return View(
        site=RecordedSite(building, recording, clock),
        clock=clock,
        ticks=int(clock.span_s // building.step_s) + 1,
        about=f"recording {settings.site}, {recording.rows} rows from {begin.isoformat()}{_first(settings.days)}; "
        "of each step the newest row",
        name=recording.site,
        mends=recording.mends,
        sha256=recording.sha256,
    )


def _first(days: int | None) -> str:
    return "" if days is None else f", of which the first {days} x 24 h are taken"
