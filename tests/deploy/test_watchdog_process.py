"""The watchdog and a controller as processes: killed, stopped, woken up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airhandler.deploy.lease import REVOKE_FRAC
from airhandler.deploy.state import StateFolder
from tests.deploy.process import PATIENCE_S
from tests.deploy.watch import CONTROLLER, WATCHDOG, SlotsInFile

pytestmark = pytest.mark.slow

VALIDITY_S = 3.0


class Started:
    """A Python process of a test.

    Args:
        code: what it runs.
        words: behind it.
    """

    def __init__(self, code: str, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self._process.stdout is not None
        self._lines = self._process.stdout

    def says(self, words: str) -> None:
        """Waits until it does."""
        said = []
        for line in self._lines:
            said.append(line)
            if words in line:
                return
        raise AssertionError(f"{words!r} was never said: {said}")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Waits for its end. Returns the exit code."""
        self._lines.read()
        return self._process.wait(PATIENCE_S)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._lines.close()


Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process; it is killed at the end of the test."""
    started: list[Started] = []

    def begin(code: str, *words: str) -> Started:
        started.append(Started(code, str(tmp_path), *words))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def wait_until(is_so: Callable[[], bool]) -> float:
    """Waits until it is so. Returns how long that took [s]."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < PATIENCE_S
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture
def slots(tmp_path: Path) -> SlotsInFile:
    return SlotsInFile(tmp_path)


def is_empty(slots: SlotsInFile) -> Callable[[], bool]:
    return lambda: not slots.ours()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_controller_that_is_killed_or_stopped_leaves_nothing(
    number: signal.Signals, start: Start, slots: SlotsInFile
) -> None:
    start(WATCHDOG)
    controller = start(CONTROLLER, str(VALIDITY_S))
    for _ in range(5):
        controller.says("wrote")
    assert slots.ours()
    controller.send(number)
    wait_until(is_empty(slots))


def test_stopped_controller_that_wakes_up_writes_nothing(start: Start, slots: SlotsInFile, tmp_path: Path) -> None:
    start(WATCHDOG)
    controller = start(CONTROLLER, str(VALIDITY_S))
    controller.says("wrote")
    controller.send(signal.SIGSTOP)
    wait_until(is_empty(slots))
    controller.send(signal.SIGCONT)
    controller.says("revoked")
    controller.says("released")
    assert slots.ours() == {}
    lease = StateFolder(tmp_path).lease
    wait_until(lambda: (revoked := lease.revocation()) is not None and revoked.given_back)
    assert slots.ours() == {}


def test_write_that_a_stopped_controller_had_on_its_way_does_not_last(start: Start, slots: SlotsInFile) -> None:
    start(WATCHDOG)
    controller = start(CONTROLLER, str(VALIDITY_S), "hasty", "1")
    controller.says("wrote")
    controller.send(signal.SIGSTOP)
    wait_until(is_empty(slots))
    controller.send(signal.SIGCONT)
    controller.says("revoked")
    controller.says("released")
    wait_until(is_empty(slots))


def test_network_that_comes_back_finds_the_watchdog_still_asking(
    start: Start, slots: SlotsInFile, tmp_path: Path
) -> None:
    watchdog = start(WATCHDOG)
    controller = start(CONTROLLER, str(VALIDITY_S))
    controller.says("wrote")
    held = slots.ours()
    (tmp_path / "cut").write_text("")
    controller.send(signal.SIGKILL)
    watchdog.says("NOT given back (SiteError: no answer), asking again")
    (tmp_path / "cut").unlink()
    assert held
    wait_until(is_empty(slots))


def test_signal_ends_the_watchdog_and_leaves_a_live_controller_alone(
    start: Start, slots: SlotsInFile, tmp_path: Path
) -> None:
    watchdog = start(WATCHDOG)
    controller = start(CONTROLLER, str(VALIDITY_S))
    controller.says("wrote")
    watchdog.send(signal.SIGTERM)
    watchdog.says("is left alone")
    assert watchdog.end() == 0
    assert slots.ours()
    assert not StateFolder(tmp_path).watched()


def test_both_killed_the_next_watchdog_gives_back(start: Start, slots: SlotsInFile) -> None:
    watchdog = start(WATCHDOG)
    controller = start(CONTROLLER, str(VALIDITY_S))
    controller.says("wrote")
    watchdog.kill()
    controller.kill()
    assert slots.ours()
    start(WATCHDOG)
    wait_until(is_empty(slots))


def test_disk_that_hangs_keeps_nothing_in_force(start: Start, slots: SlotsInFile, tmp_path: Path) -> None:
    watchdog = start(WATCHDOG)
    controller = start(CONTROLLER, str(VALIDITY_S))
    controller.says("wrote")
    controller.send(signal.SIGSTOP)  # whose renewal would put a file in the pipe's place
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "pipe").replace(tmp_path / "lease.json")  # who opens it to read waits for ever
    wait_until(is_empty(slots))
    watchdog.send(signal.SIGTERM)
    watchdog.says("before everything is given back")


def test_watchdog_of_one_controller_ends_after_it(start: Start, slots: SlotsInFile) -> None:
    with StateFolder(slots.folder).lock():
        watchdog = start(WATCHDOG, "once")
        watchdog.says("ready")
    assert watchdog.end() == 0


def test_promise_is_kept_in_time_by_the_lease_itself() -> None:
    """A third of the lease is left for giving back, for three control steps that is one of them."""
    assert pytest.approx(1 / 3) == 1 - REVOKE_FRAC
