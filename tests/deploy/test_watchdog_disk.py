"""A watchdog whose disk is full, damaged or hangs: nothing stays in force for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airhandler.buildings.site import WriteFailed
from airhandler.deploy import leftovers
from airhandler.deploy.lease import REVOKE_FRAC
from tests.deploy.process import PATIENCE_S
from tests.deploy.twins import patiently
from tests.deploy.watch_scene import BLIND_S, SETTLE_S, VALIDITY_S, Scene


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
    paperwork_ends()
    assert scene.state.lease.overdue() is None, "what was held up is written by now"


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


class Hung:
    """A pipe in a file's place: who opens it to read waits for ever, or until `answers`."""

    def __init__(self, path: Path) -> None:
        self.path, self.content = path, path.read_bytes() if path.exists() else b""
        self.pipe = path.with_name(f"{path.name}.pipe")
        os.mkfifo(self.pipe)
        os.link(self.pipe, new := path.with_name("new"))
        new.replace(path)

    def answers(self) -> None:
        """What was held up goes on, with what the file held; who comes later finds the file."""
        pipe = os.open(self.pipe, os.O_RDWR)  # not only to write, which would wait for a reader
        if self.path.is_fifo():
            new = self.path.with_name("new")
            new.write_bytes(self.content)
            new.replace(self.path)
        os.write(pipe, self.content or b" ")
        os.close(pipe)


@pytest.fixture
def hang(scene: Scene) -> Iterator[Callable[[str], Hung]]:
    """Lets a file of the state folder hang; at the end it answers, so that no reader is left."""
    hung: list[Hung] = []

    def begin(name: str) -> Hung:
        hung.append(Hung(scene.state.path / name))
        return hung[-1]

    yield begin
    for one in hung:
        one.answers()
    assert patiently(lambda: readers() == 0)


def readers() -> int:
    """How many there are that wait for a disk."""
    return [thread.name for thread in threading.enumerate()].count("reader")


def paperwork_ends() -> None:
    """Waits until what a watchdog that has ended had yet to write down is written."""
    for thread in threading.enumerate():
        if thread.name == "paperwork":
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "what it writes down hangs with the disk"


def answered(hung: Hung) -> None:
    """The disk answers, and who waited for it has the answer before time goes on, which here costs nothing."""
    hung.answers()
    assert patiently(lambda: readers() == 0)


def watched(scene: Scene, for_s: float, *, patience_s: float = 0.5) -> None:
    """Runs a watchdog that waits for the disk only for a moment; one that hangs with the disk fails the test.

    It ends with what it has not written down yet on its way: that is waited for, for it is looked at.
    """
    scene.script.until_s = scene.script.now_s + for_s
    with scene.state.lock("watchdog"):
        watchdog = scene.watchdog(patience_s=patience_s)
        run = threading.Thread(target=watchdog.run, args=(scene.script,), daemon=True)
        run.start()
        run.join(PATIENCE_S)
        assert not run.is_alive(), "the watchdog hangs with its disk"
    paperwork_ends()


@pytest.mark.parametrize("file", ["lease.json", "revoked.json", "controller.lock"])
def test_reading_that_hangs_keeps_nothing_in_force(
    file: str, scene: Scene, hang: Callable[[str], Hung], caplog: pytest.LogCaptureFixture
) -> None:
    waiting: list[int] = []
    scene.takes_over(renews_until_s=4)
    scene.at(5.0, lambda: hang(file))
    for after_s in (10.0, 50.0):
        scene.at(after_s, lambda: waiting.append(readers()))
    watched(scene, 60)
    first, *_ = scene.asked_s()
    assert 4 + REVOKE_FRAC * VALIDITY_S <= first < 4 + VALIDITY_S, "as long as the lease holds that was known last"
    assert scene.slots.held == {}
    assert "the disk has not answered for" in caplog.text
    assert len(scene.asked_s()) > 2, "who cannot see whether a controller lives goes on"
    assert waiting == [1, 1], "one waits, however long it takes"


def test_disk_that_hangs_for_a_moment_takes_nothing_back(scene: Scene, hang: Callable[[str], Hung]) -> None:
    hung: list[Hung] = []
    scene.takes_over(renews_until_s=100)
    scene.script.acts = [act for act in scene.script.acts if not 5.0 < act[0] - scene.begin_s < 15.0]
    scene.at(5.5, lambda: hung.append(hang("lease.json")))
    scene.at(14.0, lambda: answered(hung[0]))
    watched(scene, 90, patience_s=2.0)
    assert scene.asked_s() == []
    assert scene.slots.held == {"a": 20.0}


def test_disk_that_answers_again_ends_what_was_given_back_for_it(scene: Scene, hang: Callable[[str], Hung]) -> None:
    hung: list[Hung] = []
    scene.takes_over(renews_until_s=4)
    scene.at(5.0, lambda: hung.append(hang("lease.json")))
    scene.at(40.0, scene.dies)
    scene.at(60.0, lambda: answered(hung[0]))
    watched(scene, 120, patience_s=2.0)
    assert scene.noted() == ["ready", "revoked", "given-back", "settled", "end"]
    assert max(scene.asked_s()) < 60.0 + 3 * SETTLE_S


def test_disk_that_always_answers_late_is_believed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer comes after it was waited for, so that only what came late is ever known."""
    late, read = threading.Event(), scene.state.lease.record

    def slowly() -> object:
        late.wait(PATIENCE_S)
        return read()

    def passes() -> None:
        late.set()
        assert patiently(lambda: readers() == 0)
        late.clear()

    scene.takes_over(renews_until_s=50)
    monkeypatch.setattr(scene.state.lease, "record", slowly)
    for after_s in range(1, 90):
        scene.at(after_s + 0.5, passes)
    watched(scene, 90, patience_s=0.05)
    first, *_ = scene.asked_s()
    assert 50 + REVOKE_FRAC * VALIDITY_S <= first < 50 + VALIDITY_S
    late.set()


@pytest.mark.parametrize("file", ["lease.json", "revoked.json", "controller.lock"])
def test_disk_that_hangs_from_the_first_is_not_waited_for(file: str, scene: Scene, hang: Callable[[str], Hung]) -> None:
    scene.takes_over()
    hang(file)
    watched(scene, 60)
    assert BLIND_S <= scene.asked_s()[0] < VALIDITY_S
    assert scene.slots.held == {}
    assert scene.noted() == ["revoked", "given-back", "end"], "neither ready nor done: it sees nothing"


def test_journal_that_hangs_gives_back_what_it_may_know(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    hung = threading.Event()
    monkeypatch.setattr(leftovers, "unknown", lambda *_: hung.wait(PATIENCE_S))
    scene.slots.held = {"a": 20.0}
    watched(scene, 60)
    hung.set()
    assert BLIND_S <= scene.asked_s()[0] < VALIDITY_S
    assert scene.slots.held == {}
