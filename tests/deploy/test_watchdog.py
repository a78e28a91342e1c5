"""The watchdog, with a clock that is set: what is given back, when, and until when it is asked for."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written
from airhandler.deploy.journal_reading import rows, verify
from airhandler.deploy.lease import REVOKE_FRAC, LeaseError
from airhandler.deploy.notify import Notify
from airhandler.deploy.signs import WATCHDOG_S
from airhandler.deploy.state import Lock, StateFolder
from airhandler.deploy.stop import Stop
from airhandler.deploy.watchdog import Watchdog
from tests.deploy.process import PATIENCE_S
from tests.deploy.watch import MARKS

VALIDITY_S, SETTLE_S = 30.0, 4.0
SITE = Path("site.yaml")


class Strange(BaseException):
    """What a library may raise that knows no better."""


@dataclass
class FakeSlots:
    """Slots whose answers are given; a name that is gone from `trouble` works."""

    held: dict[str, float] = field(default_factory=dict)
    trouble: list[WriteOutcome | BaseException] = field(default_factory=list)
    asked_s: list[float] = field(default_factory=list)
    opened: int = 0
    now_s: Callable[[], float] = lambda: 0.0

    def ours(self) -> Mapping[str, float]:
        if self.trouble and isinstance(self.trouble[0], BaseException):
            raise self.trouble.pop(0)  # type: ignore[misc]
        return self.held

    def relinquish(self, names: Collection[str] | None = None) -> WriteOutcome:
        self.asked_s.append(self.now_s())
        if self.trouble:
            outcome = self.trouble.pop(0)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome
        self.held = {} if names is None else {name: v for name, v in self.held.items() if name not in names}
        return Written()

    @contextlib.contextmanager
    def reached(self) -> Iterator[FakeSlots]:
        self.opened += 1
        yield self


class Script(Stop):
    """Time that passes only where somebody waits, and what happens in it; it ends with `until_s`."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s, self.until_s = 1000.0, 1000.0
        self.acts: list[tuple[float, Callable[[], object]]] = []

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        assert seconds > 0.0, "it would never rest"
        self.now_s += seconds
        while self.acts and self.acts[0][0] <= self.now_s:
            self.acts.pop(0)[1]()
        if self.now_s >= self.until_s:
            self.ask("the test is over")
        return self.why is not None


class Scene:
    """A site, a controller that took the lease, and a watchdog."""

    def __init__(self, folder: Path) -> None:
        self.script = Script()
        self.state = StateFolder(folder, now_s=self.script)
        self.slots = FakeSlots(now_s=self.script)
        self.begin_s = self.script.now_s
        self.controller: Lock | None = None

    def takes_over(self, renews_until_s: float = 0.0) -> None:
        """The controller begins: it writes, and renews its lease every second until so many seconds have passed."""
        self.controller = self.state.lock()
        self.state.lease.take(VALIDITY_S, token=self.controller.holder.token, site_file=SITE)
        self.slots.held = {"a": 20.0}
        seconds = range(1, int(renews_until_s) + 1)
        self.script.acts += [(self.begin_s + s, self.state.lease.renew) for s in seconds]

    def at(self, after_s: float, act: Callable[[], object]) -> None:
        self.script.acts.append((self.begin_s + after_s, act))
        self.script.acts.sort(key=lambda timed: timed[0])

    def dies(self) -> None:
        """Its lock goes with it."""
        assert self.controller is not None
        self.controller.release()

    def watch(self, for_s: float, *, once: bool = False) -> bool:
        """Runs the watchdog for a time. Returns what it says: whether nothing is left to give back."""
        self.script.until_s = self.script.now_s + for_s
        self.script.why, self.script.asked = None, False
        with self.state.lock("watchdog"):
            return self.watchdog(once=once).run(self.script)

    def watchdog(self, **choices: Any) -> Watchdog:
        """It waits for the disk as long as that takes, for time is set here."""
        chosen = {"patience_s": PATIENCE_S, "marks": MARKS} | choices
        return Watchdog(self.state, self.slots.reached, settle_s=SETTLE_S, **chosen)

    def asked_s(self) -> list[float]:
        """When it asked the building, seconds after the begin."""
        return [at_s - self.begin_s for at_s in self.slots.asked_s]

    def noted(self) -> list[str]:
        """What the watchdog's journal says."""
        return [row.payload["event"] for row in rows(self.state.path / "watchdog-journal")]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    if made.controller is not None:
        made.controller.release()


