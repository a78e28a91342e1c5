"""The one loop: read -> check -> propose -> shield -> apply (or only record) -> Tick."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from airhandler.buildings.errors import AirhandlerError, in_words
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.site import Clock, Site, WriteFailed, WriteOutcome, Writer, Written
from airhandler.safety.forecaster import Forecaster
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Proposal, Rejected, Verdict

from .controller import Confident, Controller
from .tick import LIVE, Grant, Stage, Tick

log = logging.getLogger("airhandler.loop")


@dataclass(kw_only=True)
class Loop:
    """One controller beside, or in charge of, one site.

    Attributes:
        site: what is read.
        clock: its time.
        step_s: control interval [s].
        controller: who proposes; None only observes.
        shield: who judges; None applies proposals as they are (for comparison in simulation only).
        writer: the right to write; None in observe and shadow: there is nothing to write with.
        on_tick: takes every Tick.
        deadline_s: a proposal that took longer is dropped, and the shield gives the fallback [s].
        handover: when authority goes back.
        in_force: set-points that are in force at the begin; None: the building's own control is.
        history: readings before the begin, the newest last.
        past: what was in force in the steps before the begin, the newest last.
        refresh: gives the shield that holds from a step on, for limits by hand that change; it remembers as much as the
            first one. None: that stays.
        stopped: whether a stop was asked for: nothing is written from then on.
        granted: how much authority there is for the step that begins; by default all of it.
        left: set-points that are left to the building: they stand where its own control has them.
        attend: is called while the loop sleeps, every `attend_s` of the site's time, for what cannot wait for a step:
            people, and those who watch; it may say anew how much authority there is. None: nobody is. What it latches,
            or grants no longer, is given back at once.
        attend_s: [s]
        number: of the first Tick; above 0 for a run that goes on: the controller then keeps what it knows.
        forecaster: what was learned before the begin; by default a new one.
    """

    site: Site
    clock: Clock
    step_s: float
    controller: Controller | None
    shield: Shield | None
    writer: Writer | None
    on_tick: Callable[[Tick], None]
    deadline_s: float = 10.0
    handover: Handover | None = None
    in_force: Setpoints | None = None
    history: Sequence[Reading] = ()
    past: Sequence[Setpoints] = ()
    refresh: Callable[[], Shield] | None = None
    stopped: Callable[[], bool] | None = None
    granted: Callable[[], Grant] = field(default=lambda: LIVE)
    left: Callable[[], frozenset[str]] = frozenset
    attend: Callable[[], Grant | None] | None = None
    attend_s: float = 5.0
    number: int = 0
    forecaster: Forecaster | None = None
    _in_charge: bool = field(default=False, init=False)
    _grant: Grant = field(default=LIVE, init=False)
    _trouble: str = field(default="", init=False)

    def run(self) -> None:
        """Runs until the clock ends. A step whose time has passed is left out, never caught up.

        Whatever ends it, authority goes back to the building if a write was tried. The last Tick's decision is
        written, and given back before it had a step to take effect.
        """
        if self.controller is not None and self.number == 0:
            self.controller.reset()
        self._in_force = self.in_force
        self._in_charge = self.writer is not None and self.in_force is not None
        self._history = deque(self.history, maxlen=self.shield.memory if self.shield else 1)
        self._past = deque(self.past, maxlen=self.shield.past_steps if self.shield else 0)
        self._forecaster = self.forecaster or (self.shield.forecaster() if self.shield else None)
        begin, step, number, due = self.clock.now(), timedelta(seconds=self.step_s), self.number, 0
        try:
            while True:
                self.on_tick(self._tick(number))
                missed = max(0, (self.clock.now() - begin) // step - due)
                if missed:
                    log.warning("a tick lasted too long: %d steps are left out", missed)
                number, due = number + 1, due + missed + 1
                if not self._sleep_until(begin + due * step):
                    return
        except Exception as error:
            if self.handover is not None:
                self.handover.give_back(f"authority must go back: the controller itself failed: {in_words(error)}")
            raise
        finally:
            try:
                self._end()
            except KeyboardInterrupt:  # one who is in a hurry must not leave the building without its control
                self._end()
                raise

    @property
    def in_charge(self) -> bool:
        """Whether our set-points are or may be in force: a write was tried, and its end is not confirmed."""
        return self._in_charge

    @property
    def trouble(self) -> str:
        """Why the site could not be read last; empty where it could."""
        return self._trouble

    @property
    def stage(self) -> Stage:
        """How much authority the controller has now."""
        if self.controller is None:
            return "observe"
        if self.writer is None:
            return "shadow"
        return "fallback" if self.handover is not None and self.handover.latched else self._grant.stage

    def _sleep_until(self, when: datetime) -> bool:
        """Sleeps until `when`, but for those who cannot wait. False when there is no more time."""
        while self.attend is not None and self.clock.now() + timedelta(seconds=self.attend_s) < when:
            if not self.clock.sleep_until(self.clock.now() + timedelta(seconds=self.attend_s)):
                return False
            self._grant = self.attend() or self._grant
            self._stand_down()
        return self.clock.sleep_until(when)

    def _stand_down(self) -> None:
        """Gives authority back where the handover says so, or none is granted, and again until it is confirmed."""
        if not self._in_charge:
            return
        if self.handover is not None and self.handover.reason is not None:
            self._give_back(self.handover.reason.words, told=True)
        elif not self._grant.writes:
            self._give_back(self._grant.why or f"no authority is granted any more: {self._grant.stage}")

    def _tick(self, number: int) -> Tick:
        if self.refresh is not None:
            self.shield = self.refresh()
        reading, self._grant = self._read(), self.granted()
        self._history.append(reading)
        if self._forecaster is not None:
            self._forecaster.observe(reading, self._in_force if self._in_charge else None)
        stage = self.stage
        began = time.perf_counter()
        proposal = self._propose(reading)
        verdict = self._judge(proposal, reading)
        decided = time.perf_counter()
        writes = self._grant.writes and stage not in ("observe", "shadow", "fallback")
        outcome = self._apply(verdict) if writes and verdict is not None else None
        if stage == "shadow" and verdict is not None:
            self._in_force = verdict.setpoints  # as if it had been applied: the next ramp starts there
        self._stand_down()
        self._remember()
        return Tick(
            number=number,
            stage=stage,
            reading=reading,
            proposal=proposal,
            verdict=verdict,
            outcome=outcome,
            decide_s=decided - began,
            write_s=time.perf_counter() - decided,
        )

    def _remember(self) -> None:
        """What is in force until the next step; nothing while the building's own control is."""
        if self._in_force is None:
            self._past.clear()
        else:
            self._past.append(self._in_force)

    def _read(self) -> Reading:
        try:
            reading = self.site.read()
        except AirhandlerError as error:
            self._trouble = str(error)
            log.error("no reading: %s", error)
            return Reading(time=self.clock.now(), values=_absent(self.site))
        self._trouble = ""
        return reading

    def _propose(self, reading: Reading) -> Proposal | None:
        if self.controller is None:
            return None
        began, confidence = time.perf_counter(), None
        try:
            proposed: object = self.controller.propose(_read_only(reading))
            if isinstance(self.controller, Confident):
                confidence = self.controller.confidence(_read_only(reading))
            # A copy: what is judged must not change when the controller uses its own again.
            setpoints = Setpoints(dict(proposed.by_name)) if isinstance(proposed, Setpoints) else None
        except Exception as error:  # noqa: BLE001 - a controller's failure is a Rejected verdict, never the loop's end
            log.error("%s made no proposal: %s", self.controller.name, in_words(error))
            return None
        if (took_s := time.perf_counter() - began) > self.deadline_s:
            log.error("%s took %.1f s, deadline %.1f s: dropped", self.controller.name, took_s, self.deadline_s)
            return None
        if setpoints is None:
            log.error("%s proposed a %s, not Setpoints: dropped", self.controller.name, type(proposed).__name__)
            return None
        return Proposal(setpoints=setpoints, time=reading.time, controller=self.controller.name, confidence=confidence)

    def _judge(self, proposal: Proposal | None, reading: Reading) -> Verdict | None:
        if self.controller is None:
            return None
        if self.shield is None or self._forecaster is None:
            return unshielded(proposal)
        return self.shield.judge(
            self._history,
            self._stands(reading),
            proposal,
            past=self._past,
            written=self._in_charge,
            forecast=self._forecaster.forecast,
        )

    def _stands(self, reading: Reading) -> Setpoints | None:
        """Where the set-points stand: what we were told is in force; where the building has them, its own control's."""
        if self._in_force is None or reading.incumbent is None:
            return self._in_force or reading.incumbent
        left = self.left() & reading.incumbent.keys()
        if not left:
            return self._in_force
        return Setpoints({**self._in_force, **{name: reading.incumbent[name] for name in left}})

    def _apply(self, verdict: Verdict) -> WriteOutcome | None:
        """Writes a verdict, but not after a stop, nor to take authority where the shield trusts nothing."""
        if self.stopped is not None and self.stopped():
            return None
        outcome = None if isinstance(verdict, Rejected) and not self._in_charge else self._write(verdict.setpoints)
        if self.handover is not None:
            self.handover.watch(verdict, outcome)
        return outcome

    def _write(self, setpoints: Setpoints) -> WriteOutcome:
        """Writes. Where that fails, the next ramp begins at what the site shows, else at what was confirmed last."""
        assert self.writer is not None
        assert self.controller is not None
        takes, self._in_charge = not self._in_charge, True
        try:
            outcome = self.writer.write(setpoints)
        except AirhandlerError as error:
            return WriteFailed(reason=str(error))
        if isinstance(outcome, Written):
            self._in_force = outcome.in_force or setpoints
            if takes:
                log.info("authority taken: %s writes from now on", self.controller.name)
        elif isinstance(outcome, WriteFailed):
            self._in_force = outcome.in_force or self._in_force
        return outcome

    def _end(self) -> None:
        if self._in_charge:
            self._give_back("the loop ended")

    def _give_back(self, why: str, *, told: bool = False) -> None:
        """Asks the building to take authority back; it has it once it says so, and until then a person must look.

        What was told before is not repeated.
        """
        assert self.writer is not None
        try:
            outcome = self.writer.relinquish()
        except AirhandlerError as error:
            outcome = WriteFailed(reason=str(error))
        if not isinstance(outcome, Written):
            log.critical("authority was NOT given back to the building (%s): %s", outcome.reason, why)
            if self.handover is not None:
                self.handover.give_back(f"authority must go back, and was not yet given back ({outcome.reason}): {why}")
            return
        self._in_charge, self._in_force = False, None
        log.info("authority given back to the building%s", "" if told else f": {why}")


def _read_only(reading: Reading) -> Reading:
    """The same reading for a controller, which cannot change what the shield will judge."""
    values, age_s = MappingProxyType(reading.values), MappingProxyType(reading.age_s)
    incumbent = None if reading.incumbent is None else Setpoints(MappingProxyType(reading.incumbent.by_name))
    return Reading(time=reading.time, values=values, age_s=age_s, incumbent=incumbent)


def unshielded(proposal: Proposal | None) -> Verdict:
    """The verdict where no shield is: what was asked for. Raises AirhandlerError without a proposal."""
    if proposal is None:
        raise AirhandlerError("the controller made no proposal, and there is no shield to fall back on")
    return Allowed(setpoints=proposal.setpoints)


def _absent(site: Site) -> Mapping[str, None]:
    return {p.name: None for p in site.points}
