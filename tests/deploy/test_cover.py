"""Cover: no lease, or nobody who watches, and nothing is written."""

from __future__ import annotations

from pathlib import Path

from airhandler.deploy.cover import Cover
from airhandler.deploy.lease import Lease
from airhandler.safety.handover import Handover


class Scene:
    """A lease of 3 s on a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.time_s, self.unwatched, self.handover = 100.0, None, Handover()
        self.lease = Lease(folder, now_s=lambda: self.time_s, boot="this one")
        self.cover = Cover(
            self.lease,
            take=lambda: self.lease.take(3.0, token="ours", site_file=folder / "site.yaml"),
            unwatched=lambda: self.unwatched,
            doubt=self.handover.give_back,
        )

    unwatched: str | None

    @property
    def reason(self) -> str | None:
        return self.handover.reason.words if self.handover.reason else None


def test_a_lease_is_taken_with_the_first_step_and_renewed_with_each(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert not scene.cover.holds()
    for _ in range(5):
        assert scene.cover.step()
        assert scene.cover.holds()
        scene.time_s += 1.0
    assert scene.reason is None


def test_a_lease_that_ran_out_ends_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.cover.step()
    scene.time_s += 3.0
    assert not scene.cover.holds()
    assert not scene.cover.step()
    assert scene.reason == "authority must go back: the lease ran out"


def test_a_revoked_one_ends_it_and_is_taken_again_only_once_all_was_given_back(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.cover.step()
    scene.lease.revoke("silent")
    assert not scene.cover.holds()
    assert not scene.cover.step()
    scene.cover.release()
    scene.handover.reset()
    assert not scene.cover.step()
    assert scene.reason is None  # it waits
    scene.lease.revoke("silent", given_back=True)
    assert scene.cover.step()


def test_without_one_who_watches_nothing_is_written(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.unwatched = "no watchdog runs"
    assert not scene.cover.step()
    assert scene.reason == "authority must go back: nobody watches: no watchdog runs"
    assert scene.lease.record() is None


def test_released_there_is_nothing_to_watch(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.cover.step()
    scene.cover.release()
    state = scene.lease.record()
    assert state is not None
    assert not state.in_charge
    assert not scene.cover.holds()
