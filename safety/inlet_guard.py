"""The inlet guard: the supply air of a server zone is kept cool enough, and enough."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array

from .box import Box, Case
from .inlets import AFTER_LOAD_STEP, FIRST_OF_HOUR, Inlets, Worst
from .prediction import IdleShares, WayBack, after_load_step, balance_c, measured_air
from .projection import Row, Shortfall
from .sweep import packer
from .zones import ZonePart, picker

_ROUNDING_K = 1e-9  # between a set-point and the inlet that it was worked out for
_BALANCE = ("zone_temp", "supply_temp", "supply_flow", "server_flow")


class InletGuard:
    """Keeps the predicted inlet of every zone inside the recommended range.

    The prediction is the balance of prediction.py, and what the balance misses now: where an inlet sensor
    reads more than it explains, by more than the margin, the rest is added. So a leak that the building file
    does not know of is met by cooler air.

    Two bounds one step ahead, the same margin on either side of the recommended limit:

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

    With a forecast there is one more for every step that it looks ahead, should the fallback follow on this
    set-point: the limit less the margin, or less the error bound of the forecast where that is wider. What was learned
    can make the guard stricter and never looser: the two bounds above hold beside it, with the file's leak and once
    more with a greater one.

    The move is the least that suffices: first a cooler supply at the airflow that the earlier rules left;
    more airflow only where the coolest supply that limits and ramp permit is not enough. Cold inlets are
    not guarded: the low limit of the set-point keeps them inside the allowable range, and the reward and
    the KPIs count what is below the recommended one.

    Source: mass and heat balance in prediction.py; ranges in envelope.py.
    """

    name = "inlet-guard"

    def __init__(self, zones: tuple[ZonePart, ...], building: Building) -> None:
        settings = building.file.shield
        self._limit_c = THERMAL_CLASSES[settings.inlet_class].recommended.high_c
        self._margin_k, self._load_step_frac = settings.inlet_margin_k, settings.load_step_frac
        targets_c = np.array([[self._limit_c - self._margin_k], [self._limit_c + self._margin_k]])
        load_steps_frac = np.array([[0.0], [self._load_step_frac]])
        # With one leak and with two.
        self._targets_c = [np.tile(targets_c, (leaks, 1)) for leaks in (1, 2)]
        self._load_steps_frac = [np.tile(load_steps_frac, (leaks, 1)) for leaks in (1, 2)]
        self._zones, self._step = zones, timedelta(seconds=building.step_s)
        self._place = {index: place for place, zone in enumerate(zones) for index in (zone.temp, zone.flow)}
        self.temps, self.flows = [zone.temp for zone in zones], [zone.flow for zone in zones]
        self._measured, self._balanced = picker(zones, ("inlet_temp", "it_load", *_BALANCE)), picker(zones, _BALANCE)
        self._leak_frac, self._idle = _leak_frac(building), _idle_shares(building)
        self._leaks_frac, self._as_array = np.full((1, len(zones)), self._leak_frac), packer(len(zones))
        fallback = np.array([rule.fallback for rule in building.rules])
        ramp = np.array([rule.ramp_per_step for rule in building.rules])
        self._back = WayBack(fallback[self.temps], fallback[self.flows], ramp[self.temps], ramp[self.flows])

    def narrow(self, box: Box, case: Case) -> None:
        """For each zone a low bound on airflow, then a high bound on supply air for what airflow is left."""
        self.ask_for_air(box, case)
        highest = self._seen(box, case).highest_setpoint_c(self._given(box, self.flows))
        box.all_at_most(self.temps, highest.tolist(), self)

    def ask_for_air(self, box: Box, case: Case) -> None:
        """The low bounds on airflow alone, for a rule that wants less air and comes before: what is needed wins."""
        coolest_c = self._as_array([box.low[index] for index in self.temps])
        least = self._seen(box, case).least_flow_kg_s(coolest_c)
        box.all_at_least(self.flows, least.tolist(), self)

    def rows(self, box: Box, case: Case, at: Sequence[float]) -> list[Row]:
        """The tangents where it is at; of the zones that are beyond theirs."""
        bound_c, slope = self.tangents(box, case, np.array([at[index] for index in self.flows]))
        supply_c, flow_kg_s = (np.array([at[index] for index in places]) for places in (self.temps, self.flows))
        beyond = np.flatnonzero(np.isfinite(bound_c) & (supply_c - slope * flow_kg_s > bound_c)).tolist()
        k, c = slope.tolist(), bound_c.tolist()
        pairs = [(self.temps[place], self.flows[place], place) for place in beyond]
        return [Row(self, ((temp, 1.0), (flow, -k[place])), c[place]) for temp, flow, place in pairs]

    def tangents(self, box: Box, case: Case, flow_kg_s: Array) -> tuple[Array, Array]:
        """Of the highest supply air over the airflow: at no airflow [degC], and the slope, each [zones]."""
        return self._seen(box, case).tangents_c(flow_kg_s)

    def shortfalls(self, box: Box, case: Case) -> Iterator[Shortfall]:
        """The zones whose inlet is predicted above what it is to be, even with what the box gives."""
        inlets, supply_c, flow_kg_s = self._seen(box, case), self._given(box, self.temps), self._given(box, self.flows)
        if (supply_c <= inlets.highest_setpoint_c(flow_kg_s)).all():
            return
        inlet_c, slack_k = inlets.left_k(supply_c, flow_kg_s)
        short = np.flatnonzero(slack_k > _ROUNDING_K)
        found = zip(short.tolist(), *(of[short].tolist() for of in (inlet_c, supply_c, slack_k)), strict=True)
        zones, hot_c = self._zones, self._limit_c + _ROUNDING_K
        for place, inlet, supply, slack in found:
            zone = zones[place]
            words = functools.partial(_short_words, zone.name, inlet, supply)
            yield Shortfall((zone.temp, zone.flow), slack, inlet > hot_c, words)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The inlet that was predicted for what was asked, and the limit that it passed the furthest."""
        place = self._place[index]
        zone = self._zones[place]
        on_temp = index == zone.temp
        inlets, worst = self._seen(box, case), self._worst(box, case, on_temp)
        even = "" if on_temp else f" even with supply air at {box.given(zone.temp):.1f} degC"
        return f"{zone.name} inlet predicted {self._words(case, inlets, worst, place, even)}"

    def _worst(self, box: Box, case: Case, on_temp: bool) -> Worst:
        """What was asked for, beside what is given of the other; of all zones at once: where one is held, many are."""
        key = f"{self.name} {'temp' if on_temp else 'flow'}"
        if key not in box.notes:
            asked = np.array([box.asked[index] for index in (self.temps if on_temp else self.flows)])
            supply_c = asked if on_temp else self._given(box, self.temps)
            with np.errstate(all="ignore"):
                worst = self._seen(box, case).worst(supply_c, self._given(box, self.flows) if on_temp else asked)
            box.notes[key] = worst
        found: Worst = box.notes[key]
        return found

    def _seen(self, box: Box, case: Case) -> Inlets:
        """The air of this case, worked out once for all boxes of it."""
        if self.name not in box.found:
            box.found[self.name] = self._inlets(case)
        inlets: Inlets = box.found[self.name]
        return inlets

    def _given(self, box: Box, places: Sequence[int]) -> Array:
        return self._as_array(box.given_of(places))

    def _words(self, case: Case, inlets: Inlets, worst: Worst, place: int, even: str) -> str:
        inlet_c, line, limit = worst.inlet_c[place], int(worst.line[place]), f"limit {self._limit_c:g}"
        if line == AFTER_LOAD_STEP:
            return (
                f"{inlet_c:.1f} degC after a load step of {self._load_step_frac:.0%}{even}, {limit} plus "
                f"{self._margin_k:g} K"
            )
        ahead = max(0, line - FIRST_OF_HOUR)
        margin_k = inlets.margins_k[ahead, place] if line >= FIRST_OF_HOUR else self._margin_k
        return f"{inlet_c:.1f} ± {margin_k:.1f} degC{self._at(case, ahead + 1)}{even}, {limit}"

    def _at(self, case: Case, steps: int) -> str:
        """When an inlet sensor shows it."""
        if case.time is None:
            return ""
        lag = case.forecast.answer.inlet_lag_steps if case.forecast is not None else 0
        return _clock(case.time + (steps + lag) * self._step)

    def _inlets(self, case: Case) -> Inlets:
        inlet_c, load_frac, *_ = measured = self._measured(case.values)
        air = measured[2:]
        forecast = case.forecast
        leaks_frac = self._leaks_frac
        if forecast is not None and (forecast.leak_frac > self._leak_frac).any():
            leaks_frac = np.concatenate([leaks_frac, np.maximum(leaks_frac, forecast.leak_frac)])
        missed_k = self._missed_k(inlet_c, leaks_frac, air, case.previous)
        commanded_c = self._as_array([case.commanded[index] for index in self.temps])
        zone_c, supply_c, flow_kg_s, server_flow_kg_s = air
        shown = measured_air(
            zone_temp_c=zone_c,
            supply_temp_c=supply_c,
            supply_flow_kg_s=flow_kg_s,
            server_flow_kg_s=server_flow_kg_s,
            commanded_temp_c=commanded_c,
            missed_k=missed_k[0],
        )
        lines = after_load_step(shown, self._idle, load_frac, self._load_steps_frac[len(leaks_frac) - 1])
        return Inlets(
            air=lines._replace(missed_k=np.repeat(missed_k, 2, axis=0)),
            leak_frac=np.repeat(leaks_frac, 2, axis=0),
            targets_c=self._targets_c[len(leaks_frac) - 1],
            off_k=supply_c - commanded_c,
            commanded_c=commanded_c,
            forecast=forecast,
            limit_c=self._limit_c,
            margin_k=self._margin_k,
            back=self._back,
        )

    def _missed_k(self, inlet_c: Array, leaks_frac: Array, air: Array, previous: Mapping[str, float]) -> Array:
        """How much warmer the inlet is than the balance with each leak says, beyond the margin [leaks, zones].

        The inlet sensor may show the air of this reading or still that of the one before: the warmer counts,
        so that set-points on their way down are not taken for an error of the balance.
        """
        of_readings = [air, *([self._balanced(previous)] if previous else [])]
        expected_c = balance_c(leaks_frac, *np.array(of_readings).swapaxes(0, 1)[:, :, np.newaxis])
        return np.maximum(0.0, inlet_c - expected_c.max(axis=0) - self._margin_k)


@functools.lru_cache(maxsize=16)
def _clock(time: datetime) -> str:
    """The same for many zones of one reading."""
    return f" at {time:%H:%M}"


def _short_words(zone: str, inlet_c: float, supply_c: float) -> str:
    return f"{zone} inlet predicted {inlet_c:.1f} degC with supply air at {supply_c:.1f} degC"


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
