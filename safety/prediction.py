"""What the inlets of a zone will be under given set-points: a mass and a heat balance, one step ahead.

The servers draw supply air; what they draw beyond it, and a leak in any case, comes from the hot side: the mass
balance of buildings/airflow.py, the same that the building model runs.

The hot side is the warmer of what is measured now and of its steady heat balance. The heat that the air
carries off, m cp (T_hot - T_supply), stays while the supply airflow changes: the rise goes with 1 / m, and cp
cancels.

Over several steps: this set-point now, the fallback after. The supply air follows its set-point by forecast.py, the
servers draw what they draw now, the hot side is at its balance.

Every function is pure and takes and returns arrays [zones], or any shapes that go together, such as [lines, zones].
Divisions by zero give what is right where they are met; who calls switches their warnings off.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from airhandler.buildings.airflow import mixed_temp_c
from airhandler.buildings.known import Array

from .forecast import Forecast, coming_down


class IdleShares(NamedTuple):
    """What idle servers do as a share of that at full load, where a step of load adds the greatest share.

    Attributes:
        heat_frac: heat.
        flow_frac: airflow.
    """

    heat_frac: float
    flow_frac: float


class ZoneAir(NamedTuple):
    """The air of the zones as it was last measured, each [zones].

    Attributes:
        hot_temp_c: hot side.
        heat_k_kg_s: heat that the supply air carries off, over cp: (T_hot - T_supply) m_supply [K kg/s].
        server_flow_kg_s: what the servers draw.
        excess_k: how much warmer the supply air is than commanded: fan heat, or a coil at its end.
        missed_k: how much warmer the inlets are than the balance explains.
    """

    hot_temp_c: Array
    heat_k_kg_s: Array
    server_flow_kg_s: Array
    excess_k: Array
    missed_k: Array


class Mixing(NamedTuple):
    """What a supply airflow makes of the air of the zones, each [zones].

    Attributes:
        share_frac: share of the servers' intake that comes from the hot side.
        rise_k: T_hot - T_supply in steady heat balance.
    """

    share_frac: Array
    rise_k: Array


class WayBack(NamedTuple):
    """How the set-points of each zone go to the fallback, each [zones].

    Attributes:
        supply_c, flow_kg_s: the fallback.
        ramp_c, ramp_kg_s: the way of a step.
    """

    supply_c: Array
    flow_kg_s: Array
    ramp_c: Array
    ramp_kg_s: Array


def measured_air(
    *,
    zone_temp_c: Array,
    supply_temp_c: Array,
    supply_flow_kg_s: Array,
    server_flow_kg_s: Array,
    commanded_temp_c: Array,
    missed_k: Array,
) -> ZoneAir:
    """The air of each zone from its sensors and the supply-air set-point that was in force."""
    return ZoneAir(
        zone_temp_c,
        np.maximum(0.0, zone_temp_c - supply_temp_c) * np.maximum(0.0, supply_flow_kg_s),
        np.maximum(0.0, server_flow_kg_s),
        np.maximum(0.0, supply_temp_c - commanded_temp_c),
        missed_k,
    )


def after_load_step(air: ZoneAir, idle: IdleShares, load_frac: Array, step_frac: Array) -> ZoneAir:
    """The same air should the servers' load rise by `step_frac` before the next decision.

    A load of 1 is all that there is, unless more is measured. Steps of [lines, 1] give [lines, zones].
    """
    later_frac = np.minimum(load_frac + step_frac, np.maximum(1.0, load_frac))
    return ZoneAir(
        air.hot_temp_c,
        air.heat_k_kg_s * load_growth(idle.heat_frac, load_frac, later_frac),
        air.server_flow_kg_s * load_growth(idle.flow_frac, load_frac, later_frac),
        air.excess_k,
        air.missed_k,
    )


def load_growth(idle_frac: float, load_frac: Array, later_frac: Array) -> Array:
    """Ratio of a quantity that rises linearly from `idle_frac` at no load to 1 at full load, later to now."""
    return (idle_frac + (1.0 - idle_frac) * later_frac) / (idle_frac + (1.0 - idle_frac) * load_frac)


def share_frac(leak_frac: Array, flow_kg_s: Array, server_flow_kg_s: Array) -> Array:
    """R of buildings/airflow.py, for arrays: the share of the servers' intake that comes from the hot side."""
    lacking = 1.0 - (1.0 - leak_frac) * flow_kg_s / server_flow_kg_s
    return np.where(server_flow_kg_s > 0.0, np.maximum(leak_frac, lacking), leak_frac)


def balance_c(leak_frac: Array, hot_c: Array, supply_c: Array, flow_kg_s: Array, server_flow_kg_s: Array) -> Array:
    """T_inlet of air as it is."""
    return mixed_temp_c(supply_c, hot_c, share_frac(leak_frac, flow_kg_s, server_flow_kg_s))


def mixing(air: ZoneAir, leak_frac: Array, flow_kg_s: Array) -> Mixing:
    """How hot and supply air mix at a supply airflow."""
    return Mixing(share_frac(leak_frac, flow_kg_s, air.server_flow_kg_s), _rise_k(air, flow_kg_s))


