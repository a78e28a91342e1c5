"""An event loop in a thread of its own: whoever calls waits for a coroutine, and never longer than a bound."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as Late
from typing import Any

from airhandler.buildings.errors import SiteError, UserError

from .answers import SilenceError

log = logging.getLogger("airhandler.bus")


class LoopThread:
    """Runs coroutines of a library for callers who know nothing of them.

    Args:
        name: of the thread, and of what runs in it, for errors.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_note)
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether nothing runs in it any more."""
        return self._loop.is_closed()

    def wait[T](self, work: Coroutine[Any, Any, T], bound_s: float) -> T:
        """What a coroutine gives. Raises SilenceError after the bound, and SiteError for what else goes wrong."""
        if self.closed:
            work.close()
            raise SiteError(f"the {self._name} client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(bound_s)
        except (Late, CancelledError) as error:
            future.cancel()
            raise SilenceError(f"no answer within {bound_s:g} s") from error
        except (SiteError, UserError):
            raise
        except Exception as error:
            raise SiteError(f"{self._name}: {type(error).__name__}: {error}") from error

    def stop(self, bound_s: float) -> None:
        """Ends the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(bound_s)
        if not self._thread.is_alive():
            self._loop.close()


def _note(loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """What goes wrong inside a library and reaches nobody: the one who waits meets a time-out."""
    log.debug("inside the library: %s", context.get("exception") or context.get("message"))
