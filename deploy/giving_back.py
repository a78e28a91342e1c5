"""Giving back: everything of ours is relinquished, again and again, until the building shows that it is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.site import WriteOutcome, Written

from .lookout import Look
from .watch_books import WatchBooks

log = logging.getLogger("airhandler.watchdog")

_RETRY_S, _SLOWEST_RETRY_S = 0.2, 5.0


class Slots(Protocol):
    """What the watchdog needs of a site: what stands there as ours, and giving it back."""

    def ours(self) -> Mapping[str, float]:
        """What stands as written by us, by point. Raises SiteError."""
        ...

    def relinquish(self, names: Collection[str] | None = None) -> WriteOutcome:
        """Gives everything back, or these points; Written only where the site shows it."""
        ...


class LineError(AirhandlerError):
    """The site could not be asked, whatever the reason."""


class Line:
    """The way to a site: opened when it is needed, and after a failure closed, for another one.

    Args:
        connect: opens one.
    """

    def __init__(self, connect: Callable[[], AbstractContextManager[Slots]]) -> None:
        self._connect = connect
        self._line: AbstractContextManager[Slots] | None = None
        self._slots: Slots | None = None

    def ask[T](self, question: Callable[[Slots], T]) -> T:
        """What the site answers. Raises LineError for anything that goes wrong: we are the last who could try again."""
        try:
            if self._slots is None:
                line = self._connect()
                self._slots, self._line = line.__enter__(), line
            return question(self._slots)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self.hang_up()
            raise LineError(f"{type(error).__name__}: {error}") from error

    def hang_up(self) -> None:
        """Closes it."""
        line, self._line, self._slots = self._line, None, None
        if line is not None:
            with suppress(Exception):
                line.__exit__(None, None, None)


class GivingBack:
    """The watchdog's duty, from when it falls due until nothing is in force, and nothing on its way any more.

    Args:
        line: to the site.
        books: where it is written down.
        settle_s: how long a write that was sent may take to arrive [s].
        now_s: the boot-time clock [s].

    Attributes:
        duty: why something is being given back; None where nothing is.
    """

    def __init__(self, line: Line, books: WatchBooks, *, settle_s: float, now_s: Callable[[], float]) -> None:
        self._line, self._books, self._settle_s, self._now_s = line, books, settle_s, now_s
        self.duty: str | None = None
        self._only: Collection[str] | None = None
        self._failures = 0
        self._confirmed_s: float | None = None

    def step(self, why: str, look: Look, only: Collection[str] | None = None) -> float:
        """Asks once for what is to be given back. Returns how long to wait before it is asked again [s].

        The building first, the disk after it: a full or dying one must not keep anything in force.

        Args:
            why: why.
            look: what is known of the controller.
            only: these points alone; None: everything.
        """
        begins, self.duty, self._only = self.duty is None, why, only
        if begins:
            self._failures, self._confirmed_s = 0, None
            log.critical("giving %s back to the building: %s", "everything" if only is None else ", ".join(only), why)
        reason = self._relinquish()
        if begins and only is None:
            self._books.revoke(why, given_back=False, serial=look.serial)
            self._books.note("revoked", why=why)
        return self._refused(why, reason) if reason is not None else self._confirmed(why, look)

    def go_on(self, look: Look) -> float:
        """Asks for the same once more. Returns how long to wait before it is asked again [s]."""
        assert self.duty is not None
        return self.step(self.duty, look, self._only)

    def insist(self) -> None:
        """Asks once more where the watchdog itself has failed."""
        if self.duty is not None and (reason := self._relinquish()) is not None:
            log.critical("NOT given back (%s), asking again: %s", reason, self.duty)

    def _refused(self, why: str, reason: str) -> float:
        """It was not confirmed. Returns how long to wait before it is asked again [s]."""
        log.critical("NOT given back (%s), asking again: %s", reason, why)
        if self._failures == 0:
            self._books.note("not-given-back", why=why, reason=reason)
        self._failures, self._confirmed_s = self._failures + 1, None
        return retry_s(self._failures)

    def _confirmed(self, why: str, look: Look) -> float:
        """It was. Returns how long to wait before it is asked once more: a write may be on its way [s]."""
        now_s = self._now_s()
        if self._confirmed_s is None:
            self._confirmed_s = now_s
            log.warning("given back, the building shows it: %s", why)
            self._books.note("given-back", why=why, failures=self._failures)
        self._failures = 0
        left_s = self._confirmed_s + self._settle_s - now_s
        if left_s > 0.0:
            return left_s
        if not look.may_write and self._books.revoke(why, given_back=True, serial=look.serial):
            self._books.note("settled", why=why)
            log.warning("nothing of ours is in force, and nothing is on its way any more: %s", why)
            self.duty = None
        return self._settle_s

    def _relinquish(self) -> str | None:
        """Asks once. Returns why it is not confirmed; None where it is."""
        only = self._only
        try:
            outcome = self._line.ask(lambda slots: slots.relinquish(only))
        except LineError as error:
            return str(error)
        if isinstance(outcome, Written):
            return None
        self._line.hang_up()
        return outcome.reason


def retry_s(failures: int) -> float:
    """How long to wait after so many failures in a row, at least one [s]."""
    return min(_SLOWEST_RETRY_S, _RETRY_S * 2.0 ** min(failures - 1, 10))