def test_controller_that_renews_is_left_alone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.takes_over(renews_until_s=100)
    assert scene.watch(100)
    assert scene.asked_s() == []
    assert scene.slots.held == {"a": 20.0}
    assert scene.noted() == ["ready", "end"]
    assert "is left alone" in caplog.text


def test_silent_controller_loses_everything_before_its_lease_ends(scene: Scene) -> None:
    scene.takes_over(renews_until_s=10)
    assert not scene.watch(60), "it lives, and may still write"
    first, *_ = scene.asked_s()
    assert 10 + REVOKE_FRAC * VALIDITY_S <= first < 10 + VALIDITY_S
    assert scene.slots.held == {}
    assert not scene.state.lease.renew()
    assert not scene.state.lease.holds()
    assert scene.noted() == ["ready", "revoked", "given-back", "end"]


def test_killed_controller_is_not_waited_for(scene: Scene) -> None:
    scene.takes_over(renews_until_s=10)
    scene.at(10.5, scene.dies)
    assert scene.watch(60)
    first, second = scene.asked_s()
    assert 10.5 <= first < 11.5
    assert first + SETTLE_S <= second < first + SETTLE_S + 1.0, "what was on its way has arrived by then"
    assert scene.noted() == ["ready", "revoked", "given-back", "settled", "end"]
    assert verify(scene.state.path / "watchdog-journal").broken is None


def test_where_nobody_can_say_whether_it_lives_its_time_decides(scene: Scene) -> None:
    def unreadable() -> None:
        path = scene.state.path / "controller.lock"
        path.unlink()
        path.symlink_to(path.name)  # it leads nowhere: nobody can open it

    scene.takes_over(renews_until_s=10)
    scene.at(5.0, unreadable)
    assert not scene.watch(60)
    first, *_ = scene.asked_s()
    assert 10 + REVOKE_FRAC * VALIDITY_S <= first < 10 + VALIDITY_S
    assert scene.slots.held == {}


def test_write_that_was_held_up_in_a_stopped_controller_does_not_last(scene: Scene) -> None:
    scene.takes_over()
    scene.at(300.0, lambda: scene.slots.held.update(a=21.0))
    assert not scene.watch(300 + 2 * SETTLE_S)
    assert scene.slots.held == {}
    scene.state.lease.release()  # it has woken up, and writes no more
    assert scene.watch(10 * SETTLE_S)
    assert "settled" in scene.noted()


