"""Stop: how a run is asked to end, by a signal or by a caller."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType

log = logging.getLogger("airhandler.stop")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Ends a run once, for a reason. Safe from any thread; not from a signal handler (see `on_signals`)."""

    def __init__(self) -> None:
        self._lock, self._asked = threading.Lock(), threading.Event()
        self._actions: list[Callable[[], None]] = []
        self.why: str | None = None

    def ask(self, why: str) -> None:
        """Asks for the end. The first reason counts; asking again changes nothing."""
        with self._lock:
            if self.why is not None:
                return
            self.why, actions = why, tuple(self._actions)
        self._asked.set()
        for action in actions:
            action()

    def then(self, action: Callable[[], None]) -> None:
        """Does `action` when the end is asked for: now, if it has been."""
        with self._lock:
            self._actions.append(action)
            due = self.why is not None
        if due:
            action()

    def wait(self, seconds: float) -> bool:
        """Waits until the end is asked for, at most so long. Returns whether it was."""
        return self._asked.wait(seconds)


@contextlib.contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """SIGTERM and SIGINT ask for the end while the block runs. Outside the main thread this does nothing.

    The handler only puts the signal into a queue that may be filled from within a signal handler; a thread
    takes it out. Setting an Event in the handler itself could wait for ever for the lock that the interrupted
    code holds. Source: Python library reference, queue.SimpleQueue (reentrant put).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: SimpleQueue[int | None] = SimpleQueue()

    def handle(number: int, frame: FrameType | None) -> None:
        caught.put(number)

    watcher = threading.Thread(target=_watch, args=(caught, stop), name="signals", daemon=True)
    watcher.start()
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        caught.put(None)
        watcher.join()


def _watch(caught: SimpleQueue[int | None], stop: Stop) -> None:
    while (number := caught.get()) is not None:
        name = signal.Signals(number).name
        log.info("%s: %s", name, "ending the run" if stop.why is None else "already ending")
        stop.ask(name)
