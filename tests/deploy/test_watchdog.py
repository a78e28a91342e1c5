"""The watchdog, with a clock that is set: what is given back, when, and until when it is asked for."""

from __future__ import annotations

import itertools

import pytest

from airhandler.buildings.errors import SiteError
from airhandler.buildings.site import WriteFailed
from airhandler.deploy.journal_reading import verify
from airhandler.deploy.lease import REVOKE_FRAC, LeaseError
from tests.deploy.watch_scene import SETTLE_S, SITE, VALIDITY_S, Scene, Strange


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


def test_another_watchdog_goes_on_where_the_first_one_was(scene: Scene) -> None:
    scene.takes_over()
    scene.dies()
    scene.slots.trouble = [WriteFailed(reason="no answer")] * 3
    assert not scene.watch(0.1)
    assert scene.watch(30)
    assert scene.slots.held == {}
    assert scene.state.lease.overdue() is None


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


def test_machine_that_was_suspended_is_a_controller_that_was_silent(scene: Scene) -> None:
    scene.takes_over(renews_until_s=3000)
    scene.at(5.0, lambda: setattr(scene.script, "now_s", scene.script.now_s + 1000.0))
    scene.watch(1010)
    assert scene.slots.held == {}
    assert not scene.state.lease.renew()
