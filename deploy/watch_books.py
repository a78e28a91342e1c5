"""What a watchdog writes down: its sign, its journal, and the revocation. The building never waits for any of it."""

from __future__ import annotations

import os

from .paperwork import Paperwork
from .signs import WATCHDOG_S, WatchdogSign
from .state import Lock, StateFolder

_SIGN_S = WATCHDOG_S / 5  # between two signs that say the same


class WatchBooks:
    """What one watchdog writes into the state folder.

    Args:
        state: the folder.
        reach: a hash of what the watchdog can give back, for its sign.
        patience_s: how long the disk is waited for [s].
    """

    def __init__(self, state: StateFolder, *, reach: str, patience_s: float) -> None:
        self._state, self._reach = state, reach
        self._paperwork, self._notes = Paperwork(patience_s), 0
        self._signed: WatchdogSign | None = None
        self._closing: Lock | None = None

    def sign(self, *, ready: bool, why: str) -> None:
        """Says what it does, where that is new, or was said long ago.

        Args:
            ready: whether it has reached the site.
            why: what it is giving back, and why; empty where nothing is.
        """
        signs = self._state.signs
        sign = WatchdogSign(
            pid=os.getpid(), ready=ready, reach=self._reach, why=why, at_s=signs.now_s(), boot=signs.boot
        )
        last = self._signed
        if last is not None and (last.ready, last.why) == (sign.ready, sign.why) and sign.at_s - last.at_s < _SIGN_S:
            return

        def put() -> None:
            signs.put_watchdog(sign)
            self._signed = sign

        self._paperwork.do("watchdog.json", put)

    def note(self, event: str, **said: object) -> None:
        """A row in the watchdog's journal. Without one it goes on: giving back comes first."""
        self._notes += 1
        row = {"event": event, **said}
        self._paperwork.do(f"row {self._notes} ({event})", lambda: self._state.watchdog_journal.append("event", row))

    def revoke(self, why: str, *, given_back: bool, serial: int) -> bool:
        """False where it is not written down: the lease has run out all the same, the controller looks at its time."""
        lease = self._state.lease
        return self._paperwork.do("revoked.json", lambda: lease.revoke(why, given_back=given_back, serial=serial))

    def close(self) -> bool:
        """Keeps every controller from beginning, until `open` or `end`. Returns whether none can."""

        def closed() -> None:
            self._closing = self._closing or self._state.nobody()

        return self._closing is not None or (
            self._paperwork.do("controller.lock", closed) and self._closing is not None
        )

    def open(self) -> None:
        """A controller may begin."""
        closing, self._closing = self._closing, None
        if closing is not None:
            closing.release()

    def end(self, why: str) -> None:
        """Writes what is left, as long as the disk is waited for; the sign says that the watchdog is gone.

        Args:
            why: what is not given back, and why; empty where all is.
        """
        self.sign(ready=False, why=why)
        self._paperwork.end()
        self.open()
