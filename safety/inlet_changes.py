"""How fast the inlets of a server zone may change."""

from __future__ import annotations

from typing import NamedTuple

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac
from airhandler.buildings.catalog import Building
from airhandler.buildings.settings import InletChange

from .box import Box, Case
from .prediction import ZoneAir, highest_setpoint_c, inlet_temp_c, measured_air
from .zones import ZonePart


class Window(NamedTuple):
    """One stretch of time, and where the inlets of a zone were in it.

    Attributes:
        change: the setting.
        coldest_c, hottest_c: inlets in its readings until now.
    """

    change: InletChange
    coldest_c: float
    hottest_c: float

    @property
    def low_c(self) -> float:
        """The coldest inlet that the next reading may show."""
        return self.hottest_c - self.change.max_k

    @property
    def high_c(self) -> float:
        """The hottest."""
        return self.coldest_c + self.change.max_k


class InletChanges:
    """The inlet predicted for the next step goes no further than each stretch of time leaves it.

    The prediction is the balance of prediction.py, and all that the balance misses now, on either side. So it says how
    far an inlet moves from where it is measured.

    Cooling is bounded first, then warming: where an inlet has moved too far already, it comes back no faster than it
    may. The rule comes after the inlet guard: an inlet that is too warm is cooled however fast. What load or equipment
    do to an inlet in the step that comes, no set-point can know.

    A stretch counts readings, so one that is longer than it should be makes the rule stricter. What is not known of
    an earlier reading does not count.
    Source: ASHRAE TC 9.9 5th edition, 5 K in an hour with tape, 20 K in an hour and 5 K in 15 minutes otherwise.
    """

    name = "inlet-changes"

    def __init__(self, zones: tuple[ZonePart, ...], building: Building) -> None:
        self._zones, self._zone_of = zones, {zone.temp: zone for zone in zones}
        self._leak = building.file.parameters["leak_frac"]
        self._step_s = building.step_s
        self._changes = building.file.shield.inlet_changes
        self.watches = frozenset(zone.roles.inlet_temp for zone in zones)
        self.readings = max(map(self._steps, self._changes))

    def narrow(self, box: Box, case: Case) -> None:
        """Two bounds on the supply air for each zone and stretch of time."""
        for zone in self._zones:
            air, flow_kg_s = self._air(zone, case), box.given(zone.flow)
            windows = self._windows(zone, case)
            for window in windows:
                box.at_least(zone.temp, highest_setpoint_c(air, self._leak, flow_kg_s, window.low_c), self)
            for window in windows:
                box.at_most(zone.temp, highest_setpoint_c(air, self._leak, flow_kg_s, window.high_c), self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The inlet that was predicted for what was asked, and the stretch that leaves it the least."""
        zone = self._zone_of[index]
        inlet_c = inlet_temp_c(self._air(zone, case), self._leak, box.asked[index], box.given(zone.flow))
        windows = self._windows(zone, case)
        if box.asked[index] < box.given(index):
            window = max(windows, key=lambda one: one.low_c)
            was = f"was {window.hottest_c:.1f}"
        else:
            window = min(windows, key=lambda one: one.high_c)
            was = f"was {window.coldest_c:.1f}"
        limit = f"at most {window.change.max_k:g} K in {window.change.within_s / 60:g} min"
        return f"{zone.name} inlet predicted {inlet_c:.1f} degC, {was}, {limit}"

    def _windows(self, zone: ZonePart, case: Case) -> list[Window]:
        name = zone.roles.inlet_temp
        now_c = case.values[name]
        found = []
        for change in self._changes:
            stood = [now_c, *(r[name] for r in case.recent[-self._steps(change) :] if name in r)]
            found.append(Window(change, min(stood), max(stood)))
        return found

    def _steps(self, change: InletChange) -> int:
        """Readings until now that are in one stretch with the next one."""
        return max(1, int(change.within_s // self._step_s))

    def _air(self, zone: ZonePart, case: Case) -> ZoneAir:
        values, roles = case.values, zone.roles
        supply_c, zone_c = values[roles.supply_temp], values[roles.zone_temp]
        supply_kg_s, server_kg_s = values[roles.supply_flow], values[roles.server_flow]
        balance_c = mixed_temp_c(supply_c, zone_c, recirculation_frac(self._leak, supply_kg_s, server_kg_s))
        return measured_air(
            zone_temp_c=zone_c,
            supply_temp_c=supply_c,
            supply_flow_kg_s=supply_kg_s,
            server_flow_kg_s=server_kg_s,
            commanded_temp_c=case.commanded[zone.temp],
            missed_k=values[roles.inlet_temp] - balance_c,
        )
