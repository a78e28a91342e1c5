"""A live session in doubt: what ends authority ends it for good, whatever fails, and whenever a kill comes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airhandler.buildings.site import Overridden, WriteFailed
from airhandler.deploy import board, latch
from airhandler.deploy.recovery import unended
from tests.deploy.test_session import WANTED, Scene
from tests.fakes import STEP

STEP_S = STEP.total_seconds()
LONG = 20 * STEP_S


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def advice(tmp_path: Path) -> Scene:
    return Scene(tmp_path, stage="advisory")


def no_room(times: int) -> Callable[..., None]:
    """Puts a record on the disk, which is full for so many times."""
    real, left = latch.put_record, [times]

    def put(path: Path, record: Any, **how: Any) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, record, **how)

    return put


def taken(scene: Scene) -> None:
    """An earlier controller was killed in charge, and the watchdog has given back."""
    with scene.folder.lock() as lock:
        scene.folder.lease.take(3.0, token=lock.holder.token, site_file=scene.site.path)
    scene.folder.lease.revoke("it is gone", given_back=True)


# -- what was accepted


@pytest.mark.parametrize("over_s", [None, 2 * STEP_S])
def test_what_was_accepted_before_authority_went_back_must_be_accepted_anew(
    advice: Scene, over_s: float | None
) -> None:
    advice.run(("accept", LONG), ("give-back", over_s), None, None, ("reset", None), None)
    assert advice.wrote[-2:] == [False, False]
    advice.run(("accept", LONG), begin=6)
    assert advice.wrote[-1:] == [True]


def test_what_was_accepted_before_an_override_must_be_accepted_anew(advice: Scene) -> None:
    def override() -> None:
        advice.bus.says = Overridden(reason="held by slot 8") if len(advice.ticks) == 1 else None

    advice.after = override
    advice.run(("accept", LONG), None, ("reset", None), None)
    assert advice.wrote == [True, True, False, False]


def test_accepted_for_one_step_it_is_written_in_one(advice: Scene) -> None:
    advice.run(None, None, None, None, between={0: ("accept", None)})
    assert advice.wrote == [False, True, False, False]
    assert advice.answers == [(True, "what is advised is written for one step, the next that begins")]


def test_what_is_rejected_between_two_steps_is_given_back_at_once(advice: Scene) -> None:
    seen: list[tuple[int, str, bool]] = []
    advice.after = lambda: seen.append((advice.bus.relinquished, advice.sign.stage, advice.sign.in_charge))
    advice.run(("accept", LONG), None, between={0: ("reject", None)})
    assert seen == [(0, "advisory", True), (1, "advisory", False)]
    assert advice.answers[-1] == (True, "authority goes back now: nothing is written any more")


def test_advice_is_not_accepted_where_it_could_not_be_written(advice: Scene) -> None:
    advice.unwatched = "no watchdog"
    advice.run(("accept", LONG))
    advice.unwatched, advice.bus.says = None, Overridden(reason="held by slot 8")
    advice.run(("accept", LONG), begin=1)
    advice.bus.says = None
    advice.run(("accept", LONG), ("give-back", 3 * STEP_S), ("accept", LONG), begin=2)
    assert [w for done, w in advice.answers if not done] == [
        "authority goes back step by step, as a person has asked: `reset` comes first"
    ]
    assert advice.wrote[:2] == [False, False]


def test_an_end_that_the_building_does_not_confirm_is_a_fallback_that_asks_again(advice: Scene) -> None:
    advice.bus.relinquishes = WriteFailed(reason="it does not answer")
    advice.run(("accept", None), None, None, between={})
    assert (advice.sign.stage, advice.sign.in_charge) == ("fallback", True)
    assert "was not yet given back (it does not answer): what was accepted has run out" in advice.sign.why
    assert advice.bus.relinquished >= 5, "in every attendance, not once a step"


# -- what must outlive a kill


def test_killed_before_authority_that_went_back_is_on_the_disk_the_next_start_finds_the_lease(tmp_path: Path) -> None:
    code = f"""
    import os, pathlib
    from airhandler.buildings.site import Overridden
    from airhandler.deploy import latch
    from tests.deploy.test_session import Scene
    latch.put_record = lambda *said, **how: os.kill(os.getpid(), 9)
    scene = Scene(pathlib.Path({str(tmp_path)!r}))
    scene.bus.says = Overridden(reason="held by slot 8")
    scene.run(None, None)
    """
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=root).returncode == -9
    scene = Scene(tmp_path)
    assert unended(scene.folder.lease) is not None
    scene.run(None)
    assert scene.wrote == [False]


def test_authority_that_went_back_is_on_the_disk_before_the_lease_is_let_go(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []
    release = scene.folder.lease.release
    monkeypatch.setattr(
        scene.folder.lease, "release", lambda: (found.append(scene.folder.latch_file.exists()), release())
    )
    scene.bus.says = Overridden(reason="held by slot 8")
    scene.run(None, None)
    assert found[1:] == [True] * len(found[1:])
    assert len(found) > 1


def test_a_full_disk_is_asked_again_and_until_then_the_lease_says_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latch, "put_record", no_room(100))
    scene.run(None, ("give-back", None), None)
    assert scene.answers[-1][1].endswith("; the disk does not take that: after a restart it would be taken again")
    record = scene.folder.lease.record()
    assert record is not None
    assert record.in_charge, "the next start finds one of the two"
    monkeypatch.undo()
    scene.run(None, begin=3)
    assert scene.wrote == [True, False, False, False]


def test_a_disk_that_has_room_again_takes_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latch, "put_record", no_room(2))
    scene.run(None, ("give-back", None), None, None)
    assert scene.folder.latch_file.exists()
    record = scene.folder.lease.record()
    assert record is not None
    assert not record.in_charge


def test_a_start_after_a_kill_that_cannot_keep_that_leaves_the_lease_for_the_next_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(scene)
    monkeypatch.setattr(latch, "put_record", no_room(100))
    scene.run(None)
    monkeypatch.undo()
    scene.run(None, begin=1)
    assert scene.wrote == [False, False]


def test_a_loop_that_fails_leaves_authority_back(scene: Scene) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a slip")

    scene.after = fail
    with pytest.raises(ZeroDivisionError):
        scene.run(None, None)
    assert scene.bus.relinquished == 1
    scene.after = lambda: None
    scene.run(None, begin=1)
    assert scene.wrote == [True, False]
    assert scene.sign.why == "authority must go back: the controller itself failed: ZeroDivisionError: a slip"


# -- people who cannot be heard, and what cannot be shown


def test_orders_that_cannot_be_read_end_authority_and_are_obeyed_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fails = Path.read_bytes, [True]

    def read_bytes(path: Path) -> bytes:
        if path.parent.name == "orders" and fails.pop():
            fails.append(False)
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    scene.run(None, ("give-back", None), None)
    assert scene.wrote == [True, False, False]
    assert "people cannot be heard" in scene.sign.why
    assert [done for done, _ in scene.answers] == [True]


def test_a_folder_of_orders_that_cannot_be_listed_ends_authority(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str | Path) -> Any:
        if Path(path).name == "orders" and len(scene.ticks) == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    scene.run(None, None, None)
    assert scene.wrote == [True, False, False]


def test_what_cannot_be_shown_keeps_nothing_from_being_done(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def slip(*said: Any, **more: Any) -> None:
        raise ValueError("a slip in what is shown")

    monkeypatch.setattr(board, "shown_setpoints", slip)
    scene.bus.says = Overridden(reason="held by slot 8")
    scene.run(None, None)
    assert scene.wrote == [True, False]
    assert scene.folder.latch_file.exists()


# -- between two steps


def test_between_two_steps_people_see_what_they_have_ended_and_begun(scene: Scene) -> None:
    seen: list[tuple[int, str, bool, bool]] = []

    def look() -> None:
        sign = scene.sign
        known = any(p.in_force is not None for p in sign.setpoints)
        seen.append((len(scene.ticks), sign.stage, sign.in_charge, known))

    scene.looks = look
    scene.run(None, None, None, None, between={0: ("give-back", None), 1: ("reset", None)}, **dict(WANTED))
    assert seen[:4] == [
        (1, "live", True, True),
        (1, "fallback", False, False),  # not read since
        (2, "fallback", False, True),
        (2, "live", False, True),
    ]
    assert scene.wrote == [True, False, True, True]


def test_a_reset_between_two_steps_begins_anew_where_the_lease_was_lost_with_nothing_written(scene: Scene) -> None:
    def lose() -> None:
        if len(scene.ticks) == 1:
            scene.folder.lease.revoke("silent", given_back=True)

    scene.after = lose
    scene.run(None, None, None, None, between={1: ("reset", None)}, east_inlet_temp_c=None)
    assert scene.answers == [(True, "authority may be taken from the next step on")]
    assert scene.ticks[2].stage == "live", "not latched again by the lease that was lost before"
