"""The dead band between the heating and the cooling of an occupied zone."""

from __future__ import annotations

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import ComfortRoles

from .box import Box, Case


class Deadband:
    """Keeps the cooling set-point of every occupied zone above its heating set-point, so that they never fight.

    Heating gives way. Both of a pair have one ramp, and the fallback is a pair that keeps the band: so it keeps it on
    the way to the fallback too, which no rule but limits and ramp looks at.
    Source: ASHRAE Guideline 36-2021, 5.3.2.3, set-points never cross (secondary).
    """

    name = "deadband"

    def __init__(self, building: Building) -> None:
        place = {point.name: index for index, point in enumerate(building.setpoints)}
        self._pairs = tuple((place[r.heating_setpoint], place[r.cooling_setpoint]) for r in _thermostats(building))
        self._deadband_k = building.file.shield.deadband_k
        for heating, cooling in self._pairs:
            self._check(building, heating, cooling)

    def _check(self, building: Building, heating: int, cooling: int) -> None:
        """Raises UserError where the building file does not let the band be kept."""
        names = f"{building.setpoints[heating].name} and {building.setpoints[cooling].name}"
        low, high = building.rules[heating], building.rules[cooling]
        if high.fallback - low.fallback < self._deadband_k:
            raise UserError(f"{building.id}: fallbacks of {names}: must be {self._deadband_k:g} K apart or more")
        if low.ramp_per_step != high.ramp_per_step:
            raise UserError(f"{building.id}: ramp_per_step of {names}: must be the same, or they could meet on the way")

    def narrow(self, box: Box, case: Case) -> None:
        """First cooling above the least heating, then heating below the cooling that is given."""
        for heating, cooling in self._pairs:
            box.at_least(cooling, box.low[heating] + self._deadband_k, self)
        for heating, cooling in self._pairs:
            box.at_most(heating, box.given(cooling) - self._deadband_k, self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The other set-point: of several coolings that share a heating, the lowest."""
        other_c = min(box.given(h + c - index) for h, c in self._pairs if index in (h, c))
        return f"{self._deadband_k:g} K between heating and cooling, the other is {other_c:.1f}"


def _thermostats(building: Building) -> tuple[ComfortRoles, ...]:
    """Each pair of heating and cooling set-points once: zones may share them."""
    return tuple({(r.heating_setpoint, r.cooling_setpoint): r for r in building.comfort_zones.values()}.values())
