"""The rules, in order.

Hard ones: limits, ramp, ramp per hour, dwell, the operator's limits and locks, in occupied zones the dead band. Then,
in server zones: minimum airflow, dew point, power of the fans, inlet guard, changes at the inlets, humidity, power of
cooling, neighbours. What neither a building file nor an operator sets is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from airhandler.buildings.catalog import Building

from .box import Box, Case, Rule, around
from .deadband import Deadband
from .dew_point import DewPoint
from .humidity import Humidity
from .inlet_changes import InletChanges
from .inlet_guard import InletGuard
from .min_airflow import MinAirflow
from .neighbours import Neighbours
from .operator_limits import OperatorFile, OperatorLimits
from .pace import Dwell, HourlyRamp
from .power_caps import CoolingPowerCap, FanPowerCap, cap_of
from .sweep import MANY
from .zones import zone_parts


class Limits:
    """Absolute limits of each set-point. Source: building file, `low` and `high` of the set-point."""

    name = "limits"

    def __init__(self, building: Building) -> None:
        self._ranges = tuple((p.low, p.high) for p in building.setpoints)
        self._low, self._high = [p.low for p in building.setpoints], [p.high for p in building.setpoints]

    def clipped(self, index: int, value: float) -> float:
        """The value nearest to `value` inside the limits."""
        low, high = self._ranges[index]
        return min(max(value, low), high)

    def all_clipped(self, values: Sequence[float]) -> tuple[float, ...]:
        """`clipped` for every set-point."""
        of = zip(values, self._low, self._high, strict=True)
        return tuple([low if value < low else high if value > high else value for value, low, high in of])

    def narrow(self, box: Box, case: Case) -> None:
        """Starts the box."""
        box.begin(self._low, self._high, self)

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
        low, high = (self._many if len(self._steps) >= MANY else self._few)(case.base)
        places = range(len(low))
        box.all_at_least(places, low, self)
        box.all_at_most(places, high, self)

    def _few(self, base: Sequence[float]) -> tuple[list[float], list[float]]:
        ends = [around(value, step) for value, step in zip(base, self._steps, strict=True)]
        return [low for low, _ in ends], [high for _, high in ends]

    def _many(self, base: Sequence[float]) -> tuple[list[float], list[float]]:
        middle, reach = np.array(base), np.array(self._steps)
        low, high = middle - reach, middle + reach
        low = np.where(middle - low > reach, np.nextafter(low, middle), low)
        high = np.where(high - middle > reach, np.nextafter(high, middle), high)
        return low.tolist(), high.tolist()

    def why(self, box: Box, case: Case, index: int) -> str:
        """The ramp and where it starts."""
        return f"at most {self._steps[index]:g} a step, from {case.base[index]:.3g}"


class Fallback:
    """What decides where the rules find no safe point near what was asked, but the known fallback is one."""

    name = "fallback"

    def narrow(self, box: Box, case: Case) -> None:
        """Nothing: it is one point, and no range."""

    def why(self, box: Box, case: Case, index: int) -> str:
        """That it is the fallback."""
        return "nothing nearer is safe, so the known fallback"


def hard_rules(building: Building, operator: OperatorFile | None = None) -> tuple[Rule, ...]:
    """The rules that hold for the fallback too, in their order: an earlier one wins over a later one."""
    always = (Limits(building), Ramp(s.ramp_per_step for s in building.rules))
    paced = tuple(rule for rule in (HourlyRamp(building), Dwell(building)) if rule.places)
    by_hand = (OperatorLimits(building, operator),) if operator is not None else ()
    return (*always, *paced, *by_hand, *((Deadband(building),) if building.comfort_zones else ()))


def soft_rules(building: Building, operator: OperatorFile | None = None) -> tuple[Rule, ...]:
    """The rules after those, in their order. From the inlet guard on they may look at what earlier ones give."""
    zones, settings = zone_parts(building), building.file.shield
    if not zones:
        return ()
    margin_k, difference_k = settings.dew_point_margin_k, settings.neighbour_difference_k
    guard = InletGuard(zones, building)
    fan_cap, cooling_cap = (cap_of(name, settings, operator) for name in ("fan_power_cap_w", "cooling_power_cap_w"))
    return (
        MinAirflow(zones, settings.min_flow_ratio),
        *((DewPoint(zones, margin_k),) if margin_k is not None else ()),
        *((FanPowerCap(zones, building, guard, fan_cap),) if fan_cap is not None else ()),
        guard,
        *((InletChanges(zones, building),) if settings.inlet_changes else ()),
        *((Humidity(zones, settings),) if settings.inlet_humidity is not None else ()),
        *((CoolingPowerCap(zones, building, cooling_cap),) if cooling_cap is not None else ()),
        *((Neighbours(zones, difference_k),) if difference_k is not None else ()),
    )
