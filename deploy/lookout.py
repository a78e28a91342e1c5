"""What a watchdog sees of its controller: whether everything is due to be given back, also where it sees nothing."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace

from airhandler.buildings.errors import UserError

from .lease import LeaseRecord
from .reader import HangsError, Reader
from .state import StateFolder

log = logging.getLogger("airhandler.watchdog")

_UNKNOWN = "whether a controller is in charge cannot be found out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What the state folder says.

    Attributes:
        at_s: when it was asked [s, boot-time clock].
        due: why everything must be given back; None where nothing must.
        lease: the controller's; None where there is none, or none can be read.
        gone: whether the process that holds the lease has ended.
        runs: whether a controller has the site, or may have it.
        left: whether something that was written under a lease may still be in force.
        fresh: whether it is what the folder says now; else what it said last.
    """

    at_s: float
    due: str | None = None
    lease: LeaseRecord | None = None
    gone: bool = False
    runs: bool = True
    left: bool = True
    fresh: bool = True

    @property
    def in_charge(self) -> bool:
        """Whether a controller says that something of ours is or may be in force."""
        return self.lease is not None and self.lease.in_charge

    @property
    def may_write(self) -> bool:
        """Whether a controller may live that has not said that it writes no more: a write may be held up in it."""
        return not self.fresh or (self.in_charge and not self.gone)

    @property
    def serial(self) -> int:
        """The number of the lease; -1 where there is none."""
        return -1 if self.lease is None else self.lease.serial


class Lookout:
    """Looks at a site's state folder. Where the disk hangs, what it knew last counts, as long as that can be true.

    Args:
        state: the folder.
        patience_s: how long an answer of the disk is waited for [s].
        blind_s: after how long without an answer everything is due [s]; a lease that was known last decides by itself.
    """

    def __init__(self, state: StateFolder, *, patience_s: float, blind_s: float) -> None:
        self._state, self._blind_s = state, blind_s
        self._reader = Reader(self._read, patience_s)
        self._last = Look(at_s=state.signs.now_s(), fresh=False)

    def look(self) -> Look:
        """What the folder says; where it does not answer, what it said last, and what has come due since.

        What cannot be found out is due, too: nobody else looks.
        """
        try:
            self._last = self._reader.ask()
        except HangsError:
            return replace(self._last, fresh=False, due=self._due_unseen(self._last))
        except Exception as error:  # noqa: BLE001 - whatever it is
            words = f"{_UNKNOWN}: {type(error).__name__}: {error}"
            return replace(self._last, fresh=False, due=words)
        return self._last

    def _due_unseen(self, last: Look) -> str | None:
        now_s = self._state.signs.now_s()
        silent_s = now_s - last.at_s
        if last.lease is not None and last.left:
            lives = last.lease.holds(now_s, self._state.signs.boot)
        else:
            lives = silent_s < self._blind_s
        return None if lives else f"{_UNKNOWN}: the disk has not answered for {silent_s:.1f} s"

    def _read(self) -> Look:
        """Reads it all, in the reader's thread."""
        at_s, lease = self._state.signs.now_s(), self._lease()
        gone = lease is not None and lease.in_charge and self._is_gone(lease)
        return Look(
            at_s=at_s,
            due=self._due(lease if gone else None),
            lease=lease,
            gone=gone,
            runs=self._runs(),
            left=self._state.lease.left(),
        )

    def _due(self, abandoned: LeaseRecord | None) -> str | None:
        """Why everything must be given back.

        Args:
            abandoned: the lease of a controller that has ended: it is not waited for.
        """
        revoked = self._state.lease.revocation()
        if revoked is not None and not revoked.given_back:
            return revoked.why
        if (why := self._state.lease.overdue()) is not None or abandoned is None:
            return why
        if not self._state.lease.stands(abandoned) or self._lease() != abandoned:  # another one may have begun since
            return None
        return f"the controller (pid {abandoned.pid}) has ended without giving back"

    def _lease(self) -> LeaseRecord | None:
        with suppress(ValueError):
            return self._state.lease.record()
        return None

    def _is_gone(self, lease: LeaseRecord) -> bool:
        """Whether the process that holds a lease has ended: its lock went with it.

        Where that cannot be found out it may live: the lease's time decides then.
        """
        try:
            holder = self._state.holder()
        except UserError as error:
            log.error("whether the controller (pid %d) lives cannot be found out: %s", lease.pid, error)
            return False
        return holder is None or holder.token not in (lease.token, "")

    def _runs(self) -> bool:
        try:
            return self._state.holder() is not None
        except UserError:
            return True
