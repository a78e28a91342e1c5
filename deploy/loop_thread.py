"""An asyncio loop in a thread of its own, that others ask to do something, and wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_PATIENCE_S = 30.0  # a loop that does not answer for so long hangs


class LoopThread:
    """An asyncio loop in a thread of its own, until it is closed.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether nothing runs in it any more."""
        return self._loop.is_closed()

    def run[T](self, work: Coroutine[Any, Any, T], bound_s: float = _PATIENCE_S) -> T:
        """The result of a coroutine that runs there. Raises what it raises, and TimeoutError after the bound."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(bound_s)
        except TimeoutError:
            future.cancel()
            raise

    def call[T](self, work: Callable[[], T]) -> T:
        """The result of a function that is called there, between two other things. Raises what it raises."""

        async def asked() -> T:
            return work()

        return self.run(asked())

    def close(self) -> None:
        """Ends the loop and what still runs in it."""
        self.run(_cancel_all())
        self.stop(_PATIENCE_S)

    def stop(self, bound_s: float) -> None:
        """Ends the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(bound_s)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
