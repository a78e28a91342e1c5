"""The clock of a real site: ours, or what its device says."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from airhandler.deploy.connectors import clock as module
from airhandler.deploy.connectors.clock import SiteClock, in_zone, localised

CHICAGO = ZoneInfo("America/Chicago")
BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STEP = timedelta(minutes=15)
FAST = 90_000.0  # a step in 10 ms


def _clock(ask: Callable[[], datetime | None] | None = None, **changes: float) -> SiteClock:
    return SiteClock(FAST, UTC, BEGIN, ask, **changes)


def test_sleeper_wakes_when_it_is_time() -> None:
    clock = _clock()
    for number in range(1, 5):
        assert clock.sleep_until(BEGIN + number * STEP)
        assert clock.now() >= BEGIN + number * STEP


def test_stop_wakes_a_sleeper_and_ends_the_run() -> None:
    clock = SiteClock(1.0, UTC, BEGIN)
    timer = threading.Timer(0.05, clock.stop)
    timer.start()
    assert not clock.sleep_until(BEGIN + timedelta(days=1))
    assert not clock.sleep_until(BEGIN), "not even for what has passed"
    timer.join()


def test_time_ends_after_so_many_days() -> None:
    clock = _clock(days=STEP / timedelta(days=1))
    assert clock.sleep_until(BEGIN + STEP)
    assert not clock.sleep_until(BEGIN + 2 * STEP)


def test_nobody_can_set_it_and_suspended_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [100.0]
    monkeypatch.setattr(module, "boot_s", lambda: seconds[0])
    clock = SiteClock(1.0, UTC, BEGIN)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    seconds[0] += 3600.0
    assert clock.now() == BEGIN + timedelta(hours=1)


def test_offset_is_the_zones_and_sums_are_right_across_its_change() -> None:
    before = localised(datetime(2026, 3, 8, 7, 45, tzinfo=UTC), CHICAGO)
    assert before.isoformat() == "2026-03-08T01:45:00-06:00"
    after = localised(before + STEP, CHICAGO)
    assert after.isoformat() == "2026-03-08T03:00:00-05:00"
    assert after - before == STEP


@pytest.mark.parametrize(
    ("near", "wanted"),
    [
        (None, "2026-11-01T01:30:00-05:00"),
        (datetime(2026, 11, 1, 6, 20, tzinfo=UTC), "2026-11-01T01:30:00-05:00"),
        (datetime(2026, 11, 1, 7, 20, tzinfo=UTC), "2026-11-01T01:30:00-06:00"),
    ],
)
def test_hour_that_is_there_twice_is_the_nearer_one(near: datetime | None, wanted: str) -> None:
    shown = datetime(2026, 11, 1, 1, 30)  # noqa: DTZ001 - a device's time has no zone
    assert in_zone(shown, CHICAGO, near).isoformat() == wanted


def test_site_that_is_late_is_waited_for() -> None:
    """A twin that simulates more slowly than its pace: its step counts, not our clock."""
    late = itertools.chain([BEGIN, BEGIN, BEGIN + STEP], itertools.repeat(BEGIN + STEP))
    asked: list[datetime] = []

    def ask() -> datetime:
        asked.append(next(late))
        return asked[-1]

    assert _clock(ask).sleep_until(BEGIN + STEP)
    assert asked == [BEGIN, BEGIN, BEGIN + STEP]


@pytest.mark.parametrize("said", [None, BEGIN])
def test_site_that_says_nothing_or_stands_still_holds_nobody_up_for_ever(said: datetime | None) -> None:
    clock = _clock(lambda: said)
    assert clock.sleep_until(BEGIN + STEP)
    assert clock.now() >= BEGIN + STEP


def test_site_that_began_anew_is_not_waited_for() -> None:
    asked = []

    def ask() -> datetime:
        asked.append(1)
        return BEGIN - timedelta(days=30)

    assert _clock(ask).sleep_until(BEGIN + STEP)
    assert len(asked) == 1


def test_site_that_is_ahead_takes_the_clock_along() -> None:
    clock = _clock(lambda: BEGIN + 10 * STEP)
    assert clock.sleep_until(BEGIN + STEP)
    assert clock.now() >= BEGIN + 10 * STEP


def test_who_looks_while_it_is_set_sees_the_time_before_or_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may look at any moment, so somebody looks after each change of the clock."""
    seconds, later, seen = [100.0], BEGIN + timedelta(days=30), list[datetime]()

    class Looked(SiteClock):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if seconds[0] > 100.0:
                seen.append(self.now())

    monkeypatch.setattr(module, "boot_s", lambda: seconds[0])
    clock = Looked(1.0, UTC, BEGIN)
    seconds[0] += 3600.0
    clock.set(later)
    assert set(seen) == {later}


def test_fixed_offset_stays() -> None:
    zone = timezone(timedelta(hours=-6))
    assert localised(datetime(2026, 7, 1, tzinfo=UTC), zone).isoformat() == "2026-06-30T18:00:00-06:00"
