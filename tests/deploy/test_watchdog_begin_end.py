"""How a watchdog begins and ends: what it finds and gives back first, what its sign says, and when nobody needs it."""

from __future__ import annotations

import logging

import pytest

from airhandler.buildings.errors import SiteError, UserError
from airhandler.deploy.notify import Notify
from airhandler.deploy.signs import WATCHDOG_S
from tests.deploy.watch_scene import SETTLE_S, SITE, VALIDITY_S, Scene


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
