"""A watchdog for a site on a bus, and how a controller gets one."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from airhandler.buildings.errors import AirhandlerError, SiteError, UserError

from .connectors.bus import BusWriter, marks_of, writer_of
from .lease import REVOKE_FRAC
from .logs_aside import logs_aside
from .notify import Notify
from .site_file import SiteSettings
from .site_links import host_and_port
from .state import StateFolder
from .stop import Stop, on_signals
from .watchdog import Watchdog

log = logging.getLogger("airhandler.watchdog")

LOG_FILE = "watchdog.log"
_LOOK_S = 0.05
_PATIENCE_S = 60.0
_UNIT = "airhandler-watchdog"


def watch_site(settings: SiteSettings, *, stop: Stop | None = None, once: bool = False) -> bool:
    """Watches over a site until a signal. Returns whether nothing was left to give back.

    Args:
        settings: which site.
        stop: asks for the end; SIGTERM, SIGINT and SIGHUP do too.
        once: whether it ends by itself after the controller has ended and nothing is left to give back.

    Raises UserError where nothing may be written there, or another watchdog has it.
    """
    if not settings.file.write:
        raise UserError(f"{settings.path}: write: names no point: there is nothing that a watchdog could give back")
    stop = stop or Stop()
    state = StateFolder(settings.state, keeping=settings.file.journal.keeping)
    with state.lock("watchdog"), logs_aside(), on_signals(stop):
        log.info("watching over %s: state folder %s", settings.file.site, state.path)
        watchdog = Watchdog(
            state,
            lambda: _reached(settings),
            settle_s=_settle_s(settings),
            blind_s=_blind_s(settings),
            marks=marks_of(settings),
            reach=reach(settings),
            once=once,
            notify=Notify.of_environment(),
        )
        return watchdog.run(stop)


def start_watchdog(settings: SiteSettings, *, patience_s: float | None = None) -> None:
    """Sees to it that a watchdog is there and ready for this site file: starts one, in its own session, if need be.

    It outlives this process, however that ends, and ends after the controller has. It may first have to give back
    what an earlier run left. A service starts none: that one would die with it.

    Args:
        settings: which site.
        patience_s: how long it is waited for; None: for what it may have to give back, and a minute [s].

    Raises SiteError where none gets ready, UserError where the one that is there watches over something else, or none
    can be started.
    """
    if patience_s is None:
        patience_s = _PATIENCE_S + 2.0 * _settle_s(settings)
    state, until_s, process = StateFolder(settings.state), time.monotonic() + patience_s, None
    path, service = state.path / LOG_FILE, _is_service()
    if state.holder("watchdog") is not None and not state.watched(reach(settings)):
        log.warning("waiting up to %g s: %s", patience_s, _not_ours(settings, state))
    while not state.watched(reach(settings)):
        holder = state.holder("watchdog")
        if holder is None and process is None and not service:
            process = _started(settings, path)
        elif holder is None and process is not None and process.poll() is not None:
            raise UserError(f"the watchdog ended before it was ready: see {path}")
        if time.monotonic() > until_s:
            if process is not None:
                process.terminate()
                raise SiteError(f"the watchdog is not ready after {patience_s:g} s: see {path}")
            if holder is None:
                raise SiteError(f"{settings.path}: no watchdog runs: systemctl start {_UNIT}@{settings.path.stem}")
            raise _not_ours(settings, state)
        time.sleep(_LOOK_S)
    log.info("a watchdog is ready: %s", "it was there" if process is None else f"process {process.pid}, log {path}")


def unwatched(settings: SiteSettings) -> Callable[[], str | None]:
    """Why nobody watches, in words, whenever it is asked; None where a watchdog is ready for just this site file.

    Without one nothing may be written. It is asked in every step and between them, so it makes nothing, and whatever is
    the matter with the state folder is a reason: an error would end the loop.
    """
    state, wanted = StateFolder(settings.state, asking=True), reach(settings)

    def why() -> str | None:
        if state.watched(wanted):
            return None
        return f"the watchdog is gone, or silent: `airhandler watchdog {settings.path}`"

    return why


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


def _is_service() -> bool:
    """Whether systemd has started this process as a service: its end takes along every process that it has started.

    A shell in a terminal has INVOCATION_ID, too, as a child of a service; SYSTEMD_EXEC_PID says whose it is, since
    version 248. Source: systemd, systemd.exec(5).
    """
    if "INVOCATION_ID" not in os.environ:
        return "NOTIFY_SOCKET" in os.environ
    return os.environ.get("SYSTEMD_EXEC_PID", str(os.getpid())) == str(os.getpid())


def _settle_s(settings: SiteSettings) -> float:
    """How long a write that was sent may take to arrive [s]."""
    link = settings.file.bacnet or settings.file.modbus
    return 0.0 if link is None else link.timeout_s * (1 + link.retries)


def _blind_s(settings: SiteSettings) -> float:
    """For how long it goes on without seeing the lease: as long as that lasts by the site file [s]."""
    file = settings.file
    return REVOKE_FRAC * file.lease_steps * settings.building.step_s / file.speed


def _not_ours(settings: SiteSettings, state: StateFolder) -> AirhandlerError:
    """Why the watchdog that is there does not do."""
    holder = state.holder("watchdog")
    who = "the watchdog" if holder is None else f"the watchdog (process {holder.pid})"
    if state.watched():
        return UserError(f"{settings.path}: {who} was started with another content of this file: start it anew")
    return SiteError(f"{settings.path}: {who} is not ready: it does not reach the site")


def _reached(settings: SiteSettings) -> AbstractContextManager[BusWriter]:
    """The site, by a line of the watchdog's own: any free port, for the one that is named is the controller's."""
    if (link := settings.file.bacnet) is not None:
        ours = link.model_copy(update={"address": host_and_port(link.address)[0]})
        settings = replace(settings, file=settings.file.model_copy(update={"bacnet": ours}))
    return writer_of(settings)
