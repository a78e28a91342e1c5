"""A watchdog for a site on a bus, and how a controller gets one."""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from airhandler.buildings.errors import UserError

from .connectors.bus import BusWriter, marks_of, writer_of
from .notify import Notify
from .site_file import SiteSettings, host_and_port
from .state import StateFolder
from .stop import Stop, on_signals
from .watchdog import Watchdog

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
    state = StateFolder(settings.state, keeping=settings.file.journal.keeping)
    with state.lock("watchdog"), on_signals(stop):
        log.info("watching over %s: state folder %s", settings.file.site, state.path)
        settle_s = link.timeout_s * (1 + link.retries)
        watchdog = Watchdog(
            state,
            lambda: _reached(settings),
            settle_s=settle_s,
            marks=marks_of(settings),
            reach=reach(settings),
            once=once,
            notify=Notify.of_environment(),
        )
        return watchdog.run(stop)


def start_watchdog(settings: SiteSettings, *, patience_s: float = 60.0) -> None:
    """Sees to it that a watchdog is there and ready for this site file: starts one, in its own session, if need be.

    It outlives this process, however that ends, and ends after the controller has.

    Raises UserError where none gets ready, or the one that is there watches over something else.
    """
    state, until_s, process = StateFolder(settings.state), time.monotonic() + patience_s, None
    path = state.path / LOG_FILE
    while not state.watched(reach(settings)):
        holder = state.holder("watchdog")
        if holder is None and process is None:
            process = _started(settings, path)
        elif holder is None and process is not None and process.poll() is not None:
            raise UserError(f"the watchdog ended before it was ready: see {path}")
        if time.monotonic() > until_s:
            if process is not None:
                process.terminate()
                raise UserError(f"the watchdog is not ready after {patience_s:g} s: see {path}")
            raise UserError(_not_ours(settings, state))
        time.sleep(_LOOK_S)
    log.info("a watchdog is ready: %s", "it was there" if process is None else f"process {process.pid}, log {path}")


def is_watched(settings: SiteSettings) -> bool:
    """Whether a watchdog is there and ready for just this site file: without one nothing may be written."""
    return StateFolder(settings.state).watched(reach(settings))


def reach(settings: SiteSettings) -> str:
    """A hash of what can be given back by a site file: the device, our priority, the points that may be written."""
    file = settings.file
    links = [link.model_dump() if link is not None else None for link in (file.bacnet, file.modbus)]
    points = {name: file.points[name].model_dump() for name in file.write}
    return hashlib.sha256(json.dumps([links, points], sort_keys=True).encode()).hexdigest()


def _started(settings: SiteSettings, path: Path) -> subprocess.Popen[bytes]:
    """A watchdog as a process of its own, which says what it does in a file."""
    words = [sys.executable, "-m", "airhandler", "watchdog", str(settings.path.absolute()), "--once"]
    try:
        with path.open("ab") as said:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
            )
    except OSError as error:
        raise UserError(f"{path}: no watchdog can be started: {error.strerror or error}") from error
    threading.Thread(target=process.wait, name="watchdog's end", daemon=True).start()
    return process


def _not_ours(settings: SiteSettings, state: StateFolder) -> str:
    """Why the watchdog that is there does not do."""
    holder = state.holder("watchdog")
    who = "the watchdog" if holder is None else f"the watchdog (process {holder.pid})"
    if state.watched():
        return f"{settings.path}: {who} was started with another content of this file: start it anew"
    return f"{settings.path}: {who} is not ready: it does not reach the site"


def _reached(settings: SiteSettings) -> AbstractContextManager[BusWriter]:
    """The site, by a line of the watchdog's own: any free port, for the one that is named is the controller's."""
    if (link := settings.file.bacnet) is not None:
        ours = link.model_copy(update={"address": host_and_port(link.address)[0]})
        settings = replace(settings, file=settings.file.model_copy(update={"bacnet": ours}))
    return writer_of(settings)
