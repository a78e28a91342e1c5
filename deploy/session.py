"""A live session on one site: what is granted, covered, written down, and asked for by people, step by step."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.site import Written
from airhandler.control.controller import Controller
from airhandler.control.tick import Grant, Stage, Tick
from airhandler.safety.handover import Handover

from .board import Board
from .connectors.bus import BusWriter
from .cover import Cover
from .gradual import Gradual, Ramp
from .grants import Grants
from .guarded import Guarded
from .journal_reading import last_rows
from .journal_rows import Kind, files
from .journal_ticks import tick_payload
from .latch import latched
from .obeying import Obeying
from .orders import Order
from .signs import Answer
from .site_file import SiteSettings
from .standing import OnBus, on_bus
from .state import StateFolder

log = logging.getLogger("airhandler.session")

_LATE_STEPS = 1.5  # between two steps: that is late
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
        unended: how a controller before us ended without giving back; None where none did.
        now: the site's time.
        step_s: length of a control step [s of the site].

    Attributes:
        handover: when authority goes back, and why.
        writer: what the loop writes with.
        controller: what the loop asks for proposals.
        trouble: why the site could not be read last; empty where it could.
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
        unended: str | None = None,
        now: Callable[[], datetime],
        step_s: float,
    ) -> None:
        self._folder, self._token, self._now = folder, token, now
        self._step_s = step_s / site.file.speed
        self.handover = Handover()
        self._latch = latched(folder, self.handover, unended)
        self.trouble: Callable[[], str] = str
        self._told_own = False
        self._began_s = deque[float](maxlen=2)  # the last two steps, by the machine's clock
        self._setpoints = tuple(p.name for p in site.building.setpoints)
        self._who = f"{who} {','.join(site.file.write)}"
        self._unwatched, self._journal_errors = unwatched, 0
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
            doubt=self._doubt,
        )
        self.controller = Gradual(controller, self._grants.share)
        self.writer = Guarded(
            writer,
            note=self.note,
            uncovered=self._uncovered,
            released=self._released,
            share=self._grants.share,
            doubt=self.handover.give_back,
        )
        self._board = Board(
            site,
            folder.signs,
            token=token,
            step_s=self._step_s,
            controller=controller.name,
            grants=self._grants,
            handover=self.handover,
        )
        self._obeying = Obeying(
            grants=self._grants,
            handover=self.handover,
            latch=self._latch,
            slots=self.writer,
            unwatched=unwatched,
            walks=lambda: self._told_own,
        )

    @property
    def stage(self) -> Literal["advisory", "live"]:
        """As the site file has it."""
        return self._grants.stage

    @property
    def left(self) -> frozenset[str]:
        """Set-points that are left to the building: those of which nothing is granted yet, or ever."""
        return frozenset(p for p in self._setpoints if self._grants.share(p) == 0.0)

    def note(self, kind: Kind, payload: Mapping[str, Any]) -> None:
        """Writes a row into the journal, durably. Raises JournalError."""
        try:
            self._folder.journal.append(kind, payload, site_time=self._now())
        except AirhandlerError:
            self._journal_errors += 1
            raise

    def on_bus(self) -> OnBus:
        """How it stands now; it may be asked from any thread."""
        return on_bus(
            self._folder,
            token=self._token,
            setpoints=self._setpoints,
            grants=self._grants,
            latch=self._latch,
            unwatched=self._unwatched,
            journal_errors=self._journal_errors,
        )

    def granted(self) -> Grant:
        """What the loop may do in the step that begins: orders first, then time, then whether it is covered."""
        self._began_s.append(self._folder.signs.now_s())
        self._board.begin()
        self._let_go(self._grants.stands())
        self._take_orders()
        grant = self._grants.grant()
        self._let_go(grant)
        grant = replace(grant, writes=grant.writes and self._cover.step())
        self.keep_handover()
        return grant

    def attend(self) -> Grant:
        """Between two steps: people, and those who watch. Returns what is granted now."""
        self._let_go(self._grants.stands())
        self._take_orders()
        self._cover.look()
        self.keep_handover()
        return self._grants.stands()

    def _released(self) -> None:
        """Nothing of ours is in force any more."""
        self._let_go(None)
        self._told(self._board.give_back)

    def _let_go(self, grant: Grant | None) -> None:
        """Releases the lease where nothing of ours is in force, nor is to be.

        Why authority went back comes first: after a kill in between, the next start must find the one or the other.
        """
        self.keep_handover()
        if (grant is None or not grant.writes) and not self.writer.holding and self._latch.safe:
            self._cover.release()

    def _uncovered(self) -> str | None:
        """Why nothing may be written at this moment; None where it may."""
        if self._cover.holds():
            return None
        return "; ".join(filter(None, ("the lease is not ours any more", self._likely_cause())))

    def _take_orders(self) -> None:
        """Takes orders, and shows what came of them, before the step ends. Who cannot be heard may be asking."""
        try:
            orders = self._folder.orders.take(self._token)
        except AirhandlerError as error:
            self.handover.give_back(f"authority must go back: people cannot be heard: {error}")
            return
        if orders:
            self._board.answer(self._obey(order) for order in orders)
            self._told(lambda: self._board.show_again(in_charge=self.writer.holding))

    def _obey(self, order: Order) -> Answer:
        """Does as a person says. What cannot be written down is done all the same where it gives authority back."""
        try:
            self.note("order", order.model_dump(mode="json"))
        except AirhandlerError as error:
            words = f"authority must go back: the journal does not take an order: {error}"
            self.handover.give_back(words)
            return Answer(order=order.key, done=order.kind == "give-back", words=words)
        answer = self._obeying.obey(order)
        self._note_event("order answered", **answer.model_dump())
        return answer

    def _doubt(self, words: str) -> None:
        """Latches the handover; a site that does not answer, or not in time, is the likely cause, and said too."""
        self.handover.give_back("; ".join(filter(None, (words, self._likely_cause()))))

    def _likely_cause(self) -> str:
        if because := self.trouble():
            return f"the site could not be read: {because}"
        late_s = self._began_s[-1] - self._began_s[0] if self._began_s else 0.0
        if late_s < _LATE_STEPS * self._step_s:
            return ""
        return f"site or machine are slow: {late_s:.4g} s between two steps that are {self._step_s:g} s apart"

    def keep_handover(self) -> None:
        """Writes down once why authority goes back, and keeps that over restarts."""
        if (why := self._latch.news()) is not None:
            self._note_event("handover", why=why)

    def _note_event(self, event: str, **said: object) -> None:
        """A row about something that has happened all the same: a journal that does not take it is said."""
        try:
            self.note("event", {"event": event, **said})
        except AirhandlerError as error:
            log.error("%s", error)

    def record(self, tick: Tick, stage: Stage, *, in_charge: bool) -> None:
        """Keeps a Tick, and shows people what we do now. One that cannot be kept ends our authority.

        Args:
            tick: the step that was taken.
            stage: how much authority there is after it.
            in_charge: whether something of ours is or may be in force.
        """
        self.keep_handover()
        self._told(lambda: self._board.see(tick, stage, in_charge=in_charge))
        if isinstance(tick.outcome, Written):
            self._grants.exercised()
        self._told_own = tick.reading.incumbent is not None
        try:
            self.note("tick", {**tick_payload(tick), **self._exercised()})
        except AirhandlerError as error:
            log.error("%s", error)
            self.handover.give_back(f"authority must go back: the journal does not take the record: {error}")
        self.keep_handover()
        self._told(self._board.show)

    @staticmethod
    def _told(tell: Callable[[], object]) -> None:
        """Shows people what we do; a slip in that keeps nothing else from being done."""
        try:
            tell()
        except Exception:
            log.exception("what we do cannot be shown")

    def _exercised(self) -> dict[str, object]:
        """For how long, by whom and with which points: another controller, or other points, begin anew."""
        return {"exercised_s": self._grants.exercised_s, "exercised_by": self._who}


def exercised_before(folder: StateFolder, who: str) -> float:
    """For how long the same authority was exercised in earlier runs, by the journal [s]; 0 where it says nothing."""
    path = folder.journal.folder
    for row in reversed(last_rows(path, _LOOK_BACK) if files(path) else []):
        if row.kind == "tick" and "exercised_s" in row.payload:
            return float(row.payload["exercised_s"]) if row.payload.get("exercised_by") == who else 0.0
    return 0.0
