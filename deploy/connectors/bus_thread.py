"""The thread of a library that asks devices: whoever calls waits for a coroutine, and never longer than a bound."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError
from typing import Any

from airhandler.buildings.errors import SiteError, UserError
from airhandler.deploy.loop_thread import LoopThread

from .answers import SilenceError

log = logging.getLogger("airhandler.bus")


class BusThread(LoopThread):
    """Runs coroutines of a library for callers who know nothing of them.

    Args:
        name: of the thread, and of what runs in it, for errors.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._name = name
        self._loop.set_exception_handler(_note)

    def wait[T](self, work: Coroutine[Any, Any, T], bound_s: float) -> T:
        """What a coroutine gives. Raises SilenceError after the bound, and SiteError for what else goes wrong."""
        if self.closed:
            work.close()
            raise SiteError(f"the {self._name} client is closed")
        try:
            return self.run(work, bound_s)
        except (TimeoutError, CancelledError) as error:
            raise SilenceError(f"no answer within {bound_s:g} s") from error
        except (SiteError, UserError):
            raise
        except Exception as error:
            raise SiteError(f"{self._name}: {type(error).__name__}: {error}") from error


def _note(loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """What goes wrong inside a library and reaches nobody: the one who waits meets a time-out."""
    log.debug("inside the library: %s", context.get("exception") or context.get("message"))
