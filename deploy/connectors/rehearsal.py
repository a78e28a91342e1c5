"""A rehearsal: live mode on a recording. What would be written goes to a file; no building is written to."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written
from airhandler.deploy.settings import RunSettings

from .connection import Connection
from .recorded import TIME, watch_recorded

FILE = "would_be_written.csv"


class RehearsalWriter:
    """Accepts set-points and puts them into a CSV: one row a write, empty cells where authority goes back.

    Args:
        path: the file; what it held is replaced.
        building: whose set-points are the columns.
        now: the site's time.
    """

    def __init__(self, path: Path, building: Building, now: Callable[[], datetime]) -> None:
        self._path, self._now = path, now
        self._names = [p.name for p in building.setpoints]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
            self._add([TIME, *self._names])
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """Notes what would be written."""
        if unknown := sorted(set(setpoints) - set(self._names)):
            return WriteFailed(reason=f"no set-point {', '.join(unknown)}")
        return self._note([repr(setpoints[name]) if name in setpoints else "" for name in self._names])

    def relinquish(self) -> WriteOutcome:
        """Notes that authority would be given back."""
        return self._note([""] * len(self._names))

    def _note(self, cells: list[str]) -> WriteOutcome:
        try:
            self._add([self._now().isoformat(), *cells])
        except OSError as error:
            return WriteFailed(reason=f"{self._path}: {error.strerror or error}")
        return Written()

    def _add(self, cells: list[str]) -> None:
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(cells)


def connect_rehearsal(settings: RunSettings, building: Building) -> Connection:
    """A recording, and a writer that writes to no building."""
    view = watch_recorded(settings, building)
    path = settings.out / FILE
    about = f"{view.about}. REHEARSAL: nothing is written to any building; what would be goes to {path}"
    return Connection(view=replace(view, about=about), writer=RehearsalWriter(path, building, view.clock.now))
