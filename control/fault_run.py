"""One run of `airhandler bench faults`: a fault behind the shield, and what full cooling would have given instead.

In its truth, not in what its sensors show, the kelvin-hours above the limits are counted from the moment the fault
begins. At that moment the simulation is branched: from there on full cooling, which is the coolest set-points at once,
without shield or ramp, with each of some airflows; it knows of the fault from its first second and sees the truth. The
building's own control is tried as well. What the best of them exceeds, or the run itself where it was better, is
called unavoidable.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import Any

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.model import Period
from airhandler.buildings.outside import held_out
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Rejected

from .fault_cases import FaultCase
from .loop import Loop
from .registry import find_controller
from .tick import Tick

_MIN_PER_H, _S_PER_H = 60.0, 3600.0
_TOLERANCE_KH = 1e-6  # two runs of the same air, summed
_FLOW_RATIOS = (1.0, 1.1, 1.25, math.inf)
"""Supply air per what the servers draw that full cooling is tried with: past a coil's end less of it may be cooler."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Where and how every case is run; `only` those cases whose fault holds this text."""

    building: str
    weather: str
    period: Period
    controller: str
    only: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exceeded:
    """What inlets met, counted from the begin of a fault [K h, the worst zone of each step; degC]."""

    above_recommended_kh: float
    above_allowable_kh: float
    inlet_max_c: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one case.

    Attributes:
        met: behind the shield.
        unavoidable: the least of each measure that full cooling from the moment of the fault, or this run, met.
        rejected_min: from the fault to the first Rejected [min]; None if there was none.
        fallback_min: to the first step with the whole known fallback, or the building's own control, in force.
        handover_min: to the return of authority to the building's own control.
    """

    case: FaultCase
    met: Exceeded
    unavoidable: Exceeded
    rejected_min: float | None
    fallback_min: float | None
    handover_min: float | None

    @property
    def avoidable_kh(self) -> float:
        """What full cooling would have avoided above the allowable limit [K h]."""
        over = self.met.above_allowable_kh - self.unavoidable.above_allowable_kh
        return over if over > _TOLERANCE_KH else 0.0

    def row(self) -> dict[str, Any]:
        """As one flat record."""
        case = asdict(self.case)
        marked = {f"unavoidable_{name}": value for name, value in asdict(self.unavoidable).items()}
        times = {name: getattr(self, name) for name in ("rejected_min", "fallback_min", "handover_min")}
        return {**case, **asdict(self.met), **marked, "avoidable_kh": self.avoidable_kh, **times}


def run_case(stretch: Stretch, case: FaultCase) -> Outcome:
    """One run, and its branches. Raises SimulationError where this process cannot fork (torch, threads)."""
    if not case.point:
        watched = _follow(stretch, case, branched=True)
        return watched.outcome(case, watched.cooled)
    # A sensor changes nothing in the air: full cooling is that of a run with nothing wrong, the same until the fault.
    cooled = _cooled_without_fault(stretch, case.mismatch_frac, case.begin_h)
    return _follow(stretch, case, branched=False).outcome(case, cooled)


@functools.cache
def _cooled_without_fault(stretch: Stretch, mismatch_frac: float, begin_h: int) -> Sequence[Exceeded]:
    sound = FaultCase(fault="", kind="", point="", mismatch_frac=mismatch_frac, begin_h=begin_h)
    return _follow(stretch, sound, branched=True).cooled


def _follow(stretch: Stretch, case: FaultCase, *, branched: bool) -> _Watched:
    building = find_building(stretch.building)
    shield, handover = Shield(building), Handover()
    site = SimulatedSite(
        building,
        find_weather(stretch.weather),
        stretch.period,
        draw=held_out(0),
        scenario=case.scenario(building, stretch.period),
    )
    watched = _Watched(site, building, shield, handover, case.begin_h, branched)
    try:
        Loop(
            site=site,
            clock=site.clock,
            step_s=building.step_s,
            controller=find_controller(stretch.controller, building),
            shield=shield,
            writer=site.writer(),
            on_tick=watched.add,
            handover=handover,
        ).run()
    finally:
        site.close()
    return watched


@dataclass(eq=False)
class _Watched:
    """Takes the Ticks of one run."""

    site: SimulatedSite
    building: Building
    shield: Shield
    handover: Handover
    begin_h: int
    branched: bool
    cooled: Sequence[Exceeded] = ()
    _inlets_c: list[float] = field(default_factory=list)
    _rejected: int | None = None
    _fallback: int | None = None
    _given_back: int | None = None

    @property
    def _first(self) -> int:
        """The tick at which the fault begins."""
        return round(self.begin_h * _S_PER_H / self.building.step_s)

    def add(self, tick: Tick) -> None:
        """Takes note of a step."""
        since = tick.number - self._first
        if since < 0:
            return
        if since == 0 and self.branched:
            self.cooled = self._branch()
        if since > 0:
            self._inlets_c.append(_warmest_c(self.site.truth(), self.building))
        if self._rejected is None and isinstance(tick.verdict, Rejected):
            self._rejected = since
        if self._given_back is None and self.handover.latched:
            self._given_back = since
        if self._fallback is None and (self.handover.latched or self._is_fallback(tick)):
            self._fallback = since

    def _is_fallback(self, tick: Tick) -> bool:
        return isinstance(tick.verdict, Rejected) and dict(tick.verdict.setpoints) == dict(self.shield.fallback)

    def _branch(self) -> list[Exceeded]:
        """What full cooling meets from here on, whatever sensors show."""
        plans = [partial(full_cooling, self.building, ratio) for ratio in _FLOW_RATIOS]
        jobs = [partial(_cool, self.site, self.building, plan) for plan in (*plans, None)]
        return [_exceeded(inlets_c, self.building) for inlets_c in self.site.branch(jobs)]

    def outcome(self, case: FaultCase, cooled: Sequence[Exceeded]) -> Outcome:
        """What came of the run, beside what full cooling met."""
        met = _exceeded(self._inlets_c, self.building)
        least = {f.name: min(getattr(each, f.name) for each in (met, *cooled)) for f in fields(Exceeded)}
        return Outcome(
            case=case,
            met=met,
            unavoidable=Exceeded(**least),
            rejected_min=self._minutes(self._rejected),
            fallback_min=self._minutes(self._fallback),
            handover_min=self._minutes(self._given_back),
        )

    def _minutes(self, steps: int | None) -> float | None:
        return None if steps is None else steps * self.building.step_s / _S_PER_H * _MIN_PER_H


def full_cooling(building: Building, flow_ratio: float, truth: Reading) -> Setpoints:
    """The coolest set-points, with so much supply air per what the servers draw; what is neither is at its fallback."""
    wanted = {p.name: float(rule.fallback) for p, rule in zip(building.setpoints, building.rules, strict=True)}
    wanted |= {p.name: p.low for p in building.setpoints if p.unit == "degC"}
    for roles in building.zones.values():
        flow = building.point(roles.supply_flow_setpoint)
        wanted[flow.name] = min(flow.high, max(flow.low, flow_ratio * truth[roles.server_flow]))
    return Setpoints(wanted)


def _cool(site: SimulatedSite, building: Building, plan: Callable[[Reading], Setpoints] | None) -> list[float]:
    """In a branch: the warmest inlet after each step to the end [steps] [degC]; without a plan by its own control."""
    inlets_c: list[float] = []
    while True:
        site.command(None if plan is None else plan(site.truth()))
        if not site.advance():
            return inlets_c
        inlets_c.append(_warmest_c(site.truth(), building))


def _warmest_c(reading: Reading, building: Building) -> float:
    return max(reading[roles.inlet_temp] for roles in building.zones.values())


def _exceeded(inlets_c: list[float], building: Building) -> Exceeded:
    limits, step_h = THERMAL_CLASSES[building.file.shield.inlet_class], building.step_s / _S_PER_H
    above = [sum(max(0.0, c - r.high_c) for c in inlets_c) * step_h for r in (limits.recommended, limits.allowable)]
    return Exceeded(above_recommended_kh=above[0], above_allowable_kh=above[1], inlet_max_c=max(inlets_c))
