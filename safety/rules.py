"""The rules, in order: limits, ramp; in server zones minimum airflow, inlet guard; in occupied zones the dead band."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac
from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import ComfortRoles, ZoneRoles

from .box import Box, Case, Rule
from .prediction import (
    IdleShares,
    ZoneAir,
    after_load_step,
    highest_setpoint_c,
    inlet_temp_c,
    least_flow_kg_s,
    measured_air,
)


class ZonePart(NamedTuple):
    """One zone: its name, its points, and where its set-points stand in the box."""

    name: str
    roles: ZoneRoles
    temp: int
    flow: int


def zone_parts(building: Building) -> tuple[ZonePart, ...]:
    """The zones of a building, in its order."""
    place = {point.name: index for index, point in enumerate(building.setpoints)}
    return tuple(
        ZonePart(zone, roles, place[roles.supply_temp_setpoint], place[roles.supply_flow_setpoint])
        for zone, roles in building.zones.items()
    )


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


class MinAirflow:
    """Supply airflow of at least `min_flow_ratio` times what the servers of the zone draw now.

    With less, hot air recirculates to the inlets. Source: mass balance over the cold aisle, buildings/airflow.py.
    """

    name = "min-airflow"

    def __init__(self, zones: tuple[ZonePart, ...], ratio: float) -> None:
        self._zones, self._ratio = zones, ratio
        self._bounds = tuple((z.flow, z.roles.server_flow) for z in zones)

    def narrow(self, box: Box, case: Case) -> None:
        """One low bound for each zone."""
        for flow, server_flow in self._bounds:
            box.at_least(flow, self._ratio * case.values[server_flow], self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """What the servers draw."""
        zone = next(z for z in self._zones if z.flow == index)
        drawn = case.values[zone.roles.server_flow]
        times = "" if self._ratio == 1.0 else f", {self._ratio:g} times that is the least"
        return f"{zone.name} servers draw {drawn:.2f} kg/s{times}"


class Bound(NamedTuple):
    """A temperature that the inlet guard keeps, and how an operator reads it."""

    target_c: float
    when: str
    limit: str


class InletGuard:
    """Keeps the predicted inlet of every zone, one step ahead, inside the recommended range.

    The prediction is the balance of prediction.py, and what the balance misses now: where an inlet sensor
    reads more than it explains, by more than the margin, the rest is added. So a leak that the building file
    does not know of is met by cooler air.

    Two bounds, the same margin on either side of the recommended limit:

    - as the air is measured: the limit less the margin;
    - should the load rise by `load_step_frac` before the next decision: the limit plus the margin. The
      servers then draw more at once, and for a step hot air fills what the supply lacks. A short excess over
      the recommended range is what the allowable range is for, so this bound is the looser one; it keeps
      every load step kelvins away from the allowable limit. At full load no step is left, and it is idle.

    Tried in closed loop on datacentre-dx (Chicago in January and July, Tucson in June, two weeks each, load
    steps of 25 %): a good rule, 25.5 degC at 1.05 times the server flow, passes in 99.1 to 99.9 % of the
    steps, its first ramp included. A controller that always asks for 27 degC and the least air never passes
    27.0 degC at an inlet and needs the energy of that rule or less (+0.1 to -1.4 %). Without the second bound
    it reaches 27.9 degC, in every load step; with the limit itself as the second bound a third of the good
    rule's proposals are held for nothing.

    The move is the least that suffices: first a cooler supply at the airflow that the earlier rules left;
    more airflow only where the coolest supply that limits and ramp permit is not enough. Cold inlets are
    not guarded: the low limit of the set-point keeps them inside the allowable range, and the reward and
    the KPIs count what is below the recommended one.

    Source: mass and heat balance in prediction.py; ranges in envelope.py.
    """

    name = "inlet-guard"

    def __init__(self, zones: tuple[ZonePart, ...], building: Building) -> None:
        settings = building.file.shield
        limit_c = THERMAL_CLASSES[settings.inlet_class].recommended.high_c
        self._margin_k = margin_k = settings.inlet_margin_k
        self._zones = zones
        self._load_step = settings.load_step_frac
        self._leak, self._idle = _leak_frac(building), _idle_shares(building)
        self._now = Bound(limit_c - margin_k, "", f"limit {limit_c:.1f} less {margin_k:g} K")
        when = f" after a load step of {self._load_step:.0%}"
        self._later = Bound(limit_c + margin_k, when, f"limit {limit_c:.1f} plus {margin_k:g} K")

    def narrow(self, box: Box, case: Case) -> None:
        """For each zone a low bound on airflow, then a high bound on supply air for what airflow is left."""
        leak = self._leak
        for zone in self._zones:
            coolest_c = box.low[zone.temp]
            airs = self._airs(zone, case)
            for air, bound in airs:
                box.at_least(zone.flow, least_flow_kg_s(air, leak, coolest_c, bound.target_c), self)
            flow_kg_s = box.given(zone.flow)
            for air, bound in airs:
                box.at_most(zone.temp, highest_setpoint_c(air, leak, flow_kg_s, bound.target_c), self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The inlet that was predicted for what was asked, and the limit that it passed the furthest."""
        zone = next(z for z in self._zones if index in (z.temp, z.flow))
        on_temp = index == zone.temp
        setpoint_c = box.asked[index] if on_temp else box.low[zone.temp]
        flow_kg_s = box.given(zone.flow) if on_temp else box.asked[index]
        inlets_c = [
            (inlet_temp_c(air, self._leak, setpoint_c, flow_kg_s), bound) for air, bound in self._airs(zone, case)
        ]
        inlet_c, bound = max(inlets_c, key=lambda pair: pair[0] - pair[1].target_c)
        even = "" if on_temp else f" even with supply air at {setpoint_c:.1f} degC"
        return f"{zone.name} inlet predicted {inlet_c:.1f} degC{bound.when}{even}, {bound.limit}"

    def _airs(self, zone: ZonePart, case: Case) -> tuple[tuple[ZoneAir, Bound], ...]:
        """The air of a zone as it is, and after a load step, each with the bound that it must keep."""
        values, roles = case.values, zone.roles
        air = measured_air(
            zone_temp_c=values[roles.zone_temp],
            supply_temp_c=values[roles.supply_temp],
            supply_flow_kg_s=values[roles.supply_flow],
            server_flow_kg_s=values[roles.server_flow],
            commanded_temp_c=case.commanded[zone.temp],
            missed_k=self._missed_k(roles, case),
        )
        later = after_load_step(air, self._idle, values[roles.it_load], self._load_step)
        return (air, self._now), (later, self._later)

    def _missed_k(self, roles: ZoneRoles, case: Case) -> float:
        """How much warmer the inlet is than the balance says, beyond the margin, which is there for the rest.

        The inlet sensor may show the air of this reading or still that of the one before: the warmer counts,
        so that set-points on their way down are not taken for an error of the balance.
        """
        expected_c = self._balance_c(roles, case.values)
        if case.previous:
            expected_c = max(expected_c, self._balance_c(roles, case.previous))
        return max(0.0, case.values[roles.inlet_temp] - expected_c - self._margin_k)

    def _balance_c(self, roles: ZoneRoles, values: Mapping[str, float]) -> float:
        share = recirculation_frac(self._leak, values[roles.supply_flow], values[roles.server_flow])
        return mixed_temp_c(values[roles.supply_temp], values[roles.zone_temp], share)


