"""The state folder: what the processes of one site know of each other, and what outlives them all."""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pydantic import AwareDatetime, ValidationError

from airhandler.buildings.errors import UserError
from airhandler.buildings.strict import Strict

from .boot import boot_s
from .journal import Journal, Keeping
from .lease import Lease
from .orders import Orders
from .signs import Signs

Party = Literal["controller", "watchdog"]

_TRIES, _PAUSE_S = 20, 0.05  # one who asks whether a lock is held has it himself, for less than a millisecond


class Holder(Strict):
    """Who holds a lock.

    Attributes:
        pid: of the process.
        since: when it began.
        token: different each time that the lock is taken.
    """

    pid: int
    since: AwareDatetime
    token: str


class StateFolder:
    """The state folder of one site.

    Args:
        path: the folder; made where it is not there.
        keeping: how its journal is kept.
        now_s: the boot-time clock [s].
        asking: only to see, or to give an order: nothing is made, for whoever asks may be another user.

    Raises UserError where it cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        keeping: Keeping | None = None,
        now_s: Callable[[], float] = boot_s,
        asking: bool = False,
    ) -> None:
        self.path, self._keeping, self._now_s = path, keeping, now_s
        if asking:
            return
        try:
            self._orders_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"state folder {path}: cannot be made: {error.strerror or error}") from error

    @cached_property
    def journal(self) -> Journal:
        """The controller's journal, opened when it is asked for. Raises JournalError."""
        return Journal(self.journal_folder, keeping=self._keeping)

    @property
    def journal_folder(self) -> Path:
        """Where the controller's journal is, for those who only read it."""
        return self.path / "journal"

    @cached_property
    def watchdog_journal(self) -> Journal:
        """The watchdog's own: a journal has one writer. Raises JournalError."""
        return Journal(self.path / "watchdog-journal", keeping=self._keeping)

    @cached_property
    def lease(self) -> Lease:
        """The site's lease."""
        return Lease(self.path, now_s=self._now_s)

    @cached_property
    def signs(self) -> Signs:
        """What the controller and the watchdog say of themselves."""
        return Signs(self.path, now_s=self._now_s)

    @cached_property
    def orders(self) -> Orders:
        """What people ask of the controller."""
        return Orders(self._orders_folder, now_s=self._now_s)

    @property
    def latch_file(self) -> Path:
        """There while authority is to stay back."""
        return self.path / "handover.json"

    @property
    def _orders_folder(self) -> Path:
        return self.path / "orders"

    def lock(self, party: Party = "controller") -> Lock:
        """Takes the lock that one controller, or one watchdog, of a site has; it ends with the process.

        Raises UserError that names who has it.
        """
        return Lock(self.path, party)

    def holder(self, party: Party = "controller") -> Holder | None:
        """Who holds a lock now; None where nobody does. Raises UserError where that cannot be found out."""
        try:
            Lock(self.path, party, asking=True, making=False).release()
            return None
        except HeldError as held:
            return held.holder
        except UserError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    def watched(self, reach: str | None = None) -> bool:
        """Whether a watchdog is there and ready: without one nothing may be written. Asked in every step.

        Where that cannot be found out none is.

        Args:
            reach: what it must be able to give back, as `WatchdogSign` has it; None: whatever it can.
        """
        try:
            return self.holder("watchdog") is not None and self.signs.watched(reach)
        except UserError:
            return False

    def nobody(self) -> Lock | None:
        """A lock that keeps every controller from beginning, for a moment; None where one runs, or may run."""
        try:
            return Lock(self.path, "controller", asking=True)
        except UserError:
            return None


class HeldError(UserError):
    """A lock is held by another process."""

    def __init__(self, message: str, holder: Holder) -> None:
        super().__init__(message)
        self.holder = holder


class Lock:
    """A lock that the kernel lets go when the process ends, however it ends. A context; or let go by `release`.

    Args:
        folder: the state folder.
        party: whose it is.
        asking: only to see whether it is held: it is shared with all who ask, and nobody is told.
        making: whether its file is made where it is not there.

    Raises UserError where it is held, HeldError, or cannot be had.
    """

    def __init__(self, folder: Path, party: Party, *, asking: bool = False, making: bool = True) -> None:
        path = folder / f"{party}.lock"
        self.holder = Holder(pid=os.getpid(), since=datetime.now(UTC), token=uuid.uuid4().hex)
        how = os.O_RDONLY if asking else os.O_RDWR  # to ask is possible where nothing can be written
        try:
            self._descriptor = os.open(path, how | (os.O_CREAT if making else 0) | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UserError(f"{path}: cannot be opened: {error.strerror or error}") from error
        try:
            self._take(path, party, fcntl.LOCK_SH if asking else fcntl.LOCK_EX, tries=1 if asking else _TRIES)
            if not asking:
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, self.holder.model_dump_json().encode(), 0)
        except OSError as error:
            self.release()
            raise UserError(f"{path}: cannot be locked: {error.strerror or error}") from error
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Lets it go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take(self, path: Path, party: Party, how: int, *, tries: int) -> None:
        for attempt in range(tries):
            try:
                fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if attempt + 1 < tries:
                    time.sleep(_PAUSE_S)
        holder = _told(path)
        since = holder.since.isoformat(timespec="seconds")
        raise HeldError(
            f"{path.parent}: a {party} of this site runs already, process {holder.pid} since {since}: stop it first",
            holder,
        )


def _told(path: Path) -> Holder:
    """Who the file says that holds the lock; a stand-in in the moment before it says so."""
    try:
        return Holder.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return Holder(pid=0, since=datetime.now(UTC), token="")
