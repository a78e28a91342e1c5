"""Drills (docs/drills.md): what is on the disk, and a disk that takes nothing."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from airhandler.control.bundle import save_bundle
from airhandler.deploy.journal_reading import rows, verify
from tests.control.test_bundle import BUILDING, SOURCE, weights
from tests.deploy.drills import SUPPLY, Drill, handed_over, journal_of, needs_root

pytestmark = pytest.mark.slow


def fill(path: Path) -> None:
    """Writes until nothing more can be written, which it raises."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 512)


@contextmanager
def full_disk(drill: Drill) -> Iterator[timedelta]:
    """A controller in charge whose disk fills up: how long its slots were in force after that."""
    drill.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(drill.state)], check=True)
    try:
        drill.live()
        drill.mark()
        with pytest.raises(OSError, match="No space left"):
            fill(drill.state / "ballast")
        yield drill.until(drill.empty)
    finally:
        drill.kill()
        subprocess.run(["umount", "-l", str(drill.state)], check=True)


@needs_root
def test_disk_full(drill: Drill, row: str) -> None:
    with full_disk(drill) as took:
        drill.told_of(row, "handed over", took)
        drill.steps(2)
        assert drill.empty()
        assert "authority must go back: " in drill.processes[-1].text  # the journal or the lease, whichever came first
        drill.end()


@needs_root
def test_disk_full_has_room_again(drill: Drill, row: str) -> None:
    with full_disk(drill):
        before = len(list(rows(drill.state / "journal")))
        (drill.state / "ballast").unlink()
        drill.until(lambda: drill.sign().stage == "fallback" and not drill.sign().in_charge)
        drill.steps(2)
        assert drill.empty(), "room alone gives no authority"
        drill.mark()
        drill.order("reset")
        took = drill.until(lambda: drill.occupied() != {})
        drill.told_of(row, "authority stays back; taken anew after a person's reset (counted from there)", took)
        drill.steps(1)
        assert drill.sign().stage == "live"
        assert verify(drill.state / "journal").broken is None
        after = [row.kind for row in rows(drill.state / "journal")][before:]
        assert {"order", "write", "write-outcome", "tick"} <= set(after), "the journal goes on"
        drill.end()


def test_journal_locked(drill: Drill, row: str) -> None:
    drill.live()
    with closing(sqlite3.connect(journal_of(drill), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        drill.mark()
        handed_over(drill, row, "the journal does not take")
        other.execute("ROLLBACK")
    drill.end()


def test_bundle_corrupt(drill: Drill, row: str) -> None:
    bundle = drill.folder / "bundle"
    save_bundle(bundle, BUILDING, weights(), SOURCE)
    content = bytearray((bundle / "weights.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "weights.npz").write_bytes(content)
    controller = drill.start("live", str(bundle), "--site", str(drill.site_file), "--port", "0")
    assert controller.wait() == 2
    assert "SHA-256 differs" in controller.text
    assert drill.empty()
    drill.told_of(row, "refused before anything is written", None)
    drill.end()


def test_hot_change_bad(drill: Drill, row: str) -> None:
    limits = drill.folder / "operator.yaml"
    limits.write_text(f"limits: {{{SUPPLY}: {{high: 21}}}}\n")
    controller = drill.live("outdoor-reset", "--operator", str(limits))
    limits.write_text(f"limits: {{{SUPPLY}: {{high: 99}}}}\n")
    controller.wait_for("operator's file refused, what was fixed before stays")
    drill.steps(3)
    assert drill.sign().stage == "live"
    assert max(value for name, value in drill.occupied().items() if name.startswith(SUPPLY)) <= 21.0
    drill.told_of(row, "refused; what was fixed before stays in force", None)
    drill.end()


def test_controller_not_promoted(drill: Drill, row: str) -> None:
    controller = drill.start("live", "constant", "--site", str(drill.site_file), "--port", "0")
    assert controller.wait() == 2
    assert "is of another controller" in controller.text
    assert drill.empty()
    drill.told_of(row, "refused before anything is written", None)
    drill.end()
