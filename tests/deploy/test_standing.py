"""How it stands with authority, as whoever asks at any moment is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Setpoints
from airhandler.deploy.gradual import Ramp
from airhandler.deploy.grants import Grants
from airhandler.deploy.journal import Journal, JournalError
from airhandler.deploy.latch import Latch
from airhandler.deploy.live import Authority
from airhandler.deploy.standing import OnBus, on_bus
from airhandler.deploy.state import StateFolder
from airhandler.safety.handover import Handover
from tests.deploy.scenes import FakeWriter
from tests.deploy.test_session import SETPOINTS, Scene
from tests.fakes import STEP, FakeClock

VALIDITY_S = 30.0


class Desk:
    """One who asks, on a site whose time, lease and people the test has in hand."""

    def __init__(self, folder: Path) -> None:
        self.now_s, self.unwatched, self.handover, self.clock = 1000.0, None, Handover(), FakeClock(0)
        self.folder = StateFolder(folder, now_s=lambda: self.now_s)
        self.latch = Latch(folder / "handover.json", self.handover)
        self.grants = Grants(
            stage="advisory",
            ramp=Ramp(points=("a",), days=0.0),
            handover=self.handover,
            now=self.clock.now,
            step_s=STEP.total_seconds(),
        )

    unwatched: str | None

    def ask(self) -> OnBus:
        return on_bus(
            self.folder,
            token="ours",
            setpoints=("a", "b"),
            grants=self.grants,
            latch=self.latch,
            unwatched=lambda: self.unwatched,
            journal_errors=0,
        )

    def take(self, token: str = "ours") -> None:
        self.folder.lease.take(VALIDITY_S, token=token, site_file=self.folder.path / "site.yaml")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_lease_gets_older_until_it_is_renewed(desk: Desk) -> None:
    assert (desk.ask().lease_age_s, desk.ask().lease_limit_s) == (None, None)
    desk.take()
    desk.now_s += 12.0
    assert (desk.ask().lease_age_s, desk.ask().lease_limit_s) == (12.0, VALIDITY_S)
    assert desk.folder.lease.renew()
    assert desk.ask().lease_age_s == 0.0
    desk.folder.lease.release()
    assert desk.ask().lease_age_s is None


def test_what_the_watchdog_gave_back_is_not_in_force(desk: Desk) -> None:
    desk.take()
    desk.folder.lease.revoke("silent")
    assert not desk.ask().taken_back, "the building has not confirmed it"
    desk.folder.lease.revoke("silent", given_back=True)
    assert desk.ask().taken_back


def test_lease_of_an_earlier_controller_and_one_that_cannot_be_read_say_nothing(desk: Desk) -> None:
    desk.take("another")
    assert (desk.ask().lease_age_s, desk.ask().taken_back) == (None, False)
    (desk.folder.path / "lease.json").write_text("{")
    assert desk.ask().lease_age_s is None


def test_advice_waits_until_a_person_accepts_and_then_for_so_long(desk: Desk) -> None:
    assert (desk.ask().waits, desk.ask().accepted_s, desk.ask().granted) == (True, None, {"a": 0.0, "b": 0.0})
    desk.grants.accept(4 * STEP)
    desk.clock.time += STEP
    told = desk.ask()
    assert (told.waits, told.accepted_s) == (False, 3 * STEP.total_seconds())
    assert told.granted == {"a": 1.0, "b": 0.0}, "b is not among those that may be written"
    desk.clock.time += 3 * STEP
    assert (desk.ask().waits, desk.ask().accepted_s) == (True, None)


def test_nothing_is_granted_while_authority_stays_back_since_a_known_time(desk: Desk) -> None:
    desk.grants.accept(STEP)
    assert desk.ask().latched_s is None
    desk.handover.give_back("a doubt")
    assert desk.latch.news() == "a doubt"
    os.utime(desk.folder.path / "handover.json", (5000.0, 5000.0))
    told = desk.ask()
    assert (told.granted, told.waits, told.latched_s) == ({"a": 0.0, "b": 0.0}, False, 5000.0)


def test_nobody_who_watches_is_told(desk: Desk) -> None:
    assert desk.ask().watched
    desk.unwatched = "the watchdog is gone, or silent"
    assert not desk.ask().watched


def test_authority_is_ours_from_the_first_write_on_and_until_the_site_confirms() -> None:
    now_s, writer, handover = 100.0, FakeWriter(dead=True), Handover()
    authority = Authority(writer, now_s=lambda: now_s)

    def told() -> tuple[bool, float]:
        standing = authority.standing(handover)
        return standing.in_charge, standing.since_s

    assert told() == (False, 100.0)
    now_s = 200.0
    authority.write(Setpoints({"a": 1.0}))
    now_s = 300.0
    authority.write(Setpoints({"a": 2.0}))
    assert told() == (True, 200.0)
    now_s = 400.0
    authority.relinquish()
    assert told() == (True, 200.0), "the line is dead"
    writer.dead = False
    authority.relinquish()
    assert told() == (False, 400.0)


def test_a_write_that_raises_may_be_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(writer := FakeWriter())

    def lost(setpoints: Setpoints) -> None:
        raise SiteError("no answer")

    monkeypatch.setattr(writer, "write", lost)
    with pytest.raises(SiteError):
        authority.write(Setpoints({"a": 1.0}))
    assert authority.standing(Handover()).in_charge


def test_rows_that_the_journal_did_not_take_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path)
    scene.run(None)
    assert scene.session.on_bus().journal_errors == 0

    def full(*_: object, **__: object) -> int:
        raise JournalError("disk full")

    monkeypatch.setattr(Journal, "append", full)
    scene.run(None, None, begin=1)
    assert scene.session.on_bus().journal_errors > 1


def test_what_a_session_tells_is_what_it_does(tmp_path: Path) -> None:
    scene = Scene(tmp_path, write=SETPOINTS[:1])
    scene.run(None)
    assert scene.session.on_bus().granted == {name: float(name == SETPOINTS[0]) for name in SETPOINTS}
    scene.run(("give-back", None), begin=1)
    told = scene.session.on_bus()
    assert set(told.granted.values()) == {0.0}
    assert told.latched_s is not None
