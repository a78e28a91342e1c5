"""Where the set-points of a building stand, whatever comes from outside: there their ramps start."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Reading, Setpoints

from .box import Rule
from .intake import as_number
from .pace import Dwell, HourlyRamp
from .rules import Limits
from .sensors import SensorCheck
from .sweep import Sweep

_NO_SENSOR = ("", math.inf, -math.inf)  # no value is inside


class Standing:
    """Takes what is and was in force as numbers inside their limits. Never raises for what it is handed.

    Args:
        building: its set-points.
        rules: the hard ones; those of a pace say which of the past they look at.
        sensors: say what can be true.
    """

    def __init__(self, building: Building, rules: Sequence[Rule], sensors: SensorCheck) -> None:
        self._names = tuple(point.name for point in building.setpoints)
        self._fallback = tuple(float(rule.fallback) for rule in building.rules)
        self._limits, self._sensors = Limits(building), sensors
        paced = [rule for rule in rules if isinstance(rule, HourlyRamp | Dwell)]
        self._paced = tuple({index for rule in paced for index in rule.places})
        self.past_steps = max((rule.memory for rule in paced), default=0)
        inside = [(p.name, p.low, p.high) for p in building.setpoints]
        self._all_inside, self._paced_inside = Sweep(inside), Sweep(inside[index] for index in self._paced)
        self._measured = shown_by(building)
        ranges = {p.name: (p.name, p.low, p.high) for p in building.points}
        self._shown = Sweep(ranges.get(name, _NO_SENSOR) for name in self._measured)

    def past(self, past: Sequence[Setpoints]) -> tuple[Mapping[int, float], ...]:
        """What was in force where a pace is limited, inside the limits; what is no number is left out."""
        steps = [past[-back] for back in range(min(self.past_steps, len(past)), 0, -1)] if self.past_steps else []
        return tuple([self._paced_of(step) for step in steps])

    def now(self, history: Sequence[Reading], in_force: Setpoints | None) -> tuple[float, ...]:
        """Where the set-points stand, inside their limits: commanded, else measured, else the fallback."""
        if type(in_force) is Setpoints and (known := self._all_inside.take(in_force.by_name)) is not None:
            return known
        if in_force is None and (shown := self._all_measured(history)) is not None:
            return self._limits.all_clipped(shown)
        return tuple([self._stands(index, history, in_force) for index in range(len(self._names))])

    def _paced_of(self, step: Setpoints) -> Mapping[int, float]:
        if type(step) is Setpoints and (known := self._paced_inside.take(step.by_name)) is not None:
            return dict(zip(self._paced, known, strict=True))
        found = ((index, self._commanded(index, step)) for index in self._paced)
        return {index: self._limits.clipped(index, value) for index, value in found if value is not None}

    def _all_measured(self, history: Sequence[Reading]) -> tuple[float, ...] | None:
        """All at once where every set-point is shown by a sensor; None where they have to be looked at one by one."""
        try:
            return self._shown.take(history[-1].values)
        except Exception:  # noqa: BLE001 - G1: there is a base, whatever `history` is
            return None

    def _stands(self, index: int, history: Sequence[Reading], in_force: Setpoints | None) -> float:
        value = None if in_force is None else self._commanded(index, in_force)
        if value is None:
            value = self._now_measured(index, history)
        return self._fallback[index] if value is None else self._limits.clipped(index, value)

    def _commanded(self, index: int, in_force: Setpoints) -> float | None:
        try:
            return as_number(in_force.by_name.get(self._names[index]))
        except Exception:  # noqa: BLE001 - G1: there is a base, whatever `in_force` is
            return None

    def _now_measured(self, index: int, history: Sequence[Reading]) -> float | None:
        try:
            return self._sensors.plausible(history, self._measured[index])
        except Exception:  # noqa: BLE001 - G1: there is a base, whatever `history` is
            return None


def shown_by(building: Building) -> tuple[str, ...]:
    """The sensor that shows where a set-point stands while the building's own control has it; empty where none does."""
    shown = {roles.supply_temp_setpoint: roles.supply_temp for roles in building.zones.values()}
    shown |= {roles.supply_flow_setpoint: roles.supply_flow for roles in building.zones.values()}
    return tuple(r.shown_by or shown.get(p.name, "") for p, r in zip(building.setpoints, building.rules, strict=True))
