"""Live on a bus: a controller in charge of a building that knows it by its network alone."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from airhandler.buildings.catalog import Building, with_world
from airhandler.buildings.errors import AirhandlerError, UserError
from airhandler.control.controller import Controller
from airhandler.control.identity import controller_sha256
from airhandler.control.loop import Loop
from airhandler.control.policy import Policy
from airhandler.control.registry import find_controller, warn_of
from airhandler.control.signature import check_signature
from airhandler.control.table import TickTable
from airhandler.control.tick import Grant, Tick

from .absurd import check_standing
from .connectors.bus import BusConnection, connect_bus, marks_of
from .connectors.connection import View
from .journal_ticks import start_payload, tick_table
from .live import Authority
from .notify import Notify
from .operator import Operator
from .promotion import load_promotion
from .recovery import give_back_leftovers, unended
from .run import Run, RunOutcome, begun
from .session import Session
from .settings import RunSettings
from .site_file import SiteSettings
from .state import StateFolder
from .stop import Stop
from .watch_site import start_watchdog, unwatched

log = logging.getLogger("airhandler.live")

_ATTEND_S = 1.0  # of the machine's time: how long people, and those who watch, wait at most

Watching = Callable[[SiteSettings], Callable[[], str | None]]
"""Sees to it that somebody watches a site; what it returns says why nobody does, or None where somebody does."""


def watched(site: SiteSettings) -> Callable[[], str | None]:
    """Starts a watchdog where none is. Raises UserError where none gets ready."""
    start_watchdog(site)
    return unwatched(site)


def run_live_site(
    settings: RunSettings,
    site: SiteSettings,
    *,
    watching: Watching = watched,
    connect: Callable[..., BusConnection] = connect_bus,
    stop: Stop | None = None,
) -> RunOutcome:
    """Runs a controller in charge of a site on a bus. However it ends, authority goes back, and that is said.

    Args:
        settings: what the user chose.
        site: which site.
        watching: starts the watchdog.
        connect: gives the connection with the site.
        stop: asks for the end; SIGTERM, SIGINT and SIGHUP do too.

    Raises UserError before anything is written if a choice cannot be met, SiteError where the site cannot be reached
    or an earlier run's set-points cannot be given back.
    """
    check_may_write(site)
    building = with_world(site.building, settings.world)
    operator = Operator(settings.operator, building)
    controller = find_controller(settings.controller, building)
    if controller is None:
        raise UserError(f"controller {settings.controller!r} is the building's own control: there is nothing to write")
    warn_of(settings.controller, controller, building)
    _check_proven(settings.controller, controller, site, building)
    folder, stop, notify = (
        StateFolder(site.state, keeping=site.file.journal.keeping),
        stop or Stop(),
        Notify.of_environment(),
    )
    with folder.lock() as lock, begun(settings, building, controller.name, stop) as run:
        connection = connect(site, days=settings.days)
        with contextlib.closing(connection.view.site):
            start = _note_start(folder, site, settings)
            _tell_head(folder)
            run.keep_elsewhere(lambda: _ticks_since(folder, building, start))
            before, why_unwatched = unended(folder.lease), watching(site)
            _recover(folder, site, connection)
            check_standing(site, connection.view.site.read().values)  # what is ours, and absurd, has gone back by now
            session = Session(
                site,
                folder,
                token=lock.holder.token,
                controller=controller,
                who=controller_sha256(settings.controller, building, controller),
                writer=connection.writer,
                unwatched=why_unwatched,
                unended=before,
                now=connection.view.clock.now,
                step_s=building.step_s,
            )
            operator.left = lambda: session.left
            try:
                return _run(run, session, connection.view, operator, stop, notify, site)
            finally:
                _tell_head(folder)


def _run(
    run: Run, session: Session, view: View, operator: Operator, stop: Stop, notify: Notify, site: SiteSettings
) -> RunOutcome:
    """Runs the loop to its end, and says where authority is then."""
    authority, step_s, speed = Authority(session.writer), site.building.step_s, site.file.speed

    def make_loop(on_tick: Callable[[Tick], None]) -> Loop:
        def told(tick: Tick) -> None:
            session.record(tick, loop.stage, in_charge=loop.in_charge)
            on_tick(tick)
            notify.alive(f"{loop.stage}, tick {tick.number}")

        def attend() -> Grant:
            grant = session.attend()
            run.metrics.authority(loop.stage)  # what a person has ended is not shown until the next step
            return grant

        loop = Loop(
            site=view.site,
            clock=view.clock,
            step_s=step_s,
            controller=session.controller,
            shield=operator.shield(),
            refresh=operator.shield,
            writer=authority,
            on_tick=told,
            handover=session.handover,
            stopped=lambda: stop.asked,
            granted=session.granted,
            left=lambda: session.left,
            attend=attend,
            attend_s=_ATTEND_S * speed,
        )
        session.trouble = lambda: loop.trouble
        return loop

    run.metrics.follow(lambda: replace(authority.standing(session.handover), on_bus=session.on_bus()))
    notify.ready()
    try:
        run.go(view, make_loop)
    finally:
        notify.stopping()
        session.keep_handover()
        authority.tell(run.why)
        reason = session.handover.reason
        with _not_in_the_way():
            session.note("stop", {"why": run.why, "given_back": authority.given_back})
        outcome = run.save(session.stage, given_back=authority.given_back, handover=reason.words if reason else None)
    return outcome


def check_may_write(site: SiteSettings) -> None:
    """Raises UserError where a site file permits nothing to be written."""
    if site.file.stage not in ("advisory", "live"):
        raise UserError(
            f"{site.path}: stage is {site.file.stage}: nothing may be written; `airhandler shadow` watches it, "
            "stage: advisory or live lets it write what `write:` lists"
        )


def _check_proven(name: str, controller: Controller, site: SiteSettings, building: Building) -> None:
    """Raises UserError where a bundle is not signed as the site wants, or a controller was not promoted to `live`."""
    if site.trusted_key is not None and isinstance(controller, Policy):
        check_signature(Path(name), site.trusted_key)
    if site.file.stage != "live":
        return
    if site.promotion is None:
        raise UserError(
            f"{site.path}: stage: live needs `promotion:`, the promotion.json of `airhandler report --shadow` for this "
            "controller; with stage: advisory a person accepts each advice"
        )
    sha256 = controller_sha256(name, building, controller)
    try:
        load_promotion(site.promotion, site=site.file.site, building=building, bundle_hash=sha256)
    except UserError as error:
        raise UserError(f"{site.path}: promotion: {error}") from error


def _note_start(folder: StateFolder, site: SiteSettings, settings: RunSettings) -> int:
    """Says in the journal what begins. Returns the row. Raises JournalError: without a journal nothing is begun."""
    said = start_payload(
        site.building,
        settings.controller,
        pid=os.getpid(),
        site=site.file.site,
        stage=site.file.stage,
        site_file=str(site.path),
        site_file_sha256=hashlib.sha256(site.path.read_bytes()).hexdigest(),
    )
    return folder.journal.append("start", said)


def _ticks_since(folder: StateFolder, building: Building, start: int) -> TickTable:
    """The ticks of this run; none where the journal cannot be read: authority is back, and that is what counts."""
    try:
        return tick_table(folder.journal.folder, building, after=start)
    except AirhandlerError as error:
        log.error("the summary is empty: %s", error)
        return TickTable(building)


def _tell_head(folder: StateFolder) -> None:
    """The journal's last row, for who keeps the log elsewhere: `journal verify --holds` wants it."""
    with _not_in_the_way():
        log.info("the journal's last row: %d:%s", *folder.journal.head())


def _recover(folder: StateFolder, site: SiteSettings, connection: BusConnection) -> None:
    """Gives back what an earlier run left in force."""
    left = give_back_leftovers(connection.writer, folder, site.file.site, marks_of(site))
    if left:
        told = ", ".join(f"{name} = {value:g}" for name, value in left.items())
        log.warning("an earlier run was not ended: given back what it left in force: %s", told)
        folder.journal.append("event", {"event": "given back what an earlier run left in force", "found": left})
        folder.lease.revoke("a later run found it in force", given_back=True)


@contextlib.contextmanager
def _not_in_the_way() -> Iterator[None]:
    """A journal that fails is said, and keeps nothing else from being done."""
    try:
        yield
    except AirhandlerError as error:
        log.error("%s", error)