def test_it_asks_until_the_building_shows_it(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.takes_over()
    scene.slots.trouble = []
    scene.at(1.0, scene.dies)
    scene.at(1.0, lambda: scene.slots.trouble.extend([WriteFailed(reason="no answer")] * 3))
    scene.at(1.0, lambda: scene.slots.trouble.extend([SiteError("cut"), Strange(), OSError("gone")]))
    assert scene.watch(60)
    assert scene.slots.held == {}
    asked = scene.asked_s()
    pauses = [later - sooner for sooner, later in itertools.pairwise(asked[:7])]
    assert pauses[0] < pauses[3] <= 5.0, "not faster and faster, and never given up"
    assert len(asked) == 6 + 2
    assert scene.slots.opened == 1 + 6, "another way to the site after each failure"
    assert caplog.text.count("NOT given back") == 6
    assert scene.noted() == ["ready", "revoked", "not-given-back", "given-back", "settled", "end"]


def test_it_never_gives_up(scene: Scene) -> None:
    scene.takes_over()
    scene.dies()
    scene.slots.trouble = [WriteFailed(reason="no answer")] * 10**6
    assert not scene.watch(3600)
    asked = scene.asked_s()
    assert max(later - sooner for sooner, later in itertools.pairwise(asked)) <= 5.0
    assert scene.state.lease.revocation() is not None
    with pytest.raises(LeaseError):
        scene.state.lease.take(VALIDITY_S, token="another", site_file=SITE)


def test_it_goes_on_whatever_becomes_of_the_files(scene: Scene) -> None:
    def removed() -> None:
        for name in ("lease.json", "revoked.json"):
            (scene.state.path / name).unlink()

    scene.takes_over()
    scene.at(1.0, scene.dies)
    scene.at(1.0, lambda: scene.slots.trouble.extend([WriteFailed(reason="no answer")] * 10))
    scene.at(4.0, removed)
    assert scene.watch(60)
    assert scene.slots.held == {}
    assert "settled" in scene.noted()


def test_another_watchdog_goes_on_where_the_first_one_was(scene: Scene) -> None:
    scene.takes_over()
    scene.dies()
    scene.slots.trouble = [WriteFailed(reason="no answer")] * 3
    assert not scene.watch(0.1)
    assert scene.watch(30)
    assert scene.slots.held == {}
    assert scene.state.lease.overdue() is None


def test_what_nobody_is_in_charge_of_is_given_back_at_the_start(scene: Scene) -> None:
    scene.slots.held = {"a": 20.0}
    scene.state.journal.append("write", {"setpoints": {"a": 20.0}})
    assert scene.watch(30)
    assert scene.slots.held == {}
    assert scene.noted() == ["revoked", "given-back", "settled", "ready", "end"]
    lock = scene.state.lock()
    scene.state.lease.take(VALIDITY_S, token=lock.holder.token, site_file=SITE)
    lock.release()


@pytest.mark.parametrize("known", [{}, {"a": 21.0}])
def test_what_somebody_else_wrote_is_left_alone(
    known: dict[str, float], scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.slots.held = {"a": 20.0}
    if known:
        scene.state.journal.append("write", {"setpoints": known})
    assert scene.watch(30)
    assert scene.asked_s() == []
    assert "somebody else writes at our priority, and is left alone: a" in caplog.text
    assert scene.noted() == ["ready", "end"]


def test_of_what_stands_there_only_our_own_is_given_back(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.slots.held = {"a": 20.0, "b": 4.0, "c": 1.0}
    scene.state.journal.append("write", {"setpoints": {"a": 20.0, "b": 4.5}})
    assert scene.watch(30)
    assert scene.slots.held == {"b": 4.0, "c": 1.0}
    assert "giving a back to the building: no controller is in charge, but a stand as written by us" in caplog.text
    assert "somebody else writes at our priority, and is left alone: b, c" in caplog.text
    assert scene.state.lease.overdue() is None
    assert "ready" in scene.noted()


def test_what_came_late_while_nobody_watched_is_given_back(scene: Scene) -> None:
    scene.takes_over()
    scene.state.journal.append("write", {"setpoints": {"a": 20.0}})
    scene.state.lease.revoke("it was silent", given_back=True)
    assert not scene.watch(30), "it lives, and may still write"
    assert scene.slots.held == {}


@pytest.mark.parametrize("part", ["lease", "lock"])
def test_watchdog_that_fails_itself_goes_on(
    part: str, scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    scene.takes_over(renews_until_s=100)
    of, name = (scene.state.lease, "overdue") if part == "lease" else (scene.state, "holder")
    scene.at(5.0, lambda: monkeypatch.setattr(of, name, fails))
    scene.at(6.0, lambda: scene.slots.held.update(a=21.0))
    scene.watch(60)
    assert scene.slots.held == {}, "who cannot see whether somebody is in charge gives back"
    assert "a mistake of ours" in caplog.text


def test_disk_that_hangs_keeps_nothing_in_force(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    hung = threading.Event()
    scene.takes_over(renews_until_s=10)

    def hangs(of: object, name: str) -> None:
        does = getattr(of, name)
        monkeypatch.setattr(of, name, lambda *words, **choices: (hung.wait(), does(*words, **choices)))

    scene.at(5.0, lambda: hangs(scene.state.lease, "revoke"))
    scene.at(5.0, lambda: hangs(scene.state.signs, "put_watchdog"))
    scene.at(5.0, scene.dies)
    scene.script.until_s = scene.script.now_s + 60
    watchdog = scene.watchdog(patience_s=0.1)
    with scene.state.lock("watchdog"):
        assert not watchdog.run(scene.script), "it could not be written down that everything is given back"
        assert scene.slots.held == {}
        assert min(scene.asked_s()) < 6.0
        assert not scene.state.watched(), "its sign has grown old"
    hung.set()
    for thread in threading.enumerate():
        if thread.name == "paperwork":
            thread.join(PATIENCE_S)
    assert scene.state.lease.overdue() is None, "what was held up is written by now"


def test_it_says_what_it_can_give_back(scene: Scene) -> None:
    seen: list[bool] = []
    scene.at(5.0, lambda: seen.extend(scene.state.watched(reach) for reach in (None, "", "another")))
    scene.watch(10)
    assert seen == [True, True, False]


def test_no_controller_begins_while_one_that_is_not_needed_ends(scene: Scene) -> None:
    """It is either there for the next one, or gone before that one can ask."""
    found: list[tuple[bool, bool]] = []

    class Closing(Notify):
        def stopping(self) -> None:
            alone = scene.state.nobody()
            assert alone is not None
            alone.release()
            with pytest.raises(UserError):
                scene.state.lock()
            found.append((True, scene.state.watched()))

    scene.takes_over(renews_until_s=2)
    scene.at(2.0, scene.state.lease.release)
    scene.at(3.0, scene.dies)
    scene.script.until_s = scene.script.now_s + 1000
    with scene.state.lock("watchdog"):
        scene.watchdog(once=True, notify=Closing(None)).run(scene.script)
        assert not scene.state.watched()
    assert found == [(True, True)]
    scene.state.lock().release()


def test_it_is_ready_only_once_the_site_is_reached(scene: Scene) -> None:
    seen: list[bool] = []
    scene.slots.trouble = [SiteError("no answer")] * 5
    for after_s in (0.2, 30.0):
        scene.at(after_s, lambda: seen.append(scene.state.watched()))
    scene.watch(40)
    assert seen == [False, True]
    assert not scene.state.watched(), "it has ended, and says so"


def test_its_sign_grows_old_when_it_is_stopped(scene: Scene) -> None:
    watched: list[bool] = []

    def is_stopped() -> None:
        watched.append(scene.state.watched())
        scene.script.now_s += WATCHDOG_S
        watched.append(scene.state.watched())

    scene.at(5.0, is_stopped)
    scene.watch(10)
    assert watched == [True, False]


def test_machine_that_was_suspended_is_a_controller_that_was_silent(scene: Scene) -> None:
    scene.takes_over(renews_until_s=3000)
    scene.at(5.0, lambda: setattr(scene.script, "now_s", scene.script.now_s + 1000.0))
    scene.watch(1010)
    assert scene.slots.held == {}
    assert not scene.state.lease.renew()


def test_lease_that_cannot_be_read_is_given_back(scene: Scene) -> None:
    scene.takes_over(renews_until_s=3)
    scene.at(4.0, lambda: (scene.state.path / "lease.json").write_text("{"))
    assert scene.watch(20)
    assert scene.slots.held == {}
    assert scene.state.lease.overdue() is None


def test_full_disk_keeps_nothing_in_force(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airhandler.deploy import lease, signs

    def full(path: Path, record: object, *, durable: bool = False) -> None:
        raise OSError(28, "No space left on device")

    scene.takes_over()
    for module in (lease, signs):
        scene.at(1.0, lambda module=module: monkeypatch.setattr(module, "put_record", full))
    scene.at(1.0, scene.state.watchdog_journal.close)
    scene.at(2.0, scene.dies)
    assert not scene.watch(30), "it cannot say that it is done, so it goes on"
    assert scene.slots.held == {}
    assert scene.asked_s()[0] < 4.0
    assert "revoked.json cannot be written down" in caplog.text


@pytest.mark.parametrize("in_charge", [True, False])
def test_it_ends_with_its_controller_if_told_to(in_charge: bool, scene: Scene) -> None:
    scene.takes_over(renews_until_s=20)
    if not in_charge:
        scene.at(20.0, scene.state.lease.release)
    scene.at(21.0, scene.dies)
    assert scene.watch(1000, once=True)
    assert 21.0 <= scene.script.now_s - scene.begin_s < 21.0 + 3 * SETTLE_S
    assert (scene.asked_s() == []) != in_charge
    assert scene.slots.held == ({} if in_charge else {"a": 20.0})


def test_one_who_only_proposes_has_nothing_to_give_back(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with scene.state.lock(), caplog.at_level(logging.INFO):
        assert scene.watch(60)
    assert scene.asked_s() == []
    assert "the watchdog ends: the test is over" in caplog.text
