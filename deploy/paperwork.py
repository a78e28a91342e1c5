"""What the watchdog writes down: in a thread of its own, for a disk that hangs must keep nothing in force."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("airhandler.watchdog")

_MOST = 100  # that wait for a disk that hangs


class _Work:
    """Something to write, and what became of it."""

    def __init__(self, name: str, write: Callable[[], object]) -> None:
        self.name = name
        self.write, self.ended, self.done = write, threading.Event(), False


class Paperwork:
    """Writes what it is given, one after the other, in the order in which it came.

    Args:
        patience_s: how long each is waited for; while one hangs that was waited for in vain, none is [s].
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waiting: dict[str, _Work] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._hangs = self._over = False

    def do(self, name: str, write: Callable[[], object]) -> bool:
        """Has something written. Returns whether it was; False: not yet, or it failed, which is in the log.

        Args:
            name: what has the same one, and was not begun yet, is replaced.
            write: what writes it.
        """
        work = _Work(name, write)
        with self._changed:
            if len(self._waiting) >= _MOST and name not in self._waiting:
                log.error("the disk hangs: %s is not written down", name)
                return False
            self._waiting[name] = work
            hangs = self._hangs
            self._start()
            self._changed.notify()
        return not hangs and self._waited_for(work)

    def end(self) -> None:
        """Waits for what is left, as long as it has patience; nothing is taken after this."""
        with self._changed:
            self._over, thread = True, self._thread
            self._changed.notify()
        if thread is not None:
            thread.join(self._patience_s)

    def _waited_for(self, work: _Work) -> bool:
        if work.ended.wait(self._patience_s):
            return work.done
        with self._changed:
            self._hangs = not work.ended.is_set()
        log.critical("the disk hangs: what is written down comes later; the building comes first")
        return False

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="paperwork", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work.write()
                work.done = True
            except Exception as error:  # noqa: BLE001 - whatever it is, the next one is to be written
                log.error("%s cannot be written down: %s: %s", work.name, type(error).__name__, error)
            with self._changed:
                self._hangs = False
                work.ended.set()

    def _next(self) -> _Work | None:
        """What is to be written next; waits for it. None: nothing any more."""
        with self._changed:
            while not self._waiting:
                if self._over:
                    return None
                self._changed.wait()
            return self._waiting.pop(next(iter(self._waiting)))
