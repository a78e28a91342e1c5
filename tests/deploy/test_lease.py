"""The lease: who may write, until when, and who has taken it away."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from airhandler.deploy.lease import REVOKE_FRAC, Lease, LeaseError

VALIDITY_S = 30.0
SITE = Path("site.yaml")


class Seconds:
    """A boot-time clock that is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def now() -> Seconds:
    return Seconds()


@pytest.fixture
def lease(tmp_path: Path, now: Seconds) -> Lease:
    """The controller's side."""
    return Lease(tmp_path, now_s=now, boot="this")


@pytest.fixture
def seen(tmp_path: Path, now: Seconds) -> Lease:
    """The watchdog's side."""
    return Lease(tmp_path, now_s=now, boot="this")


def test_nothing_may_be_written_before_it_is_taken(lease: Lease, seen: Lease) -> None:
    assert not lease.holds()
    assert not lease.renew()
    assert seen.record() is None
    assert seen.overdue() is None


def test_renewed_in_time_it_goes_on(lease: Lease, seen: Lease, now: Seconds) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    for _ in range(5):
        now.now_s += VALIDITY_S / 3
        assert lease.holds()
        assert lease.renew()
        assert seen.overdue() is None
    state = seen.record()
    assert state is not None
    assert (state.in_charge, state.site_file, state.renewed_s) == (True, str(SITE.absolute()), now.now_s)


def test_not_renewed_it_ends_with_time_left_to_give_back(lease: Lease, seen: Lease, now: Seconds) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    now.now_s += REVOKE_FRAC * VALIDITY_S - 0.001
    assert lease.holds()
    assert seen.overdue() is None
    now.now_s += 0.001
    assert not lease.holds()
    assert "has not renewed its lease for 20.0 s" in (seen.overdue() or "")
    assert not lease.renew(), "a lease that has run out does not come back by itself"
    assert seen.overdue() is not None


def test_revoked_it_may_not_be_used_nor_renewed(lease: Lease, seen: Lease) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    seen.revoke("the controller is silent")
    assert not lease.holds()
    assert not lease.renew()
    with pytest.raises(LeaseError, match="has yet to give back what was left in force: the controller is silent"):
        lease.take(VALIDITY_S, token="me", site_file=SITE)
    seen.revoke("the controller is silent", given_back=True)
    assert not lease.renew(), "only a person begins anew"
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    assert lease.renew()
    assert seen.revocation() is None


def test_what_was_given_back_is_not_overdue_again(lease: Lease, seen: Lease, now: Seconds) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    now.now_s += VALIDITY_S
    seen.revoke("silent")
    assert seen.overdue() is not None, "not before it is confirmed"
    seen.revoke("silent", given_back=True)
    assert seen.overdue() is None
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    now.now_s += VALIDITY_S
    assert seen.overdue() is not None


def test_revocation_that_is_written_late_covers_no_later_lease(lease: Lease, seen: Lease, now: Seconds) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    serial = seen.serial()
    lease.release()
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    seen.revoke("silent", given_back=True, serial=serial)
    assert not lease.holds()
    now.now_s += VALIDITY_S
    assert seen.overdue() is not None


def test_released_it_is_nobodys(lease: Lease, seen: Lease, now: Seconds) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    lease.release()
    assert not lease.holds()
    assert not lease.renew()
    now.now_s += VALIDITY_S
    assert seen.overdue() is None
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    assert lease.holds()


def test_controller_waits_until_what_an_earlier_one_has_left_is_given_back(lease: Lease, seen: Lease) -> None:
    lease.take(VALIDITY_S, token="the one before", site_file=SITE)
    with pytest.raises(LeaseError, match="an earlier controller"):
        lease.take(VALIDITY_S, token="me", site_file=SITE)
    seen.revoke("it has ended", given_back=True)
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    assert lease.holds()


