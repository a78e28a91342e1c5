"""The rules, in order: limits, ramp; in server zones minimum airflow, inlet guard; in occupied zones the dead band."""

from __future__ import annotations

import math
from collections.abc import Iterable

from airhandler.buildings.catalog import Building

from .box import Box, Case, Rule
from .deadband import Deadband
from .inlet_guard import InletGuard
from .min_airflow import MinAirflow
from .zones import zone_parts


class Limits:
    """Absolute limits of each set-point. Source: building file, `low` and `high` of the set-point."""

    name = "limits"

    def __init__(self, building: Building) -> None:
        self._ranges = tuple((p.low, p.high) for p in building.setpoints)

    def clipped(self, index: int, value: float) -> float:
        """The value nearest to `value` inside the limits."""
        low, high = self._ranges[index]
        return min(max(value, low), high)

    def narrow(self, box: Box, case: Case) -> None:
        """Starts the box."""
        for index, (low, high) in enumerate(self._ranges):
            box.at_least(index, low, self)
            box.at_most(index, high, self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The limits."""
        low, high = self._ranges[index]
        return f"permitted {low:g} to {high:g}"


class Ramp:
    """Greatest change of each set-point in one control step. Source: building file, `ramp_per_step`."""

    name = "ramp"

    def __init__(self, steps: Iterable[float]) -> None:
        self._steps = tuple(steps)

    def narrow(self, box: Box, case: Case) -> None:
        """Around where the set-points stand; rounding never lets more than the ramp through."""
        for index, (base, step) in enumerate(zip(case.base, self._steps, strict=True)):
            low, high = base - step, base + step
            if base - low > step:
                low = math.nextafter(low, base)
            if high - base > step:
                high = math.nextafter(high, base)
            box.at_least(index, low, self)
            box.at_most(index, high, self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The ramp and where it starts."""
        return f"at most {self._steps[index]:g} a step, from {case.base[index]:.3g}"


def soft_rules(building: Building) -> tuple[Rule, ...]:
    """The rules beyond limits and ramp, in their order: an earlier one wins over a later one."""
    if building.comfort_zones:
        return (Deadband(building),)
    zones = zone_parts(building)
    return (MinAirflow(zones, building.file.shield.min_flow_ratio), InletGuard(zones, building))