UNKNOWN_SERVERS = IdleShares(heat_frac=0.2, flow_frac=0.4)
"""Servers of a user's own model: the least that servers have, so that the guard expects the greatest load step.

Source: SPECpower_ssj2008 results of 2016 to 2023, 20 to 40 % (secondary); airflow of `buildings/servers.yaml`, less
margin.
"""


def _leak_frac(building: Building) -> float:
    leak_frac = building.file.parameters.get("leak_frac", math.nan)
    if not 0.0 <= leak_frac < 1.0:
        raise UserError(f"{building.id}: parameters.leak_frac {leak_frac}: must be given, 0 to below 1")
    return leak_frac


def _idle_shares(building: Building) -> IdleShares:
    servers = building.servers
    if servers is None:
        return UNKNOWN_SERVERS
    return IdleShares(servers.idle_heat_frac, servers.idle_flow_frac)


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
        """The other set-point."""
        other = next(h + c - index for h, c in self._pairs if index in (h, c))
        return f"{self._deadband_k:g} K between heating and cooling, the other is {box.given(other):.1f}"


def _thermostats(building: Building) -> tuple[ComfortRoles, ...]:
    """Each pair of heating and cooling set-points once: zones may share them."""
    return tuple({(r.heating_setpoint, r.cooling_setpoint): r for r in building.comfort_zones.values()}.values())


def soft_rules(building: Building) -> tuple[Rule, ...]:
    """The rules beyond limits and ramp, in their order: an earlier one wins over a later one."""
    if building.comfort_zones:
        return (Deadband(building),)
    zones = zone_parts(building)
    return (MinAirflow(zones, building.file.shield.min_flow_ratio), InletGuard(zones, building))
