"""Drills (docs/drills.md): sensors and clocks that do not tell the truth."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.site import Written
from airhandler.control.tick import Tick
from airhandler.deploy.journal_reading import rows
from airhandler.deploy.state import StateFolder
from tests.control.test_bundle import BUILDING
from tests.deploy.drills import INLET, SUPPLY, Drill, handed_over
from tests.deploy.machine_clock import MachineClock

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
RECOMMENDED_C = THERMAL_CLASSES[BUILDING.file.shield.inlet_class].recommended.high_c


@pytest.mark.parametrize(
    ("kind", "words", "why"),
    [
        ("missing", [], "absent"),
        ("nan", [], "absent"),
        ("absurd", ["200"], "plausible"),
        ("stuck", [], "the same value to the last bit"),
    ],
    ids=["missing", "nan", "absurd", "stuck"],
)
def test_sensor(kind: str, words: list[str], why: str, drill: Drill, row: str) -> None:
    drill.live()
    drill.fault(kind, INLET, *words)
    handed_over(drill, row, why)
    drill.end()


def test_sensor_drifting(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("drift", INLET, "4")
    took = drill.until(drill.empty)
    drill.until(lambda: "no safe set-points" in drill.sign().why)
    warm = [t for t in drill.journalled() if t.stage == "live" and t.reading[INLET] > RECOMMENDED_C]
    asked = [t.proposal.setpoints[SUPPLY] for t in warm if t.proposal is not None]
    given = [t.verdict.setpoints[SUPPLY] for t in warm if t.verdict is not None]
    assert all(cool < wanted for cool, wanted in zip(given, asked, strict=True)), "cooler than the controller asks for"
    assert given[-1] < given[0]
    drill.told_of(row, "cooled for what it shows; handed over once nothing would be cool enough", took)
    drill.end()


def test_device_clock_jumps(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("clock", str(DAY.total_seconds()))

    def since() -> list[Tick]:
        ticks = drill.journalled()
        return [t for t in ticks if t.reading.time >= ticks[0].reading.time + DAY]

    drill.until(lambda: len(since()) >= 6)
    assert all(t.stage == "live" and isinstance(t.outcome, Written) for t in since())
    numbers = [t.number for t in drill.journalled()]
    assert numbers == list(range(len(numbers)))
    assert drill.sign().stage == "live"
    assert not drill.empty()
    drill.told_of(row, "stays live: decides and writes on in every step", None)
    drill.end()


@pytest.mark.parametrize("off", [-DAY, DAY], ids=["back", "ahead"])
def test_machine_clock_set(off: timedelta, make_drill: Callable[..., Drill], tmp_path: Path, row: str) -> None:
    clock = MachineClock(tmp_path)
    drill = make_drill(prefix=clock.prefix)
    drill.live()
    clock.set(off)
    begin = len(drill.journalled())
    drill.until(lambda: len(drill.journalled()) >= begin + 5)
    assert all(t.stage == "live" and isinstance(t.outcome, Written) for t in drill.journalled())
    utc = [r.utc for r in rows(drill.state / "journal")]
    assert any(abs(later - sooner) > DAY / 2 for sooner, later in itertools.pairwise(utc)), "the clock was set"
    assert drill.sign().stage == "live"
    assert StateFolder(drill.state).lease.revocation() is None
    drill.told_of(row, "stays live: leases run on boot time, the loop on a monotonic clock", None)
    drill.end()
