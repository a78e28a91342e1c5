"""Humidity at the inlets: what the temperature of the supply air can do about it, and what it cannot.

Warmer air of one dew point is relatively drier, cooler air moister. The dew point itself is what the air brings along:
no supply-air set-point brings it into its range, so what is outside it is said and left to those who dry or moisten.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from airhandler.buildings.envelope import THERMAL_CLASSES, Range
from airhandler.buildings.psychrometrics import dry_bulbs_c
from airhandler.buildings.settings import ShieldFile

from .box import Box, Case
from .zones import ZonePart


class Humidity:
    """Supply air neither so cool that the inlets are too moist, nor so warm that they are too dry.

    Two bounds on the supply air of each zone, at the dew point that its inlets have now:

    - at least the dry bulb at which that dew point is the greatest relative humidity. Nothing in the cold aisle is
      cooler than the supply air, so what holds for it holds for every inlet;
    - at most the dry bulb at which it is the least one, less what the inlets are warmer than the supply air now. Only
      the allowable range has a least relative humidity.

    The rule comes after the inlet guard: it never makes an inlet too warm. A cold coil that dries the air is not asked
    for: it would take supply air below the dew point, where water condenses on what that air meets.
    Source: ranges of relative humidity and dew point in buildings/envelope.py; saturation in psychrometrics.py.
    """

    name = "humidity"

    def __init__(self, zones: tuple[ZonePart, ...], settings: ShieldFile) -> None:
        of = THERMAL_CLASSES[settings.inlet_class]
        recommended = settings.inlet_humidity == "recommended"
        self._zones, self._range = {z.temp: z for z in zones}, str(settings.inlet_humidity)
        self._dew_points = [zone.roles.inlet_dew_point for zone in zones]
        self._dew_point: Range = of.recommended_dew_point if recommended else of.allowable_dew_point
        self._max_frac = of.recommended_max_rh_frac if recommended else of.allowable_max_rh_frac
        dry_bulbs_c([], 1.0)  # makes its table here, which takes longer than a verdict may
        self._min_frac = 0.0 if recommended else of.allowable_min_rh_frac

    def narrow(self, box: Box, case: Case) -> None:
        """One bound or two for each zone."""
        coolest_c, warmest_c = self._seen(box, case)
        box.all_at_least(self._zones, coolest_c, self)
        box.all_at_most(self._zones, warmest_c, self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The dew point, and the humidity that it would have been."""
        now = self._now(self._zones[index], case)
        if box.asked[index] < box.given(index):
            return f"{now}: cooler air is above {self._max_frac:.0%} RH, the {self._range} most"
        return f"{now}: warmer air is below {self._min_frac:.0%} RH, the {self._range} least"

    def remarks(self, box: Box, case: Case) -> Iterable[str]:
        """What the supply air cannot mend."""
        for (temp, zone), coolest_c, warmest_c in zip(self._zones.items(), *self._seen(box, case), strict=True):
            given_c, dew_point_c, ends = box.given(temp), case.values[zone.roles.inlet_dew_point], self._dew_point
            if ends.low_c <= dew_point_c <= ends.high_c and coolest_c <= given_c <= warmest_c:
                continue
            now = self._now(zone, case)
            if dew_point_c > ends.high_c:
                yield f"{now}, {self._range} at most {ends.high_c:g}: no supply-air temperature dries it"
            if dew_point_c < ends.low_c:
                yield f"{now}, {self._range} at least {ends.low_c:g}: no supply-air temperature moistens it"
            if given_c < coolest_c:
                yield f"{now}: above {self._max_frac:.0%} RH, the {self._range} most; other rules permit no warmer air"
            if given_c > warmest_c:
                yield f"{now}: below {self._min_frac:.0%} RH, the {self._range} least; other rules permit no cooler air"

    def _now(self, zone: ZonePart, case: Case) -> str:
        return f"{zone.name} dew point {case.values[zone.roles.inlet_dew_point]:.1f} degC at the inlets"

    def _seen(self, box: Box, case: Case) -> tuple[list[float], list[float]]:
        """The coolest and the warmest supply air of every zone [degC], worked out once for all boxes of a case."""
        if self.name not in box.found:
            box.found[self.name] = self._coolest_c(case), self._warmest_c(case)
        seen: tuple[list[float], list[float]] = box.found[self.name]
        return seen

    def _coolest_c(self, case: Case) -> list[float]:
        return dry_bulbs_c([case.values[name] for name in self._dew_points], self._max_frac)

    def _warmest_c(self, case: Case) -> list[float]:
        if self._min_frac == 0.0:
            return [math.inf] * len(self._zones)
        values = case.values
        driest_c = dry_bulbs_c([values[name] for name in self._dew_points], self._min_frac)
        return [
            dry_c - max(0.0, values[zone.roles.inlet_temp] - values[zone.roles.supply_temp])
            for dry_c, zone in zip(driest_c, self._zones.values(), strict=True)
        ]
