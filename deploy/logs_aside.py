"""Log lines that are written by a thread of their own: where they go may hang, and who logs must not."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MOST = 1000  # lines that wait; those that come after them are lost
_PATIENCE_S = 0.5  # for what is left at the end


class _Aside(logging.Handler):
    """Hands lines to other handlers, in a thread."""

    def __init__(self, handlers: list[logging.Handler]) -> None:
        super().__init__()
        self._handlers = handlers
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(_MOST)
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a line, or loses it where too many wait."""
        self._put(record)

    def end(self) -> None:
        """Waits for what is left, as long as it has patience."""
        self._put(None)
        self._thread.join(_PATIENCE_S)

    def _put(self, record: logging.LogRecord | None) -> None:
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            return

    def _run(self) -> None:
        while (record := self._lines.get()) is not None:
            for handler in self._handlers:
                if record.levelno >= handler.level:
                    handler.handle(record)


@contextmanager
def logs_aside() -> Iterator[None]:
    """While the block lasts, nobody who logs waits for the terminal, the pipe or the disk that lines go to."""
    root = logging.getLogger()
    before = list(root.handlers)
    aside = _Aside(before)
    root.handlers[:] = [aside]
    try:
        yield
    finally:
        root.handlers[:] = before
        aside.end()
