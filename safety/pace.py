"""Pace: how far a set-point may go within an hour, and how soon it may turn back.

Both look at what was in force in the control steps until now; a step that was left out makes them stricter.
Standing still is always permitted. Source: building file, `ramp_per_hour` and `dwell_s` of the set-point.
"""

from __future__ import annotations

import itertools
import math

from airhandler.buildings.catalog import Building

from .box import Box, Case, around


class HourlyRamp:
    """Greatest change of a set-point between any two moments of an hour."""

    name = "ramp-per-hour"

    def __init__(self, building: Building) -> None:
        self.memory = building.file.timesteps_per_hour
        self._spans = {i: r.ramp_per_hour for i, r in enumerate(building.rules) if r.ramp_per_hour is not None}
        self.places = tuple(self._spans)

    def narrow(self, box: Box, case: Case) -> None:
        """No further from the lowest and the highest of the hour than the ramp."""
        past = case.past[-self.memory :]
        for index, span in self._spans.items():
            base = low = high = case.base[index]
            for step in past:
                value = step.get(index, base)
                if value < low:
                    low = value
                elif value > high:
                    high = value
            if high - span >= box.low[index]:  # or it narrows nothing, whatever the rounding
                box.at_least(index, min(base, around(high, span)[0]), self)
            if low + span <= box.high[index]:
                box.at_most(index, max(base, around(low, span)[1]), self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The ramp, and where the set-point was within the hour."""
        stood = self._stood(case, index)
        return f"at most {self._spans[index]:g} an hour, in this one from {min(stood):.3g} to {max(stood):.3g}"

    def _stood(self, case: Case, index: int) -> list[float]:
        return [*(step[index] for step in case.past[-self.memory :] if index in step), case.base[index]]


class Dwell:
    """Least time between a change of a set-point and one the other way.

    Of a set-point that is on or off, these are its least times on and off.

    It holds against the guards too: give it only to what has to be spared, and no more of it than that needs.
    """

    name = "dwell"

    def __init__(self, building: Building) -> None:
        self._step_s = building.step_s
        self._dwells = {i: r.dwell_s for i, r in enumerate(building.rules) if r.dwell_s is not None}
        self._steps = {index: math.ceil(dwell_s / self._step_s) for index, dwell_s in self._dwells.items()}
        self.places = tuple(self._dwells)
        self.memory = max(self._steps.values(), default=0)

    def narrow(self, box: Box, case: Case) -> None:
        """Not below where it stands after a rise, not above after a fall."""
        backwards = {steps: case.past[-steps:][::-1] for steps in set(self._steps.values())}
        for index, steps in self._steps.items():
            later, rose, fell = case.base[index], False, False
            for step in backwards[steps]:
                earlier = step.get(index, later)
                rose, fell = rose or later > earlier, fell or later < earlier
                later = earlier
            if rose:
                box.at_least(index, case.base[index], self)
            if fell:
                box.at_most(index, case.base[index], self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """How long it has to wait since its last change."""
        changes = self._changes(case, index)
        ago_s = self._step_s * next(back for back, change in enumerate(reversed(changes)) if change != 0.0)
        way = "rose" if box.asked[index] < case.base[index] else "fell"
        return (
            f"it {way} {ago_s / 60:.0f} min ago, and turns back after {self._dwells[index] / 60:g} min at the earliest"
        )

    def _changes(self, case: Case, index: int) -> list[float]:
        """Those that are not long enough ago, the newest last."""
        stood = [step[index] for step in case.past[-self._steps[index] :] if index in step] + [case.base[index]]
        return [later - earlier for earlier, later in itertools.pairwise(stood)]
