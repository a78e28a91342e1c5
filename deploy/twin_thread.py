"""The thread of a twin's servers: an asyncio loop that others ask to do something, and wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_PATIENCE_S = 30.0  # a loop that does not answer for so long hangs


class LoopThread:
    """An asyncio loop in a thread of its own, until it is closed."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that runs there. Raises what it raises, and TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def call[T](self, work: Callable[[], T]) -> T:
        """The result of a function that is called there, between two other things. Raises what it raises."""

        async def asked() -> T:
            return work()

        return self.run(asked())

    def close(self) -> None:
        """Ends the loop and what still runs in it."""
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
