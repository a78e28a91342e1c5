"""The lease: for how long the building may believe that a controller looks after what it has written.

A BACnet write never expires. So a controller that is in charge says in every step, by the machine's boot-time clock,
that it is there, and the watchdog, another process, gives everything back when it does not: killed, hanging, stopped
and suspended look alike. Two small files, each written by one side, so that neither ever waits for the other:

- `lease.json`, the controller's: who it is, whether it is in charge, and when it last said so;
- `revoked.json`, the watchdog's: what it has taken back, and whether the building has confirmed it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.strict import Strict

from .boot import boot_id, boot_s
from .small_files import put_record, read_record

REVOKE_FRAC = 2 / 3
"""Share of its validity after which a lease that was not renewed is revoked: the rest is for giving back."""


class LeaseError(AirhandlerError):
    """The lease cannot be written, or may not be taken: nothing may be written to the building."""


class LeaseRecord(Strict):
    """What `lease.json` holds.

    Attributes:
        pid: the controller's.
        token: of its lock on the state folder.
        site_file: path of its site file.
        in_charge: whether something of ours is or may be in force.
        serial: counts up, over all controllers.
        renewed_s: when it was renewed [s, boot-time clock].
        validity_s: within what time from then on everything is given back, where it is not renewed [s].
        boot: which start of the machine it is of.
    """

    pid: int
    token: str
    site_file: str
    in_charge: bool
    serial: int
    renewed_s: float = Field(allow_inf_nan=False)
    validity_s: float = Field(gt=0, allow_inf_nan=False)
    boot: str

    def holds(self, now_s: float, boot: str) -> bool:
        """Whether something may be written under it. One of another start of the machine, or of the future, is none."""
        return boot == self.boot and self.renewed_s <= now_s < self.renewed_s + REVOKE_FRAC * self.validity_s


class Revocation(Strict):
    """What `revoked.json` holds.

    Attributes:
        serial: of the lease that was revoked; -1 where none could be read.
        why: in one sentence.
        given_back: whether the building has confirmed that nothing of ours is in force, and none is on its way.
    """

    serial: int
    why: str
    given_back: bool


class Lease:
    """One site's lease, for both sides.

    Args:
        folder: where its files are.
        now_s: the boot-time clock [s].
        boot: which start of the machine it is; None asks the machine.
    """

    def __init__(self, folder: Path, *, now_s: Callable[[], float] = boot_s, boot: str | None = None) -> None:
        self._path, self._revoked_path = folder / "lease.json", folder / "revoked.json"
        self._now_s, self._boot = now_s, boot or boot_id()
        self._mine: LeaseRecord | None = None  # under which something may be written
        self._left: LeaseRecord | None = None  # of ours that the file may hold, and says that we are in charge

    def take(self, validity_s: float, *, token: str, site_file: Path) -> None:
        """The controller takes it: before its first write, and again once a person has looked after a revocation.

        Args:
            validity_s: within what time everything is given back where it is not renewed [s].
            token: of the controller's lock on the state folder.
            site_file: what the controller was started with.

        Raises LeaseError where it cannot be written, or while there is something that the watchdog has yet to give
        back, of an earlier controller or of this one: it will have, and then this can be tried again.
        """
        if self._mine is None:
            self.release()  # what we did not get done before: the watchdog waits for our word
        revoked, before = self.revocation(), self._before()
        if revoked is not None and not revoked.given_back:
            raise LeaseError(f"the watchdog has yet to give back what was left in force: {revoked.why}")
        if before is not None and before.in_charge and before.token != token and not _covers(revoked, before):
            raise LeaseError(f"an earlier controller (pid {before.pid}) was in charge, and nothing was given back yet")
        serial = 1 + max(before.serial if before else 0, revoked.serial if revoked else 0)
        record = LeaseRecord(
            pid=os.getpid(),
            token=token,
            site_file=str(site_file.absolute()),
            in_charge=True,
            serial=serial,
            renewed_s=self._now_s(),
            validity_s=validity_s,
            boot=self._boot,
        )
        self._mine, self._left = None, record
        try:
            put_record(self._path, record, durable=True)
            self._revoked_path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        self._mine = record

    def renew(self) -> bool:
        """The controller says that it is there. False where the lease has run out, was revoked or cannot be written.

        Then nothing may be written, and a person is to look: `take` begins anew.
        """
        if self._mine is None or not self.holds():
            return False
        renewed = self._mine.model_copy(update={"renewed_s": self._now_s()})
        try:
            put_record(self._path, renewed)
        except OSError:
            return False
        self._mine = self._left = renewed
        return self.holds()

    def holds(self) -> bool:
        """Whether something may be written now: the controller asks immediately before each write."""
        mine = self._mine
        if mine is None or self._revoked_path.exists():
            return False
        return mine.holds(self._now_s(), self._boot)

    def release(self) -> None:
        """The controller says that nothing of its own is in force, and no write on its way; after a revocation, too.

        Raises LeaseError where that cannot be written: the watchdog then gives back, and waits until it is said. It
        can be called again and again; once it is said there is nothing to do.
        """
        self._mine = None
        if self._left is None:
            return
        try:
            put_record(self._path, self._left.model_copy(update={"in_charge": False}), durable=True)
        except OSError as error:
            raise self._unwritable(error) from error
        self._left = None

    def settle(self) -> None:
        """A controller that begins says of a lease that an earlier one was killed under: nothing of it is in force.

        One that cannot be read stays as it is. Raises LeaseError where it cannot be written.
        """
        try:
            state = self.record()
            if state is not None and state.in_charge:
                put_record(self._path, state.model_copy(update={"in_charge": False}), durable=True)
        except OSError as error:
            raise self._unwritable(error) from error
        except ValueError:
            return

    def record(self) -> LeaseRecord | None:
        """The lease as it stands; None where there is none. Raises ValueError for a file that is no lease."""
        return read_record(self._path, LeaseRecord)

    def overdue(self) -> str | None:
        """For the watchdog: why everything must be given back; None where nothing must, or everything has been."""
        revoked = self.revocation()
        try:
            state = self.record()
        except ValueError as error:
            dealt_with = revoked is not None and revoked.given_back
            return None if dealt_with else f"the lease cannot be read: {error}"
        if state is None or not self.stands(state) or state.holds(now_s := self._now_s(), self._boot):
            return None
        if state.boot != self._boot:
            return f"the machine was started anew since the controller (pid {state.pid}) renewed its lease"
        return f"the controller (pid {state.pid}) has not renewed its lease for {now_s - state.renewed_s:.1f} s"

    def stands(self, state: LeaseRecord) -> bool:
        """Whether something that was written under a lease may still be in force."""
        return state.in_charge and not _covers(self.revocation(), state)

    def left(self) -> bool:
        """Whether something that was written under a lease may still be in force; one that cannot be read counts."""
        try:
            state = self.record()
        except ValueError:
            revoked = self.revocation()
            return revoked is None or not revoked.given_back
        return state is not None and self.stands(state)

    def revocation(self) -> Revocation | None:
        """What the watchdog has taken back or is taking back; a file that cannot be read counts as one that goes on."""
        try:
            return read_record(self._revoked_path, Revocation)
        except ValueError as error:
            return Revocation(serial=-1, why=str(error), given_back=False)

    def revoke(self, why: str, *, given_back: bool = False, serial: int | None = None) -> None:
        """The watchdog takes it away, or says that everything has been given back.

        Args:
            why: in one sentence.
            given_back: whether the building has confirmed it.
            serial: of the lease that this is about; None: of the one that stands.

        Raises LeaseError where it cannot be written.
        """
        about = self.serial() if serial is None else serial
        try:
            put_record(self._revoked_path, Revocation(serial=about, why=why, given_back=given_back))
        except OSError as error:
            raise self._unwritable(error, self._revoked_path) from error

    def serial(self) -> int:
        """The number of the lease that stands; -1 where none can be read."""
        try:
            state = self.record()
        except ValueError:
            return -1
        return -1 if state is None else state.serial

    def _before(self) -> LeaseRecord | None:
        """The lease that stands there. Raises LeaseError for one that cannot be read and was not dealt with."""
        try:
            return self.record()
        except ValueError as error:
            if (revoked := self.revocation()) is not None and revoked.given_back:
                return None
            raise LeaseError(f"the lease cannot be read, and the watchdog has not dealt with it: {error}") from error

    def _unwritable(self, error: OSError, path: Path | None = None) -> LeaseError:
        return LeaseError(f"{path or self._path}: cannot be written: {error.strerror or error}")


def _covers(revoked: Revocation | None, state: LeaseRecord) -> bool:
    """Whether everything that was written under a lease has been given back by the watchdog."""
    return revoked is not None and revoked.given_back and revoked.serial == state.serial
