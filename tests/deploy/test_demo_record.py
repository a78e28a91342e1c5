"""What the twin's books and the controller's journal say of each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from airhandler.deploy.demo_record import foreign_writes, lost_ticks
from airhandler.deploy.journal import Journal

BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
STEP = timedelta(minutes=15)
AS_BACNET = repr(float(np.float32(21.3)))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def on_the_bus(folder: Path, *writes: tuple[str, str, str, str]) -> Path:
    """The twin's books: point, priority, value, outcome."""
    head = "machine_time,time,source,point,priority,value,outcome"
    lines = [f",,127.0.0.1:1,{','.join(write)}" for write in writes]
    (folder / "writes.csv").write_text("\n".join([head, *lines]) + "\n")
    return folder


def test_what_the_journal_knows_is_ours(journal: Journal, tmp_path: Path) -> None:
    journal.append("write", {"setpoints": {"a": 21.3}})
    journal.append("write", {"setpoints": None})
    books = on_the_bus(tmp_path, ("a", "10", AS_BACNET, "ok"), ("heartbeat", "", "1.0", "ok"), ("a", "10", "", "ok"))
    assert foreign_writes(books, tmp_path) == 0


@pytest.mark.parametrize(
    "write",
    [("a", "10", "22.0", "ok"), ("b", "10", AS_BACNET, "ok"), ("a", "8", AS_BACNET, "ok"), ("a", "8", "", "ok")],
)
def test_another_value_point_or_priority_is_not(write: tuple[str, ...], journal: Journal, tmp_path: Path) -> None:
    journal.append("write", {"setpoints": {"a": 21.3}})
    journal.append("write", {"setpoints": None})
    assert foreign_writes(on_the_bus(tmp_path, write), tmp_path) == 1  # type: ignore[arg-type]


def test_a_value_that_we_wrote_once_and_that_came_twice_is_not(journal: Journal, tmp_path: Path) -> None:
    journal.append("write", {"setpoints": {"a": 21.3}})
    twice = [("a", "10", AS_BACNET, "ok")] * 2
    assert foreign_writes(on_the_bus(tmp_path, *twice), tmp_path) == 1
    assert foreign_writes(on_the_bus(tmp_path, *twice * 5), tmp_path) == 9


def test_what_was_refused_changed_nothing(journal: Journal, tmp_path: Path) -> None:
    journal.append("write", {"setpoints": None})
    assert foreign_writes(on_the_bus(tmp_path, ("a", "8", "1.0", "write-access-denied")), tmp_path) == 0


@pytest.mark.parametrize(
    ("decided", "lost"),
    [
        ((1.4, 2.2, 3.9), (2, 1)),
        ((0.2, 4.9, 7.5), (1, 3)),
        ((2.1, 2.9), (3, 2)),
        ((), (6, 0)),
        ((-0.5, 0.5, 1.5, 2.5, 3.5, 4.5), (0, 0)),
    ],
)
def test_steps_in_which_nothing_was_decided_are_lost(
    decided: tuple[float, ...], lost: tuple[int, int], journal: Journal, tmp_path: Path
) -> None:
    ends = [(BEGIN + number * STEP).isoformat() for number in range(6)]
    (tmp_path / "steps.csv").write_text("\n".join(["time,a,a_priority", *(f"{end},," for end in ends)]) + "\n")
    journal.append("start", {})
    for steps in decided:
        journal.append("tick", {}, site_time=BEGIN + steps * STEP)
    assert lost_ticks(tmp_path, tmp_path) == lost
