"""The least supply airflow of a server zone."""

from __future__ import annotations

from .box import Box, Case
from .zones import ZonePart


class MinAirflow:
    """Supply airflow of at least `min_flow_ratio` times what the servers of the zone draw now.

    With less, hot air recirculates to the inlets. Source: mass balance over the cold aisle, buildings/airflow.py.
    """

    name = "min-airflow"

    def __init__(self, zones: tuple[ZonePart, ...], ratio: float) -> None:
        self._zones, self._ratio = {z.flow: z for z in zones}, ratio
        self._server_flows = [z.roles.server_flow for z in zones]

    def narrow(self, box: Box, case: Case) -> None:
        """One low bound for each zone."""
        box.all_at_least(self._zones, [self._ratio * case.values[name] for name in self._server_flows], self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """What the servers draw."""
        zone = self._zones[index]
        drawn = case.values[zone.roles.server_flow]
        times = "" if self._ratio == 1.0 else f", {self._ratio:g} times that is the least"
        return f"{zone.name} servers draw {drawn:.2f} kg/s{times}"