def inlet_temp_c(
    air: ZoneAir, leak_frac: Array, setpoint_c: Array, flow_kg_s: Array, mixed: Mixing | None = None
) -> Array:
    """T_inlet one step ahead under a supply-air set-point and a supply airflow; `mixed` at it, where that is known."""
    share, rise_k = mixed or mixing(air, leak_frac, flow_kg_s)
    supply_c = setpoint_c + air.excess_k
    hot_c = np.maximum(air.hot_temp_c, supply_c + rise_k)
    return mixed_temp_c(supply_c, hot_c, share) + air.missed_k


def highest_setpoint_c(
    air: ZoneAir, leak_frac: Array, flow_kg_s: Array, limit_c: Array, mixed: Mixing | None = None
) -> Array:
    """The warmest supply-air set-point that keeps `inlet_temp_c` at or below a limit, at a supply airflow.

    `inlet_temp_c` is the larger of two lines in the set-point, one for each hot side: the answer is where the
    first of them meets the limit.
    """
    share, rise_k = mixed or mixing(air, leak_frac, flow_kg_s)
    target_c = limit_c - air.missed_k
    by_measured_c = (target_c - share * air.hot_temp_c) / (1.0 - share)
    by_balance_c = target_c - share * rise_k
    return np.where(share < 1.0, np.fmin(by_measured_c, by_balance_c) - air.excess_k, -np.inf)


def least_flow_kg_s(air: ZoneAir, leak_frac: Array, setpoint_c: Array, limit_c: Array) -> Array:
    """The least supply airflow that keeps `inlet_temp_c` at or below a limit, at a supply-air set-point.

    Beyond what the servers draw only the leak recirculates. More air than that carries off the heat of the hot side;
    where the hot side as it is measured, or the supply itself, is too warm, it does not help and is not asked for.
    """
    servers = air.server_flow_kg_s
    target_c = limit_c - air.missed_k
    room_k = target_c - setpoint_c - air.excess_k
    hot_excess_k = np.maximum(0.0, air.hot_temp_c - target_c)
    by_measured = np.fmin(servers, servers / (1.0 - leak_frac) * hot_excess_k / (hot_excess_k + room_k))
    by_balance = air.heat_k_kg_s / (room_k + (1.0 - leak_frac) * air.heat_k_kg_s / servers)
    by_leak = leak_frac * air.heat_k_kg_s / room_k
    least = np.fmax(by_measured, np.where(by_balance <= servers, by_balance, by_leak))
    return np.where(room_k > 0.0, np.where(servers > 0.0, least, by_leak), servers)


class Hour:
    """The inlets of the next steps, one set-point now and the fallback after, on the way that the ramps leave.

    Args:
        forecast: what was learned.
        air: as measured.
        off_k: how far the supply air is off its set-point [zones].
        commanded_c: that set-point [zones].
        back: the way to the fallback.
    """

    def __init__(self, forecast: Forecast, air: ZoneAir, off_k: Array, commanded_c: Array, back: WayBack) -> None:
        self._slope, kept, per_ramp = coming_down(forecast.answer, forecast.steps)
        later = np.arange(forecast.steps, dtype=float)[:, np.newaxis]
        answer = forecast.answer
        begun_k = answer.keep_frac * off_k + (1.0 - answer.follow_frac) * commanded_c
        self._forecast, self._air, self._back = forecast, air, back
        self._reach_kg_s = later * back.ramp_kg_s
        self._supply_rest_c = kept * begun_k + per_ramp * back.ramp_c
        self._until_c = back.supply_c + later * back.ramp_c
        self._until_c[0] = -np.inf

    def at(self, flow_kg_s: Array) -> HourAt:
        """With a supply airflow that is set now [zones]."""
        reach = self._reach_kg_s
        flows = flow_kg_s + np.minimum(np.maximum(self._back.flow_kg_s - flow_kg_s, -reach), reach)
        share, rise_k = mixing(self._air, self._forecast.leak_frac, flows)
        rest_c = self._supply_rest_c + share * rise_k + self._forecast.bias_k
        return HourAt(self._slope, rest_c, self._until_c)


class HourAt(NamedTuple):
    """The inlets of the next steps at one airflow: a share of the set-point, and the rest.

    Attributes:
        slope: share of the set-point in each step [steps, 1].
        rest_c: what else is in an inlet [steps, zones].
        until_c: a set-point that is no higher is at the fallback by then [steps, zones].
    """

    slope: Array
    rest_c: Array
    until_c: Array

    def inlets_c(self, setpoint_c: Array) -> Array:
        """T_inlet in each step; minus infinity where the set-point is at the fallback by then [steps, zones]."""
        return np.where(setpoint_c > self.until_c, self.slope * setpoint_c + self.rest_c, -np.inf)

    def highest_setpoints_c(self, limit_c: Array) -> Array:
        """The warmest supply-air set-point that keeps the inlet of each step at or below a limit [steps, zones].

        Never below what comes to the fallback in time: what the fallback does then, no set-point now can mend.
        """
        highest_c = (limit_c - self.rest_c) / self.slope
        return np.where(highest_c < self.until_c, self.until_c, highest_c)


def _rise_k(air: ZoneAir, flow_kg_s: Array) -> Array:
    """T_hot - T_supply in steady heat balance at a supply airflow."""
    return np.where(flow_kg_s > 0.0, air.heat_k_kg_s / flow_kg_s, np.inf)
