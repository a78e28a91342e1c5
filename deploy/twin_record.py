"""What a twin leaves behind: the truth of every step, every write on the bus, and what came of it all."""

from __future__ import annotations

import contextlib
import csv
import json
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from airhandler import __version__
from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading
from airhandler.control.kpis import kpis
from airhandler.control.table import TickTable, check_writable, replacing
from airhandler.control.tick import Tick

from .twin_board import HEARTBEAT, BusWrite, Command

TICKS_FILE, SUMMARY_FILE, WRITES_FILE, STEPS_FILE, EVENTS_FILE = (
    "ticks.npz",
    "summary.json",
    "writes.csv",
    "steps.csv",
    "events.csv",
)


class TwinRecord:
    """The books of one run, in a folder of its own.

    Args:
        building: whose run.
        folder: where; it may not hold an earlier run. Raises UserError.
    """

    def __init__(self, building: Building, folder: Path) -> None:
        if (folder / SUMMARY_FILE).exists():
            raise UserError(f"folder {folder} holds an earlier run ({SUMMARY_FILE}): name another with --out")
        check_writable(folder)
        self._building, self._folder = building, folder
        self._table = TickTable(building)
        self._names = [p.name for p in building.setpoints]
        each = [f"{name}{suffix}" for name in self._names for suffix in ("", "_priority")]
        self._files: dict[str, IO[str]] = {}
        self._headers = {
            WRITES_FILE: ("machine_time", "time", "source", "point", "priority", "value", "outcome"),
            STEPS_FILE: ("time", *each),
            EVENTS_FILE: ("machine_time", "time", "event"),
        }
        self._by_priority: Counter[str] = Counter()
        self._by_source: Counter[str] = Counter()
        self._refused = self._beats = self._commanded = 0
        self._event_words: list[str] = []

    def begin(self, truth: Reading) -> None:
        """Opens the books with the first instant: from here on the folder holds a run."""
        for name in self._headers:
            self._open(name)
        self.step(truth, {})

    def write(self, write: BusWrite) -> None:
        """Takes note of a write on the bus."""
        priority = "" if write.priority is None else str(write.priority)
        value = "" if write.value is None else repr(write.value)
        self._put(
            WRITES_FILE,
            _machine_time(),
            write.time.isoformat(),
            write.source,
            write.point,
            priority,
            value,
            write.outcome,
        )
        if write.outcome != "ok":
            self._refused += 1
        elif write.point in self._names:
            self._by_priority[priority] += 1
            self._by_source[write.source] += 1
        elif write.point == HEARTBEAT:
            self._beats += 1

    def event(self, now: datetime, words: str) -> None:
        """Takes note of what the device did by itself, or what was done to it."""
        self._event_words.append(words)
        self._put(EVENTS_FILE, _machine_time(), now.isoformat(), words)

    def step(self, truth: Reading, commands: Mapping[str, Command]) -> None:
        """Takes note of an instant, and of what was commanded in the step that ended with it."""
        self._table.add(
            Tick(
                number=len(self._table),
                stage="observe",
                reading=truth,
                proposal=None,
                verdict=None,
                outcome=None,
                decide_s=0.0,
                write_s=0.0,
            )
        )
        self._commanded += bool(commands)
        cells: list[str] = []
        for name in self._names:
            command = commands.get(name)
            cells += ["", ""] if command is None else [repr(command.value), str(command.priority)]
        self._put(STEPS_FILE, truth.time.isoformat(), *cells)

    def save(self, why: str, more: Mapping[str, object]) -> dict[str, Any]:
        """Writes ticks and summary, each whole or not at all. Returns the summary."""
        summary = self._summary(why) | dict(more)
        self._table.save(self._folder / TICKS_FILE)
        with replacing(self._folder / SUMMARY_FILE) as temporary:
            temporary.write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
        return summary

    def close(self) -> None:
        """Closes the files; a run that did not begin leaves no folder."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()  # only if it is empty
        for file in self._files.values():
            file.close()

    def _summary(self, why: str) -> dict[str, Any]:
        known = kpis(self._table).to_dict() if len(self._table) > 1 else None
        return {
            "version": __version__,
            "building": self._building.id,
            "why": why,
            "steps": max(0, len(self._table) - 1),
            "steps_commanded": self._commanded,
            "writes": {
                "by_priority": dict(sorted(self._by_priority.items())),
                "by_source": dict(sorted(self._by_source.items())),
                "refused": self._refused,
                "heartbeats": self._beats,
            },
            "events": self._event_words,
            "kpis": known,
        }

    def _put(self, name: str, *cells: str) -> None:
        file = self._files.get(name) or self._open(name)
        csv.writer(file).writerow(cells)
        file.flush()  # a drill looks while it runs

    def _open(self, name: str) -> IO[str]:
        file = (self._folder / name).open("w", newline="", encoding="utf-8")
        self._files[name] = file
        self._put(name, *self._headers[name])
        return file


def _machine_time() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat()
