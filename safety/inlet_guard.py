"""The inlet guard: the supply air of a server zone is kept cool enough, and enough."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac
from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import ZoneRoles

from .box import Box, Case
from .prediction import (
    IdleShares,
    ZoneAir,
    after_load_step,
    highest_setpoint_c,
    inlet_temp_c,
    least_flow_kg_s,
    measured_air,
)
from .zones import ZonePart


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
        self._zone_of = {index: zone for zone in zones for index in (zone.temp, zone.flow)}
        self._load_step = settings.load_step_frac
        self._leak, self._idle = _leak_frac(building), _idle_shares(building)
        self._now = Bound(limit_c - margin_k, "", f"limit {limit_c:.1f} less {margin_k:g} K")
        when = f" after a load step of {self._load_step:.0%}"
        self._later = Bound(limit_c + margin_k, when, f"limit {limit_c:.1f} plus {margin_k:g} K")

    def narrow(self, box: Box, case: Case) -> None:
        """For each zone a low bound on airflow, then a high bound on supply air for what airflow is left."""
        for zone in self._zones:
            airs = self._airs(zone, case)
            self._ask(zone, airs, box)
            flow_kg_s = box.given(zone.flow)
            for air, bound in airs:
                box.at_most(zone.temp, highest_setpoint_c(air, self._leak, flow_kg_s, bound.target_c), self)

    def ask_for_air(self, box: Box, case: Case) -> None:
        """The low bounds on airflow alone, for a rule that wants less air and comes before: what is needed wins."""
        for zone in self._zones:
            self._ask(zone, self._airs(zone, case), box)

    def _ask(self, zone: ZonePart, airs: Iterable[tuple[ZoneAir, Bound]], box: Box) -> None:
        coolest_c = box.low[zone.temp]
        for air, bound in airs:
            box.at_least(zone.flow, least_flow_kg_s(air, self._leak, coolest_c, bound.target_c), self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The inlet that was predicted for what was asked, and the limit that it passed the furthest."""
        zone = self._zone_of[index]
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
