"""The watchdog: a process that gives everything back when the controller is silent, and goes on until it is confirmed.

It looks at the lease several times a step. Killed, hanging, stopped or suspended: a controller that does not renew
its lease loses it, and every point that may be written is relinquished at our priority, again and again until the
building shows that nothing of ours is in force. A write that was held up in a stopped controller may still come when
that one wakes up: as long as it may, everything is relinquished again.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from airhandler.buildings.errors import UserError
from airhandler.buildings.site import WriteOutcome, Written

from .connectors.bus import Marks
from .lease import LeaseRecord
from .notify import Notify
from .paperwork import Paperwork
from .recovery import unknown
from .signs import WATCHDOG_S, WatchdogSign
from .state import Lock, StateFolder
from .stop import Stop

log = logging.getLogger("airhandler.watchdog")

_LOOKS = 60  # at a lease, within its validity
_SLOWEST_S, _FASTEST_S = 0.5, 0.02
_RETRY_S, _SLOWEST_RETRY_S = 0.2, 5.0
_NOBODY_S = 60.0  # how long a controller is waited for
_SIGN_S = WATCHDOG_S / 5  # between two signs that say the same


class Slots(Protocol):
    """What the watchdog needs of a site: what stands there as ours, and giving it back."""

    def ours(self) -> Mapping[str, float]:
        """What stands as written by us, by point. Raises SiteError."""
        ...

    def relinquish(self, names: Collection[str] | None = None) -> WriteOutcome:
        """Gives everything back, or these points; Written only where the site shows it."""
        ...


class Watchdog:
    """The watch over one site.

    Args:
        state: the site's state folder, whose watchdog's lock the caller holds.
        connect: opens the way to the site; a failure closes it, and opens another one.
        settle_s: how long a write that was sent may take to arrive [s].
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
        marks: Marks,
        reach: str = "",
        once: bool = False,
        notify: Notify | None = None,
        patience_s: float = 0.5,
    ) -> None:
        self._state, self._connect, self._settle_s, self._once = state, connect, settle_s, once
        self._marks, self._reach = marks, reach
        self._paperwork, self._notes = Paperwork(patience_s), 0
        self._closing: Lock | None = None
        self._notify = notify or Notify(None)
        self._line: AbstractContextManager[Slots] | None = None
        self._slots: Slots | None = None
        self._ready = False
        self._duty: str | None = None
        self._only: Collection[str] | None = None  # these points alone are to be given back
        self._failures = 0
        self._confirmed_s: float | None = None
        self._signed: WatchdogSign | None = None
        self._until_s = -math.inf if state.holder() is not None else state.signs.now_s() + _NOBODY_S

    def run(self, stop: Stop) -> bool:
        """Watches until a stop. Returns whether nothing was left to give back."""
        try:
            while stop.why is None:
                pause_s = self._step_in_any_case()
                if pause_s is None:
                    break
                stop.wait(pause_s)
            self._tell_end(stop)
            return self._duty is None
        finally:
            self._notify.stopping()
            self._sign(ready=False)
            self._paperwork.end()
            if self._closing is not None:
                self._closing.release()
            self._hang_up()

    def _step_in_any_case(self) -> float | None:
        """A step. Where the watchdog itself fails, it says so, gives back what it was giving back, and goes on."""
        try:
            return self._step()
        except Exception as error:  # whatever it is, nobody would give anything back if we ended
            log.critical("the watchdog fails, and goes on: %s: %s", type(error).__name__, error, exc_info=True)
            if self._duty is not None and (reason := self._relinquish()) is not None:
                log.critical("NOT given back (%s), asking again: %s", reason, self._duty)
            return _SLOWEST_S

    def _step(self) -> float | None:
        """One look, and what must be done. Returns how long to wait for the next one [s]; None: none is needed."""
        if (due := self._due()) is not None:
            self._only = None
        why = self._duty or due
        if why is not None:
            pause_s = self._give_back(why)
        elif not self._ready:
            pause_s = self._get_ready()
        else:
            pause_s = self._pause_s()
        self._sign(ready=self._ready)
        self._notify.alive(self._duty or "nothing to give back")
        return None if self._once and self._is_over() else pause_s

    # -- what is due

    def _due(self) -> str | None:
        """Why everything must be given back; None where nothing must. What cannot be found out is given back, too."""
        try:
            revoked = self._state.lease.revocation()
            if revoked is not None and not revoked.given_back:
                return revoked.why
            return self._state.lease.overdue() or self._abandoned()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else looks
            return f"whether a controller is in charge cannot be found out: {type(error).__name__}: {error}"

    def _abandoned(self) -> str | None:
        """A controller that was in charge and has ended is not waited for."""
        state = self._lease()
        if state is None or not self._state.lease.stands(state) or not self._is_gone(state):
            return None
        return f"the controller (pid {state.pid}) has ended without giving back"

    def _is_gone(self, state: LeaseRecord) -> bool:
        """Whether the process that holds a lease has ended: its lock went with it.

        Where that cannot be found out it may live: the lease's time decides then.
        """
        try:
            holder = self._state.holder()
        except UserError as error:
            log.error("whether the controller (pid %d) lives cannot be found out: %s", state.pid, error)
            return False
        return holder is None or holder.token not in (state.token, "")

    def _is_over(self) -> bool:
        """Whether nobody needs it any more. Then no controller begins before its sign says that it is gone."""
        closing = self._state.nobody()
        if closing is None:
            self._until_s = -math.inf
        elif self._duty is None and self._due() is None and self._state.signs.now_s() >= self._until_s:
            self._closing = closing
            return True
        else:
            closing.release()
        return False

    # -- giving back

    def _give_back(self, why: str) -> float:
        """Asks once for everything that is to be given back. Returns how long to wait before it asks again [s].

        The building first, the disk after it: a full or dying one must not keep anything in force.
        """
        begins, self._duty = self._duty is None, why
        if begins:
            self._failures, self._confirmed_s = 0, None
            what = "everything" if self._only is None else ", ".join(self._only)
            log.critical("giving %s back to the building: %s", what, why)
        reason = self._relinquish()
        if begins and self._only is None:
            self._revoke(why, given_back=False)
            self._note("revoked", why=why)
        if reason is not None:
            return self._refused(why, reason)
        return self._confirmed(why, self._state.signs.now_s())

    def _refused(self, why: str, reason: str) -> float:
        """It was not confirmed. Returns how long to wait before it is asked again [s]."""
        log.critical("NOT given back (%s), asking again: %s", reason, why)
        if self._failures == 0:
            self._note("not-given-back", why=why, reason=reason)
        self._failures, self._confirmed_s = self._failures + 1, None
        return self._retry_s()

    def _confirmed(self, why: str, now_s: float) -> float:
        """It was. Returns how long to wait before it is asked once more: a write may be on its way [s]."""
        if self._confirmed_s is None:
            self._confirmed_s = now_s
            log.warning("given back, the building shows it: %s", why)
            self._note("given-back", why=why, failures=self._failures)
        self._failures = 0
        left_s = self._confirmed_s + self._settle_s - now_s
        if left_s > 0.0:
            return left_s
        if not self._may_still_write() and self._revoke(why, given_back=True):
            self._note("settled", why=why)
            log.warning("nothing of ours is in force, and nothing is on its way any more: %s", why)
            self._duty = self._only = None
        return self._settle_s

    def _retry_s(self) -> float:
        """How long to wait after so many failures [s]."""
        return min(_SLOWEST_RETRY_S, _RETRY_S * 2.0 ** min(self._failures - 1, 10))

    def _may_still_write(self) -> bool:
        """Whether a controller lives that has not said that it writes no more: a write may be held up in it."""
        state = self._lease()
        return state is not None and state.in_charge and not self._is_gone(state)

    def _relinquish(self) -> str | None:
        """Asks once. Returns why it is not confirmed; None where it is."""
        try:
            outcome = self._reached().relinquish(self._only)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a library raises, we are the last who could try again
            self._hang_up()
            return f"{type(error).__name__}: {error}"
        if isinstance(outcome, Written):
            return None
        self._hang_up()
        return outcome.reason

    # -- getting ready

    def _get_ready(self) -> float:
        """Reaches the site, and finds out what an earlier controller may have left there."""
        try:
            left = dict(self._reached().ours())
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            self._hang_up()
            self._failures += 1
            if self._failures == 1:
                log.error("not ready, the site cannot be reached: %s: %s", type(error).__name__, error)
            return self._retry_s()
        self._failures = 0
        if left and not self._state.lease.left():
            foreign = self._foreign(left)
            if ours := [name for name in left if name not in foreign]:
                self._only = ours if foreign else None
                return self._give_back(f"no controller is in charge, but {', '.join(ours)} stand as written by us")
            log.critical("somebody else writes at our priority, and is left alone: %s", ", ".join(foreign))
        self._ready = True
        self._notify.ready()
        log.info(
            "ready: the site is reached, %s", "a controller is in charge" if left else "nothing of ours stands there"
        )
        self._note("ready", ours=left)
        return _FASTEST_S

    def _foreign(self, left: Mapping[str, float]) -> Mapping[str, float]:
        """What stands there that the controller's journal does not know. One that cannot be read knows everything."""
        try:
            return unknown(left, self._state, self._marks)
        except UserError as error:
            log.error("%s", error)
            return {}

    def _reached(self) -> Slots:
        if self._slots is None:
            line = self._connect()
            self._slots, self._line = line.__enter__(), line
        return self._slots

    def _hang_up(self) -> None:
        line, self._line, self._slots = self._line, None, None
        if line is not None:
            with suppress(Exception):
                line.__exit__(None, None, None)

    # -- telling

    def _pause_s(self) -> float:
        state = self._lease()
        if state is None or not state.in_charge:
            return _SLOWEST_S
        return min(_SLOWEST_S, max(_FASTEST_S, state.validity_s / _LOOKS))

    def _lease(self) -> LeaseRecord | None:
        with suppress(ValueError):
            return self._state.lease.record()
        return None

    def _revoke(self, why: str, *, given_back: bool) -> bool:
        """False where it is not written down: the lease has run out all the same, the controller looks at its time."""
        lease = self._state.lease
        serial = lease.serial()  # now: it may be written later, under another lease
        return self._paperwork.do("revoked.json", lambda: lease.revoke(why, given_back=given_back, serial=serial))

    def _sign(self, *, ready: bool) -> None:
        signs = self._state.signs
        sign = WatchdogSign(
            pid=os.getpid(), ready=ready, reach=self._reach, why=self._duty or "", at_s=signs.now_s(), boot=signs.boot
        )
        last = self._signed
        if last is not None and (last.ready, last.why) == (sign.ready, sign.why) and sign.at_s - last.at_s < _SIGN_S:
            return

        def put() -> None:
            signs.put_watchdog(sign)
            self._signed = sign

        self._paperwork.do("watchdog.json", put)

    def _note(self, event: str, **said: object) -> None:
        """A row in the watchdog's journal. Without one it goes on: giving back comes first."""
        self._notes += 1
        row = {"event": event, **said}
        self._paperwork.do(f"row {self._notes} ({event})", lambda: self._state.watchdog_journal.append("event", row))

    def _tell_end(self, stop: Stop) -> None:
        state, why = self._lease(), stop.why or "no controller runs, and nothing of ours is in force"
        if self._duty is not None:
            log.critical("the watchdog ends (%s) before everything is given back: %s", why, self._duty)
        elif state is not None and state.in_charge and not self._is_gone(state):
            log.critical("the watchdog ends (%s): the controller (pid %d) is left alone", why, state.pid)
        else:
            log.info("the watchdog ends: %s", why)
        self._note("end", why=why, in_charge=state is not None and state.in_charge)
