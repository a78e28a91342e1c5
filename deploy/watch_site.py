"""A watchdog for a site on a bus, and how a controller gets one."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from airhandler.buildings.errors import UserError

from .connectors.bus import connect_bus
from .notify import Notify
from .site_file import SiteSettings, host_and_port
from .state import StateFolder
from .stop import Stop, on_signals
from .watchdog import Slots, Watchdog

log = logging.getLogger("airhandler.watchdog")

LOG_FILE = "watchdog.log"
_LOOK_S = 0.05


def watch_site(settings: SiteSettings, *, stop: Stop | None = None, once: bool = False) -> bool:
    """Watches over a site until a signal. Returns whether nothing was left to give back.

    Args:
        settings: which site.
        stop: asks for the end; SIGTERM, SIGINT and SIGHUP do too.
        once: whether it ends by itself after the controller has ended and nothing is left to give back.

    Raises UserError where nothing may be written there, or another watchdog has it.
    """
    link = settings.file.bacnet or settings.file.modbus
    if link is None or not settings.file.write:
        raise UserError(f"{settings.path}: write: names no point: there is nothing that a watchdog could give back")
    stop = stop or Stop()
    state = StateFolder(settings.state)
    with state.lock("watchdog"), on_signals(stop):
        log.info("watching over %s: state folder %s", settings.file.site, state.path)
        settle_s = link.timeout_s * (1 + link.retries)
        watchdog = Watchdog(
            state, lambda: _reached(settings), settle_s=settle_s, once=once, notify=Notify.of_environment()
        )
        return watchdog.run(stop)


def start_watchdog(settings: SiteSettings, *, patience_s: float = 60.0) -> None:
    """Sees to it that a watchdog is there and ready: starts one, in a session of its own, where none is.

    It outlives this process, however that ends, and ends after the controller has.

    Raises UserError where none gets ready.
    """
    state = StateFolder(settings.state)
    if state.watched():
        return
    path = state.path / LOG_FILE
    words = [sys.executable, "-m", "airhandler", "watchdog", str(settings.path.absolute()), "--once"]
    try:
        with path.open("ab") as said:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
            )
    except OSError as error:
        raise UserError(f"{path}: no watchdog can be started: {error.strerror or error}") from error
    threading.Thread(target=process.wait, name="watchdog's end", daemon=True).start()
    until_s = time.monotonic() + patience_s
    while not state.watched():
        if process.poll() is not None and state.holder("watchdog") is None:
            raise UserError(f"the watchdog ended before it was ready: see {path}")
        if time.monotonic() > until_s:
            process.terminate()
            raise UserError(f"the watchdog is not ready after {patience_s:g} s: see {path}")
        time.sleep(_LOOK_S)
    log.info("a watchdog is ready: process %d, its log is %s", process.pid, path)


@contextlib.contextmanager
def _reached(settings: SiteSettings) -> Iterator[Slots]:
    """The site, by a line of the watchdog's own: any free port, for the one that is named is the controller's."""
    if (link := settings.file.bacnet) is not None:
        ours = link.model_copy(update={"address": host_and_port(link.address)[0]})
        settings = replace(settings, file=settings.file.model_copy(update={"bacnet": ours}))
    connection = connect_bus(settings)
    with contextlib.closing(connection.view.site):
        yield connection.writer
