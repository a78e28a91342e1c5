"""The dew point: supply air that is not so cold that water condenses on what it meets."""

from __future__ import annotations

from .box import Box, Case
from .zones import ZonePart


class DewPoint:
    """Supply air of at least the dew point at the inlets of the zone and a margin.

    It comes before the inlet guard, which then asks for more air where it would ask for cooler.
    Source: a surface takes up water below the dew point of the air at it; margin: building file, `dew_point_margin_k`.
    """

    name = "dew-point"

    def __init__(self, zones: tuple[ZonePart, ...], margin_k: float) -> None:
        self._zones, self._margin_k = {z.temp: z for z in zones}, margin_k

    def narrow(self, box: Box, case: Case) -> None:
        """One low bound for each zone."""
        bounds = [case.values[zone.roles.inlet_dew_point] + self._margin_k for zone in self._zones.values()]
        box.all_at_least(self._zones, bounds, self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The dew point and the margin."""
        zone = self._zones[index]
        dew_point_c = case.values[zone.roles.inlet_dew_point]
        return f"{zone.name} dew point {dew_point_c:.1f} degC, {self._margin_k:g} K above it is the least"
