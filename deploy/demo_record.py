"""What the twin's books and the controller's journal say of each other."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np

from .journal_reading import rows

_HEARTBEAT = "heartbeat"


def foreign_writes(twin: Path, state: Path) -> int:
    """Writes that the twin took at a set-point and that the controller's journal does not know.

    Args:
        twin: the twin's folder.
        state: the site's state folder.
    """
    known: Counter[tuple[str, float | None]] = Counter()
    for row in rows(state / "journal", "write"):
        setpoints = row.payload["setpoints"]
        if setpoints is None:
            known[("", None)] += 1
        for name, value in (setpoints or {}).items():
            known[(name, float(np.float32(value)))] += 1
    foreign = 0
    with (twin / "writes.csv").open(newline="") as file:
        for write in csv.DictReader(file):
            if write["point"] == _HEARTBEAT or write["outcome"] != "ok":
                continue
            if not write["value"]:  # a slot that is emptied: of those who give back, we and our watchdog
                foreign += known[("", None)] == 0 or write["priority"] != "10"
                continue
            key = (write["point"], float(np.float32(float(write["value"]))))
            ours = known[key] > 0 and write["priority"] == "10"
            known[key] -= ours
            foreign += not ours
    return foreign


def lost_ticks(twin: Path, state: Path) -> tuple[int, int]:
    """Steps of the building before the controller's first decision, and steps after it in which it decided nothing."""
    with (twin / "steps.csv").open(newline="") as file:
        ends = [datetime.fromisoformat(step["time"]).timestamp() for step in csv.DictReader(file)]
    times = [row.site_time.timestamp() for row in rows(state / "journal", "tick") if row.site_time is not None]
    decided = set(np.searchsorted(ends, times).tolist()) & set(range(len(ends)))
    before = min(decided, default=len(ends))
    return before, len(ends) - before - len(decided)
