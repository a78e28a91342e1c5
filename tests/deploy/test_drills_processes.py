"""Drills (docs/drills.md): whatever becomes of our processes, the building has its own control, or a sound one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from airhandler.deploy.journal_reading import verify
from tests.deploy.drills import CYCLE, LEASE, Drill, handed_over

pytestmark = pytest.mark.slow


def test_controller_killed(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal(signal.SIGKILL, "controller")
    took = drill.until(drill.empty)
    drill.told_of(row, "given back by the watchdog", took)
    assert took <= LEASE
    drill.end()
    assert verify(drill.state / "journal").broken is None


def test_watchdog_killed(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal(signal.SIGKILL, "watchdog")
    handed_over(drill, row, "nobody watches", CYCLE)
    drill.end()


def test_both_killed(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal(signal.SIGKILL, "watchdog")
    os.kill(drill.pid("controller"), signal.SIGKILL)
    took = drill.until(drill.empty)
    drill.told_of(row, "given back by the building's own watch on the heartbeat", took)
    assert any("heartbeat" in words for words in drill.end()["events"])


def test_both_killed_and_started_anew(make_drill: Callable[..., Drill], row: str) -> None:
    drill = make_drill(heartbeat_steps=1000)  # nobody else gives back
    drill.live()
    drill.signal(signal.SIGSTOP, "watchdog")  # it must not help
    drill.signal(signal.SIGKILL, "controller", "watchdog")
    assert drill.occupied()
    drill.mark()
    again = drill.start("live", "outdoor-reset", "--site", str(drill.site_file), "--port", "0")
    took = drill.until(drill.empty)
    drill.told_of(row, "found by the next start and given back; taken anew only after a person's reset", took)
    drill.until(lambda: drill.sign().pid == again.pid, again)
    assert (drill.sign().stage, drill.empty()) == ("fallback", True)
    drill.order("reset")
    drill.until(lambda: drill.occupied() != {}, again)
    drill.end()


def test_controller_stopped_and_woken(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal(signal.SIGSTOP, "controller")
    took = drill.until(drill.empty)
    drill.told_of(row, "given back by the watchdog; once awake it writes nothing", took)
    assert took <= LEASE
    os.kill(drill.pid("controller"), signal.SIGCONT)
    drill.until(lambda: "lease" in drill.sign().why)
    drill.steps(2)
    assert drill.empty()
    drill.end()


def test_machine_suspended(make_drill: Callable[..., Drill], row: str) -> None:
    """As far as it can be played: neither of ours runs for longer than the lease, the clocks go on."""
    drill = make_drill(heartbeat_steps=1000)  # nobody else gives back
    drill.live()
    drill.signal(signal.SIGSTOP, "controller", "watchdog")
    drill.steps(4)
    assert drill.occupied(), "who sleeps gives nothing back"
    before = len(drill.written())
    drill.signal(signal.SIGCONT, "controller", "watchdog")
    took = drill.until(drill.empty)
    drill.told_of(row, "given back on waking (counted from there); before, by the building's own watch alone", took)
    drill.until(lambda: drill.sign().stage == "fallback" and not drill.sign().in_charge)
    drill.steps(2)
    assert drill.empty()
    assert {value for *_, value in drill.written()[before:]} == {""}, "once awake nothing but NULL is written"
    drill.end()


def test_watchdog_stopped(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal(signal.SIGSTOP, "watchdog")
    handed_over(drill, row, "nobody watches")
    os.kill(drill.pid("watchdog"), signal.SIGCONT)
    drill.end()


def test_second_controller_started(drill: Drill, row: str) -> None:
    drill.live()
    second = drill.start("live", "outdoor-reset", "--site", str(drill.site_file), "--port", "0")
    assert second.wait() == 2
    assert "a controller of this site runs already" in second.text
    drill.steps(2)
    assert drill.occupied()
    assert drill.sign().stage == "live"
    drill.told_of(row, "the second one is refused, the first one goes on", None)
    drill.end()


def test_terminated(drill: Drill, row: str) -> None:
    controller = drill.live()
    drill.mark()
    assert controller.end(signal.SIGTERM) == 0
    took = drill.until(drill.empty)
    drill.told_of(row, "given back, and said", took)
    assert "authority given back to the building's own control: SIGTERM" in controller.text
    drill.end()
