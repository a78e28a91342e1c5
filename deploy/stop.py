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

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop:
    """Ends a run once, for a reason. Safe from any thread; not from a signal handler (see `on_signals`).

    Attributes:
        asked: whether the end was asked for: from the signal itself on, a moment before there is a reason.
        why: the reason.
    """

    def __init__(self) -> None:
        self.asked = False
        self._lock, self._told = threading.Lock(), threading.Event()
        self._actions: list[Callable[[], None]] = []
        self.why: str | None = None

    def ask(self, why: str) -> None:
        """Asks for the end. The first reason counts; asking again changes nothing."""
        with self._lock:
            if self.why is not None:
                return
            self.asked, self.why, actions = True, why, tuple(self._actions)
        self._told.set()
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
        return self._told.wait(seconds)


@contextlib.contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """SIGTERM, SIGINT and SIGHUP ask for the end while the block runs. Outside the main thread this does nothing.

    A second signal is for a run that hangs: it raises KeyboardInterrupt in the main thread, wherever that is.
    A SIGHUP that is ignored (nohup) stays so.

    The handler sets a flag and puts the signal into a queue that may be filled from within a signal handler; a
    thread takes it out. Setting an Event in the handler itself could wait for ever for the lock that the
    interrupted code holds. Source: Python library reference, queue.SimpleQueue (reentrant put).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: SimpleQueue[int | None] = SimpleQueue()
    again = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal again
        stop.asked = True
        caught.put(number)
        if again:
            raise KeyboardInterrupt(signal.Signals(number).name)
        again = True

    watcher = threading.Thread(target=_watch, args=(caught, stop), name="signals", daemon=True)
    watcher.start()
    heard = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
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
        log.info("%s: %s", name, "ending the run" if stop.why is None else "ending it at once")
        stop.ask(name)
