"""The one loop: read -> check -> propose -> shield -> apply (or only record) -> Tick."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.site import Clock, Site, WriteOutcome, Writer, Written
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Proposal, Verdict

from .controller import Controller
from .tick import Stage, Tick

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

    def run(self) -> None:
        """Runs until the clock ends. The last Tick's decision is never put in force.

        Whatever ends it, authority goes back to the building when a writer was there.
        """
        if self.controller is not None:
            self.controller.reset()
        self._in_force = self.in_force
        self._history = deque(self.history, maxlen=self.shield.memory if self.shield else 1)
        begin, number = self.clock.now(), 0
        try:
            while True:
                self.on_tick(self._tick(number))
                number += 1
                if not self.clock.sleep_until(begin + timedelta(seconds=number * self.step_s)):
                    return
        finally:
            self._give_back("the loop ended")

    @property
    def stage(self) -> Stage:
        """How much authority the controller has now."""
        if self.controller is None:
            return "observe"
        if self.writer is None:
            return "shadow"
        return "fallback" if self.handover is not None and self.handover.latched else "live"

    def _tick(self, number: int) -> Tick:
        reading = self._read()
        self._history.append(reading)
        stage = self.stage
        began = time.perf_counter()
        proposal = self._propose(reading)
        verdict = self._judge(proposal)
        decided = time.perf_counter()
        outcome = self._apply(verdict) if stage == "live" and verdict is not None else None
        if stage == "shadow" and verdict is not None:
            self._in_force = verdict.setpoints  # as if it had been applied: the next ramp starts there
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

    def _read(self) -> Reading:
        try:
            return self.site.read()
        except AirhandlerError as error:
            log.error("no reading: %s", error)
            return Reading(time=self.clock.now(), values=_absent(self.site))

    def _propose(self, reading: Reading) -> Proposal | None:
        if self.controller is None:
            return None
        began = time.perf_counter()
        try:
            setpoints: object = self.controller.propose(reading)
        except Exception as error:  # noqa: BLE001 - a controller's failure is a Rejected verdict, never the loop's end
            log.error("%s made no proposal: %s: %s", self.controller.name, type(error).__name__, error)
            return None
        if (took_s := time.perf_counter() - began) > self.deadline_s:
            log.error("%s took %.1f s, deadline %.1f s: dropped", self.controller.name, took_s, self.deadline_s)
            return None
        if not isinstance(setpoints, Setpoints):
            log.error("%s proposed a %s, not Setpoints: dropped", self.controller.name, type(setpoints).__name__)
            return None
        return Proposal(setpoints=setpoints, time=reading.time, controller=self.controller.name)

    def _judge(self, proposal: Proposal | None) -> Verdict | None:
        if self.controller is None:
            return None
        if self.shield is not None:
            return self.shield.judge(self._history, self._in_force, proposal)
        return unshielded(proposal)

    def _apply(self, verdict: Verdict) -> WriteOutcome:
        assert self.writer is not None
        outcome = self.writer.write(verdict.setpoints)
        self._in_force = verdict.setpoints if isinstance(outcome, Written) else None
        if self.handover is not None and (reason := self.handover.watch(verdict, outcome)):
            log.error("%s", reason.words)
            self._give_back(reason.words)
        return outcome

    def _give_back(self, why: str) -> None:
        if self.writer is None:
            return
        outcome = self.writer.relinquish()
        self._in_force = None
        log.info("authority given back to the building: %s", why, extra={"outcome": type(outcome).__name__})


def unshielded(proposal: Proposal | None) -> Verdict:
    """The verdict where no shield is: what was asked for. Raises AirhandlerError without a proposal."""
    if proposal is None:
        raise AirhandlerError("the controller made no proposal, and there is no shield to fall back on")
    return Allowed(setpoints=proposal.setpoints)


def _absent(site: Site) -> Mapping[str, None]:
    return {p.name: None for p in site.points}
