"""The watchdog: a process that gives everything back when the controller is silent, and goes on until it is confirmed.

It looks at the lease several times a step. Killed, hanging, stopped or suspended: a controller that does not renew
its lease loses it, and every point that may be written is relinquished at our priority, again and again until the
building shows that nothing of ours is in force. A write that was held up in a stopped controller may still come when
that one wakes up: as long as it may, everything is relinquished again.

Nothing here waits for the disk: it is read and written in threads of their own (lookout.py, watch_books.py).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import AbstractContextManager

from .connectors.bus import Marks
from .giving_back import GivingBack, Line, LineError, Slots, retry_s
from .leftovers import Leftovers
from .lookout import Look, Lookout
from .notify import Notify
from .reader import HangsError
from .state import StateFolder
from .stop import Stop
from .watch_books import WatchBooks

log = logging.getLogger("airhandler.watchdog")

_LOOKS = 60  # at a lease, within its validity
_GLANCES = 10  # that may wait in vain, one after the other, before it counts as blind
_SLOWEST_S, _FASTEST_S = 0.5, 0.02
_NOBODY_S = 60.0  # how long a controller is waited for


class Watchdog:
    """The watch over one site.

    Args:
        state: the site's state folder, whose watchdog's lock the caller holds.
        connect: opens the way to the site; a failure closes it, and opens another one.
        settle_s: how long a write that was sent may take to arrive [s].
        blind_s: for how long it goes on without seeing the lease, because the disk hangs [s].
        marks: by what our values are known again there.
        reach: a hash of what it can give back, for its sign.
        once: whether it ends by itself: when the controller has ended, or none has come for a minute, and nothing is
            left to give back.
        notify: systemd, where it is a service.
        patience_s: how long the disk is waited for, before the building comes again [s].
    """

    def __init__(
        self,
        state: StateFolder,
        connect: Callable[[], AbstractContextManager[Slots]],
        *,
        settle_s: float,
        blind_s: float,
        marks: Marks,
        reach: str = "",
        once: bool = False,
        notify: Notify | None = None,
        patience_s: float = 0.5,
    ) -> None:
        self._now_s, self._once, self._notify = state.signs.now_s, once, notify or Notify(None)
        glance_s = min(patience_s, blind_s / _GLANCES)
        self._lookout = Lookout(state, patience_s=glance_s, blind_s=blind_s)
        self._books = WatchBooks(state, reach=reach, patience_s=patience_s)
        self._line = Line(connect)
        self._giving_back = GivingBack(self._line, self._books, settle_s=settle_s, now_s=self._now_s)
        self._leftovers = Leftovers(state, self._lookout, marks=marks, patience_s=glance_s, blind_s=blind_s)
        self._ready, self._failures = False, 0
        self._until_s = self._now_s() + _NOBODY_S

    def run(self, stop: Stop) -> bool:
        """Watches until a stop. Returns whether nothing was left to give back."""
        try:
            while stop.why is None:
                pause_s = self._step_in_any_case()
                if pause_s is None:
                    break
                stop.wait(pause_s)
            self._tell_end(stop)
            return self._giving_back.duty is None
        finally:
            self._notify.stopping()
            self._books.end(self._giving_back.duty or "")
            self._line.hang_up()

    def _step_in_any_case(self) -> float | None:
        """A step. Where the watchdog itself fails, it says so, gives back what it was giving back, and goes on."""
        try:
            return self._step()
        except Exception as error:  # whatever it is, nobody would give anything back if we ended
            log.critical("the watchdog fails, and goes on: %s: %s", type(error).__name__, error, exc_info=True)
            self._giving_back.insist()
            return _SLOWEST_S

    def _step(self) -> float | None:
        """One look, and what must be done. Returns how long to wait for the next one [s]; None: none is needed."""
        look = self._lookout.look()
        if look.due is not None:
            pause_s = self._giving_back.step(self._giving_back.duty or look.due, look)
        elif self._giving_back.duty is not None:
            pause_s = self._giving_back.go_on(look)
        elif not self._ready:
            pause_s = self._get_ready(look)
        else:
            pause_s = _pause_s(look)
        duty = self._giving_back.duty
        self._books.sign(ready=self._ready, why=duty or "")
        self._notify.alive(duty or "nothing to give back")
        return None if self._once and self._is_over(look) else pause_s

    def _get_ready(self, look: Look) -> float:
        """Reaches the site, and finds out what an earlier controller may have left there."""
        try:
            left = self._leftovers.find(lambda: self._line.ask(lambda slots: slots.ours()), look)
        except HangsError as error:
            log.info("not ready: %s", error)
            return retry_s(1)
        except LineError as error:
            self._failures += 1
            if self._failures == 1:
                log.error("not ready, the site cannot be reached: %s", error)
            return retry_s(self._failures)
        self._failures = 0
        if left.ours:
            why = f"no controller is in charge, but {', '.join(left.ours)} stand as written by us"
            return self._giving_back.step(why, look, left.ours if left.foreign else None)
        if left.foreign:
            log.critical("somebody else writes at our priority, and is left alone: %s", ", ".join(left.foreign))
        self._ready = True
        self._notify.ready()
        who = "a controller is in charge" if left.standing else "nothing of ours stands there"
        log.info("ready: the site is reached, %s", who)
        self._books.note("ready", ours=left.standing)
        return _FASTEST_S

    def _is_over(self, look: Look) -> bool:
        """Whether nobody needs it any more. Then no controller begins before its sign says that it is gone."""
        if look.fresh and look.runs:
            self._until_s = -math.inf
        if self._is_free(look) and self._books.close() and self._is_free(self._lookout.look()):
            return True
        self._books.open()
        return False

    def _is_free(self, look: Look) -> bool:
        """Whether nobody is there to be watched, and nothing to be given back."""
        nobody = look.fresh and not look.runs and look.due is None and self._giving_back.duty is None
        return nobody and self._now_s() >= self._until_s

    def _tell_end(self, stop: Stop) -> None:
        look, why = self._lookout.look(), stop.why or "no controller runs, and nothing of ours is in force"
        if (duty := self._giving_back.duty) is not None:
            log.critical("the watchdog ends (%s) before everything is given back: %s", why, duty)
        elif look.lease is not None and look.in_charge and not look.gone:
            log.critical("the watchdog ends (%s): the controller (pid %d) is left alone", why, look.lease.pid)
        else:
            log.info("the watchdog ends: %s", why)
        self._books.note("end", why=why, in_charge=look.in_charge)


def _pause_s(look: Look) -> float:
    """How long to wait for the next look [s]."""
    if look.lease is None or not look.in_charge:
        return _SLOWEST_S
    return min(_SLOWEST_S, max(_FASTEST_S, look.lease.validity_s / _LOOKS))
