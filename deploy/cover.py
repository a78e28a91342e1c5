"""Cover: before anything is written, somebody watches us, and the lease is ours."""

from __future__ import annotations

import logging
from collections.abc import Callable

from .lease import Lease, LeaseError

log = logging.getLogger("airhandler.cover")


class Cover:
    """The controller's side of lease and watchdog.

    Args:
        lease: of the site.
        take: takes it, for as long as this site needs. Raises LeaseError where it cannot be had yet.
        unwatched: why nobody watches us; None where somebody does.
        doubt: latches the handover, for a reason.
    """

    def __init__(
        self,
        lease: Lease,
        *,
        take: Callable[[], None],
        unwatched: Callable[[], str | None],
        doubt: Callable[[str], object],
    ) -> None:
        self._lease, self._take, self._unwatched, self._doubt = lease, take, unwatched, doubt
        self._taken = False

    def step(self) -> bool:
        """Takes or renews the lease for a step in which something is to be written. False: nothing may be.

        The lease comes first: who is busy giving back what we were too late for may look as if he were gone.
        """
        if self._taken and not self._lease.renew():
            self._doubt(f"authority must go back: {self._lost()}")
            return False
        if (why := self._unwatched()) is not None:
            self._doubt(f"authority must go back: nobody watches: {why}")
            return False
        if self._taken:
            return True
        try:
            self._take()
        except LeaseError as error:
            log.warning("no authority yet: %s", error)
            return False
        self._taken = True
        return True

    def _lost(self) -> str:
        """How we lost the lease, in words."""
        revoked = self._lease.revocation()
        return "the lease ran out" if revoked is None else f"the watchdog has revoked the lease: {revoked.why}"

    def holds(self) -> bool:
        """Whether something may be written at this moment."""
        return self._taken and self._lease.holds()

    def release(self) -> None:
        """Says that nothing of ours is in force: there is nothing to watch. To be asked again where it fails."""
        if not self._taken:
            return
        try:
            self._lease.release()
        except LeaseError as error:  # the watchdog gives back once more: no harm
            log.error("the lease was not released: %s", error)
            return
        self._taken = False

    def look(self) -> None:
        """Between two steps: is there still somebody who watches?"""
        if self._taken and (why := self._unwatched()) is not None:
            self._doubt(f"authority must go back: nobody watches: {why}")