@pytest.mark.parametrize("jump_s", [-1.0, 1e6])
def test_no_jump_of_the_clock_keeps_it_alive(jump_s: float, lease: Lease, seen: Lease, now: Seconds) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    now.now_s += jump_s
    assert not lease.holds()
    assert seen.overdue() is not None


def test_lease_of_another_start_of_the_machine_is_overdue(tmp_path: Path, lease: Lease, now: Seconds) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    later = Lease(tmp_path, now_s=now, boot="another")
    assert "started anew" in (later.overdue() or "")


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"pid": 1', "\0" * 100])
def test_file_that_is_no_lease_is_overdue_until_it_is_dealt_with(content: str, tmp_path: Path, seen: Lease) -> None:
    (tmp_path / "lease.json").write_text(content)
    assert "cannot be read" in (seen.overdue() or "")
    with pytest.raises(LeaseError, match="cannot be read"):
        seen.take(VALIDITY_S, token="me", site_file=SITE)
    seen.revoke("unreadable", given_back=True)
    assert seen.overdue() is None
    seen.take(VALIDITY_S, token="me", site_file=SITE)


def test_revocation_that_cannot_be_read_counts(tmp_path: Path, lease: Lease) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    (tmp_path / "revoked.json").write_text("")
    assert not lease.holds()
    with pytest.raises(LeaseError):
        lease.take(VALIDITY_S, token="me", site_file=SITE)


@pytest.mark.parametrize(
    "act",
    [
        lambda lease: lease.take(VALIDITY_S, token="me", site_file=SITE),
        lambda lease: lease.release(),
        lambda lease: lease.revoke("a later run found it in force", given_back=True),
    ],
    ids=["take", "release", "revoke"],
)
def test_lease_that_cannot_be_written_is_said(act: Callable[[Lease], None], tmp_path: Path, now: Seconds) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    lease = Lease(folder, now_s=now, boot="this")
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert not lease.renew()
    with pytest.raises(LeaseError, match="cannot be written"):
        act(lease)


@pytest.fixture
def disk_fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The next flush but so many fails, as on a disk that is full for a moment."""
    flush = os.fsync

    def fail_after(flushes: int) -> None:
        left = iter([*[True] * flushes, False])

        def flushed(descriptor: int) -> None:
            if not next(left, True):
                raise OSError(errno.ENOSPC, "No space left on device")
            flush(descriptor)

        monkeypatch.setattr(os, "fsync", flushed)

    return fail_after


@pytest.mark.parametrize("flushes", [0, 1], ids=["the file", "its name"])
def test_release_that_failed_is_tried_again(
    flushes: int, lease: Lease, seen: Lease, disk_fails: Callable[[int], None]
) -> None:
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    disk_fails(flushes)
    with pytest.raises(LeaseError, match="cannot be written"):
        lease.release()
    assert not lease.holds(), "whatever the disk says, nothing may be written any more"
    lease.release()
    state = seen.record()
    assert state is not None
    assert not state.in_charge


@pytest.mark.parametrize("flushes", [0, 1], ids=["the file", "its name"])
def test_take_that_failed_gives_nothing_and_leaves_nothing(
    flushes: int, lease: Lease, seen: Lease, now: Seconds, disk_fails: Callable[[int], None]
) -> None:
    disk_fails(flushes)
    with pytest.raises(LeaseError, match="cannot be written"):
        lease.take(VALIDITY_S, token="me", site_file=SITE)
    assert not lease.holds()
    now.now_s += VALIDITY_S
    seen.revoke("it was not renewed")
    with pytest.raises(LeaseError, match="has yet to give back"):
        lease.take(VALIDITY_S, token="me", site_file=SITE)
    state = seen.record()
    assert state is not None
    assert not state.in_charge, "the watchdog would wait for ever for a word of who lives"
    seen.revoke("it was not renewed", given_back=True)
    lease.take(VALIDITY_S, token="me", site_file=SITE)
    assert lease.holds()
