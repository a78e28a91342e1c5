"""Reads in a thread of its own, for a disk that hangs: who asks goes on without an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

from airhandler.buildings.errors import AirhandlerError


class HangsError(AirhandlerError):
    """What was to be read has not come yet."""


class _Read[T]:
    """One reading, and what came of it."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read, self.ended = read, threading.Event()
        self._found: tuple[T] | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._found = (self._read(),)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the answer is taken
            self._error = error
        self.ended.set()

    def answer(self) -> T:
        if self._found is None:
            raise self._error or HangsError("nothing was read")
        return self._found[0]


class Reader[T]:
    """Reads one thing whenever it is asked for. Never two at a time: one that hangs is waited for, not asked again.

    Args:
        read: reads it; may hang.
        patience_s: how long an answer is waited for; one that was waited for in vain is taken once it is there [s].
    """

    def __init__(self, read: Callable[[], T], patience_s: float) -> None:
        self._read, self._patience_s = read, patience_s
        self._late: _Read[T] | None = None

    def ask(self) -> T:
        """What was read, now or, where it came late, since the last call. Raises HangsError, and what `read` raises."""
        reading = self._late
        if reading is None:
            reading = self._late = _Read(self._read)
            threading.Thread(target=reading.run, name="reader", daemon=True).start()
            reading.ended.wait(self._patience_s)
        if not reading.ended.is_set():
            raise HangsError("the disk hangs")
        self._late = None
        return reading.answer()
