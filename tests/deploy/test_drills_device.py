"""Drills (docs/drills.md): the device, the network, and writes that are not taken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from airhandler.deploy.journal_reading import found
from tests.control.test_bundle import BUILDING
from tests.deploy.cable import Cable
from tests.deploy.drills import INLET, SUPPLY, Drill, cut, handed_over, needs_root

pytestmark = pytest.mark.slow


def test_device_restarted(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("restart", "0.5")
    took = drill.until(lambda: len(drill.occupied()) == 4 and drill.sign().stage == "live")
    drill.told_of(row, "its slots are lost; written anew in the next cycle that reads it", took)
    drill.steps(3)
    assert drill.sign().stage == "live"
    drill.end()


def test_device_silent(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("silent", "8")
    took = drill.until(drill.empty)
    drill.told_of(row, "handed over; given back once it answers, or by its own watch", took)
    drill.until(lambda: drill.sign().stage == "fallback" and not drill.sign().in_charge)
    drill.steps(2)
    assert drill.empty()
    drill.end()


def test_answers_too_slow(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("slow", "1")
    took = drill.until(drill.empty)
    drill.told_of(row, "handed over", took)
    drill.fault("clear")
    drill.until(lambda: not drill.sign().in_charge)
    drill.end()


def test_large_requests_aborted(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("abort", "segmentation-not-supported", "12")
    drill.steps(4)
    assert drill.sign().stage == "live"
    assert not any(value is None for value in drill.journalled()[-1].reading.values.values())
    drill.told_of(row, "asked in smaller pieces; nothing is missed", None)
    drill.end()


def test_one_point_unreadable(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("broken", "water_flow_m3_s")
    drill.steps(4)
    reading = drill.journalled()[-1].reading
    assert [name for name, value in reading.values.items() if value is None] == ["water_flow_m3_s"]
    assert drill.sign().stage == "live"
    drill.told_of(row, "that point is absent, the others count; goes on where it is not needed", None)
    drill.end()


def test_needed_point_unreadable(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("gone", INLET)
    handed_over(drill, row, "absent")
    drill.end()


@needs_root
def test_network_cut(make_drill: Callable[..., Drill], row: str) -> None:
    with closing(Cable()) as cable:
        drill = make_drill(cable=cable)
        drill.live()
        cut(drill, cable, row)
        drill.end()


def test_write_refused(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("refuse", SUPPLY)
    took = drill.until(lambda: drill.sign().stage == "fallback")
    drill.told_of(row, "handed over after two; asked until the device lets go", took)
    assert "failed writes in a row" in drill.sign().why
    drill.fault("clear")
    drill.until(drill.empty)
    drill.end()


def test_write_without_effect(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("ignore", SUPPLY)
    took = drill.until(lambda: drill.sign().stage == "fallback")
    drill.told_of(row, "read back: handed over after two; asked until the slot is empty", took)
    drill.fault("clear")
    drill.until(drill.empty)
    drill.end()


def test_actuator_does_not_follow(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("stick", SUPPLY)
    drill.steps(8)
    drill.told_of(
        row, f"the slot holds, the air does not follow: stays {drill.sign().stage}, inlets below the limit", None
    )
    drill.end()


def test_every_write_was_ours_at_our_priority(drill: Drill) -> None:
    drill.set(journal={"file_days": 1e-9})
    drill.live()
    drill.steps(4)
    assert len(found(drill.state / "journal")) > 4, "kept as the site file says"
    written = [w for w in drill.written() if w[1] in {p.name for p in BUILDING.setpoints}]
    assert {priority for _, _, priority, _ in written} == {"10"}
    assert drill.end()["writes"]["refused"] == 0
