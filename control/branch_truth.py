"""The truth beside the estimate, where a site is simulated: what really happens when the controller takes over.

The record is simulated again, and branched every so often. In a branch the controller is in charge behind the
shield for some hours, and the last of them are compared with the same hours of the record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array, known_max, known_mean
from airhandler.buildings.model import Period
from airhandler.buildings.outside import held_out
from airhandler.buildings.points import Reading
from airhandler.buildings.scenario import Scenario
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.safety.shield import Shield

from .controller import Controller
from .lookahead import Moment, branch
from .table import TickTable
from .tick import Tick

EVERY_STEPS = 25
"""Steps between two branches: not a whole part of a day, so that all hours have their turn."""

_STEPS, _JUDGED_STEPS = 12, 4  # a bumpless beginning takes the first


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulated:
    """What was simulated: weather, first day (month, day), days, draw, and what it was put through."""

    weather: str
    start: tuple[int, int]
    days: int
    seed: int
    scenario: Scenario


@dataclass(frozen=True, kw_only=True, eq=False)
class BranchTruth:
    """What came of the branches, and what the estimate says of the same steps.

    Attributes:
        saved_w: mean power that was saved in the judged steps [branches].
        estimated_w: the same by the estimate [branches].
        warmest_c: warmest inlet of each branch; NaN without server zones [branches].
        above_allowable_frac: share of the branches with an inlet above allowable.
        above_recommended_frac: with one above recommended.
    """

    saved_w: Array
    estimated_w: Array
    warmest_c: Array
    above_allowable_frac: float
    above_recommended_frac: float

    @property
    def mean_saved_w(self) -> float:
        """Where both are known."""
        return known_mean(self.saved_w[np.isfinite(self.estimated_w)])

    @property
    def mean_estimated_w(self) -> float:
        """Where both are known."""
        return known_mean(self.estimated_w)


def branch_truth(
    table: TickTable,
    of: Simulated,
    controller: Controller,
    estimated_w: Array,
    *,
    every: int = EVERY_STEPS,
    progress: Callable[[int], None] | None = None,
) -> BranchTruth:
    """Runs the record again, with branches.

    Args:
        table: the record, of a simulated site under its own control.
        of: what was simulated.
        controller: who is in charge in a branch; itself it does not change.
        estimated_w: what the estimate says is saved in each step [steps].
        every: steps between two branches.
        progress: is told every step.

    Raises UserError where the simulation does not give the record again, or is too short.
    """
    building, shield = table.building, Shield(table.building)
    site = _start(table, of)
    recent: deque[Reading] = deque(maxlen=shield.memory)
    begins, futures = [], []
    try:
        for step in range(len(table) - 1):
            recent.append(site.read())
            _check_same(table, step, recent[-1])
            if step and step % every == 0 and step + _STEPS < len(table):
                moment = Moment(history=tuple(recent)[:-1])
                ticks = branch(site, [controller], _STEPS, step_s=building.step_s, shield=shield, moment=moment)[0]
                begins.append(step)
                futures.append(ticks)
            site.advance()
            if progress is not None:
                progress(1)
    finally:
        site.close()
    if not begins:
        raise UserError(f"a run of {len(table) - 1} steps is too short for branches of {_STEPS}")
    return _compared(table, begins, futures, estimated_w)


def _start(table: TickTable, of: Simulated) -> SimulatedSite:
    return SimulatedSite(
        table.building,
        find_weather(of.weather),
        Period(start=of.start, days=of.days),
        draw=held_out(of.seed),
        scenario=of.scenario,
        seed=of.seed,
    )


def _compared(
    table: TickTable, begins: Sequence[int], futures: Sequence[Sequence[Tick]], estimated_w: Array
) -> BranchTruth:
    limits = THERMAL_CLASSES[table.building.file.shield.inlet_class]
    was_w, saved, estimated, warmest = _power_w(table), [], [], []
    for begin, ticks in zip(begins, futures, strict=True):
        first = begin + _STEPS - _JUDGED_STEPS
        future = TickTable(table.building)
        for tick in ticks:
            future.add(tick)
        saved.append(float(np.mean(was_w[first + 1 : first + 1 + _JUDGED_STEPS] - _power_w(future)[-_JUDGED_STEPS:])))
        estimated.append(float(np.mean(estimated_w[first : first + _JUDGED_STEPS])))
        inlets = [future.measured[zone.inlet_temp] for zone in table.building.zones.values()]
        warmest.append(known_max(np.array(inlets)))
    warmest_c = np.array(warmest)
    known = warmest_c[np.isfinite(warmest_c)]
    return BranchTruth(
        saved_w=np.array(saved),
        estimated_w=np.array(estimated),
        warmest_c=warmest_c,
        above_allowable_frac=known_mean(known > limits.allowable.high_c),
        above_recommended_frac=known_mean(known > limits.recommended.high_c),
    )


def _power_w(table: TickTable) -> Array:
    """Everything that is bought, in the step that ended [ticks]."""
    meters = table.building.file.meters
    names = [name for name in (meters.hvac, meters.it, meters.other, meters.gas) if name]
    return np.asarray(np.sum([table.measured[name] for name in names], axis=0))


def _check_same(table: TickTable, step: int, reading: Reading) -> None:
    """Raises UserError where the simulation does not give the record again, to the last bit."""
    for name in (table.building.file.outdoor_temp, table.building.file.meters.hvac):
        was, now = float(table.measured[name][step]), reading.get(name)
        if now is not None and was != now:
            raise UserError(
                f"the simulation is not the record's: {name} was {was} at {reading.time.isoformat()}, now {now}: "
                "was it made with another version, or another building file?"
            )
