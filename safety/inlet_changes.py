"""How fast the inlets of a server zone may change."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.known import Array
from airhandler.buildings.settings import InletChange

from .box import Box, Case
from .prediction import ZoneAir, balance_c, highest_setpoint_c, inlet_temp_c, measured_air
from .sweep import picking
from .zones import ZonePart, picker


class Window(NamedTuple):
    """One stretch of time, and where the inlets were in it.

    Attributes:
        change: the setting.
        coldest_c, hottest_c: inlets in its readings until now, or on their way [zones].
    """

    change: InletChange
    coldest_c: Array
    hottest_c: Array

    @property
    def low_c(self) -> Array:
        """The coldest inlet that the next reading may show [zones]."""
        return self.hottest_c - self.change.max_k

    @property
    def high_c(self) -> Array:
        """The hottest [zones]."""
        return self.coldest_c + self.change.max_k


class InletChanges:
    """The inlet predicted for the next step goes no further than each stretch of time leaves it.

    The prediction is the balance of prediction.py, and all that the balance misses now, on either side. So it says how
    far an inlet moves from where it is measured. Where inlet sensors are a reading behind (`thermal.inlet_lag_steps`),
    they show the air of the reading before; what they will show next is on its way already, and these set-points
    come after it.

    Cooling is bounded first, then warming: where an inlet has moved too far already, it comes back no faster than it
    may. The rule comes after the inlet guard: an inlet that is too warm is cooled however fast. What load or equipment
    do to an inlet in the step that comes, no set-point can know.

    A stretch counts readings, so one that is longer than it should be makes the rule stricter. What is not known of
    an earlier reading does not count.
    Source: ASHRAE TC 9.9 5th edition, 5 K in an hour with tape, 20 K in an hour and 5 K in 15 minutes otherwise.
    """

    name = "inlet-changes"

    def __init__(self, zones: tuple[ZonePart, ...], building: Building) -> None:
        self._zones, self._place = zones, {zone.temp: place for place, zone in enumerate(zones)}
        self._temps, self._flows = [zone.temp for zone in zones], [zone.flow for zone in zones]
        self._leak = np.array(building.file.parameters["leak_frac"])
        self._step_s, self._is_late = building.step_s, building.file.thermal.inlet_lag_steps > 0
        self._changes = building.file.shield.inlet_changes
        self._inlets = [zone.roles.inlet_temp for zone in zones]
        self._pick = picking(self._inlets)
        self._measured = picker(zones, ("inlet_temp", "zone_temp", "supply_temp", "supply_flow", "server_flow"))
        self.watches = frozenset(self._inlets)
        self.readings = max(map(self._steps, self._changes))

    def narrow(self, box: Box, case: Case) -> None:
        """Two bounds on the supply air for each zone and stretch of time."""
        air, windows = self._seen(box, case)
        flow_kg_s = np.array(box.given_of(self._flows))
        ends_c = np.array([window.low_c for window in windows] + [window.high_c for window in windows])
        bounds_c = highest_setpoint_c(air, self._leak, flow_kg_s, ends_c)
        lowest_c, highest_c = np.fmax.reduce(bounds_c[: len(windows)]), np.fmin.reduce(bounds_c[len(windows) :])
        box.all_at_least(self._temps, lowest_c.tolist(), self)
        box.all_at_most(self._temps, highest_c.tolist(), self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The inlet that was predicted for what was asked, and the stretch that leaves it the least."""
        (air, windows), place = self._seen(box, case), self._place[index]
        zone = self._zones[place]
        own = ZoneAir(*(part[place] for part in air))
        with np.errstate(all="ignore"):
            inlet_c = inlet_temp_c(own, self._leak, np.array(box.asked[index]), np.array(box.given(zone.flow)))
        if box.asked[index] < box.given(index):
            window = max(windows, key=lambda one: float(one.low_c[place]))
            was = f"was {window.hottest_c[place]:.1f}"
        else:
            window = min(windows, key=lambda one: float(one.high_c[place]))
            was = f"was {window.coldest_c[place]:.1f}"
        limit = f"at most {window.change.max_k:g} K in {window.change.within_s / 60:g} min"
        return f"{zone.name} inlet predicted {inlet_c:.1f} degC, {was}, {limit}"

    def _seen(self, box: Box, case: Case) -> tuple[ZoneAir, list[Window]]:
        """The air of this case and its stretches of time, worked out once for all boxes of it."""
        if self.name not in box.found:
            measured = self._measured(case.values)
            air = self._air(measured, case)
            box.found[self.name] = air, self._windows(measured, air, case)
        seen: tuple[ZoneAir, list[Window]] = box.found[self.name]
        return seen

    def _windows(self, measured: Array, air: ZoneAir, case: Case) -> list[Window]:
        late = self._is_late and bool(case.previous)
        last_c = balance_c(self._leak, *measured[1:]) + air.missed_k if late else measured[0]
        stood_c = np.concatenate([last_c[np.newaxis], self._shown(case.recent[-self.readings :][::-1])])
        found = []
        for change in self._changes:
            inlets_c = stood_c[: 1 + self._steps(change) - late]
            found.append(Window(change, np.fmin.reduce(inlets_c), np.fmax.reduce(inlets_c)))
        return found

    def _shown(self, readings: Sequence[Mapping[str, float]]) -> Array:
        """The inlets in each of them; NaN where it is not known [readings, zones]."""
        values = array("d")
        try:
            for reading in readings:
                values.extend(self._pick(reading))
        except KeyError:  # one is not known
            values = array("d", [reading.get(name, math.nan) for reading in readings for name in self._inlets])
        return np.frombuffer(values).reshape(len(readings), -1)

    def _steps(self, change: InletChange) -> int:
        """Readings that are in one stretch with the one that these set-points make, and before it."""
        return max(1, int(change.within_s // self._step_s))

    def _air(self, measured: Array, case: Case) -> ZoneAir:
        inlet_c, zone_c, supply_c, flow_kg_s, server_flow_kg_s = measured
        shown = self._measured(case.previous) if self._is_late and case.previous else measured
        return measured_air(
            zone_temp_c=zone_c,
            supply_temp_c=supply_c,
            supply_flow_kg_s=flow_kg_s,
            server_flow_kg_s=server_flow_kg_s,
            commanded_temp_c=np.array([case.commanded[index] for index in self._temps]),
            missed_k=inlet_c - balance_c(self._leak, *shown[1:]),
        )
