"""A live session on one site: what is granted, covered, written down, and asked for by people, step by step."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.site import Written
from airhandler.control.controller import Controller
from airhandler.control.tick import Grant, Stage, Tick
from airhandler.safety.handover import Handover

from .connectors.bus import BusWriter
from .cover import Cover
from .gradual import Gradual, Ramp
from .grants import Grants
from .guarded import Guarded
from .journal_reading import last_rows
from .journal_rows import Kind, files
from .journal_ticks import tick_payload
from .latch import Latch
from .orders import Order
from .signs import ControllerSign
from .site_file import SiteSettings
from .state import StateFolder

log = logging.getLogger("airhandler.session")

_LOOK_BACK = 200  # rows: some steps, each of which says for how long authority was exercised


class Session:
    """All that stands between one controller and one building's bus.

    Args:
        site: which site; its file says `advisory` or `live`.
        folder: its state folder, whose lock is ours.
        token: by which orders are known to be for us.
        controller: who proposes.
        who: that, exactly: `controller_sha256`.
        writer: of the bus.
        unwatched: why nobody watches us; None where somebody does.
        now: the site's time.
        step_s: length of a control step [s of the site].

    Attributes:
        handover: when authority goes back, and why.
        writer: what the loop writes with.
        controller: what the loop asks for proposals.
    """

    def __init__(
        self,
        site: SiteSettings,
        folder: StateFolder,
        *,
        token: str,
        controller: Controller,
        who: str,
        writer: BusWriter,
        unwatched: Callable[[], str | None],
        now: Callable[[], datetime],
        step_s: float,
    ) -> None:
        self._folder, self._token, self._now = folder, token, now
        self._site, self._step_s = site.file.site, step_s / site.file.speed
        self.handover = Handover()
        self._latch = Latch(folder.path / "handover.json", self.handover)
        self._setpoints = tuple(p.name for p in site.building.setpoints)
        self._who = f"{who} {','.join(site.file.write)}"
        self._grants = Grants(
            stage="live" if site.file.stage == "live" else "advisory",
            ramp=Ramp(
                points=site.file.write,
                days=site.file.authority.ramp_days,
                in_order=site.file.authority.points_in_order,
            ),
            handover=self.handover,
            now=now,
            step_s=step_s,
            exercised_s=exercised_before(folder, self._who),
        )
        lease, validity_s = folder.lease, site.file.lease_steps * step_s / site.file.speed
        self._cover = Cover(
            lease,
            take=lambda: lease.take(validity_s, token=token, site_file=site.path),
            unwatched=unwatched,
            doubt=self.handover.give_back,
        )
        self.controller = Gradual(controller, self._grants.share)
        self.writer = Guarded(
            writer,
            note=self.note,
            covered=self._cover.holds,
            released=self._cover.release,
            share=self._grants.share,
            doubt=self.handover.give_back,
        )

    @property
    def left(self) -> frozenset[str]:
        """Set-points that are left to the building: those of which nothing is granted yet, or ever."""
        return frozenset(p for p in self._setpoints if self._grants.share(p) == 0.0)

    def note(self, kind: Kind, payload: Mapping[str, Any]) -> None:
        """Writes a row into the journal, durably. Raises JournalError."""
        self._folder.journal.append(kind, payload, site_time=self._now())

    def granted(self) -> Grant:
        """What the loop may do in the step that begins: orders first, then time, then whether it is covered."""
        self._take_orders()
        grant = self._grants.grant()
        if not grant.writes and not self.writer.holding:
            self._cover.release()
        grant = replace(grant, writes=grant.writes and self._cover.step())
        self._tell_handover()
        return grant

    def attend(self) -> None:
        """Between two steps: people, and those who watch."""
        self._take_orders()
        self._cover.look()
        self._tell_handover()

    def _take_orders(self) -> None:
        for order in self._folder.orders.take(self._token):
            self._obey(order)

    def _tell_handover(self) -> None:
        """Says once why authority goes back, and keeps that over restarts."""
        if (why := self._latch.news()) is None:
            return
        log.error("%s", why)
        try:
            self.note("event", {"event": "handover", "why": why})
        except AirhandlerError as error:
            log.error("%s", error)

    def record(self, tick: Tick, stage: Stage, *, in_charge: bool) -> None:
        """Keeps a Tick, and shows people what we do now. One that cannot be kept ends our authority.

        Args:
            tick: the step that was taken.
            stage: how much authority there is after it.
            in_charge: whether something of ours is or may be in force.
        """
        if isinstance(tick.outcome, Written):
            self._grants.exercised()
        try:
            self.note("tick", {**tick_payload(tick), **self._exercised()})
        except AirhandlerError as error:
            log.error("%s", error)
            self.handover.give_back(f"authority must go back: the journal does not take the record: {error}")
        self._tell_handover()
        self._show(tick, stage, in_charge=in_charge)

    def _exercised(self) -> dict[str, object]:
        """For how long, by whom and with which points: another controller, or other points, begin anew."""
        return {"exercised_s": self._grants.exercised_s, "exercised_by": self._who}

    def _show(self, tick: Tick, stage: Stage, *, in_charge: bool) -> None:
        """Shows people what we do now."""
        signs = self._folder.signs
        sign = ControllerSign(
            pid=os.getpid(),
            site=self._site,
            controller=self.controller.name,
            stage=stage,
            in_charge=in_charge,
            tick=tick.number,
            site_time=tick.reading.time,
            step_s=self._step_s,
            why=self.handover.reason.words if self.handover.reason else "",
            notes=tuple(reason.words for reason in (tick.verdict.reasons if tick.verdict else ())),
            at_s=signs.now_s(),
            boot=signs.boot,
        )
        try:
            signs.put_controller(sign)
        except OSError as error:
            log.error("%s: what we do cannot be shown: %s", self._folder.path, error.strerror or error)

    def _obey(self, order: Order) -> None:
        """Does as a person says. What cannot be written down is done all the same where it gives authority back."""
        log.warning("order of %s: %s", order.by, order.kind)
        try:
            self.note("order", order.model_dump(mode="json"))
        except AirhandlerError as error:
            self.handover.give_back(f"authority must go back: the journal does not take an order: {error}")
            return
        length = None if order.seconds is None else timedelta(seconds=order.seconds)
        match order.kind:
            case "give-back":
                why = f"{order.by} asked for authority"
                self._grants.give_back(why, over=length or timedelta())
                self._latch.keep(why)
            case "reset":
                self._grants.reset()
                self._latch.lift()
            case "accept":
                self._grants.accept(length)
            case "reject":
                self._grants.reject()


def exercised_before(folder: StateFolder, who: str) -> float:
    """For how long the same authority was exercised in earlier runs, by the journal [s]; 0 where it says nothing."""
    path = folder.journal.folder
    for row in reversed(last_rows(path, _LOOK_BACK) if files(path) else []):
        if row.kind == "tick" and "exercised_s" in row.payload:
            return float(row.payload["exercised_s"]) if row.payload.get("exercised_by") == who else 0.0
    return 0.0
