"""What the inlets of a zone will be under given set-points: a mass and a heat balance, one step ahead.

The servers draw supply air; what they draw beyond it, and a leak in any case, comes from the hot side: the mass
balance of buildings/airflow.py, the same that the building model runs.

The hot side is the warmer of what is measured now and of its steady heat balance. The heat that the air
carries off, m cp (T_hot - T_supply), stays while the supply airflow changes: the rise goes with 1 / m, and cp
cancels.

Every function is pure and takes and returns scalars.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac


class IdleShares(NamedTuple):
    """What idle servers do as a share of that at full load, where a step of load adds the greatest share.

    Attributes:
        heat_frac: heat.
        flow_frac: airflow.
    """

    heat_frac: float
    flow_frac: float


class ZoneAir(NamedTuple):
    """The air of one zone as it was last measured.

    Attributes:
        hot_temp_c: hot side.
        heat_k_kg_s: heat that the supply air carries off, over cp: (T_hot - T_supply) m_supply [K kg/s].
        server_flow_kg_s: what the servers draw.
        excess_k: how much warmer the supply air is than commanded: fan heat, or a coil at its end.
        missed_k: how much warmer the inlets are than the balance explains.
    """

    hot_temp_c: float
    heat_k_kg_s: float
    server_flow_kg_s: float
    excess_k: float
    missed_k: float


def measured_air(
    *,
    zone_temp_c: float,
    supply_temp_c: float,
    supply_flow_kg_s: float,
    server_flow_kg_s: float,
    commanded_temp_c: float,
    missed_k: float,
) -> ZoneAir:
    """The air of one zone from its sensors and the supply-air set-point that was in force."""
    return ZoneAir(
        zone_temp_c,
        max(0.0, zone_temp_c - supply_temp_c) * max(0.0, supply_flow_kg_s),
        max(0.0, server_flow_kg_s),
        max(0.0, supply_temp_c - commanded_temp_c),
        missed_k,
    )


def after_load_step(air: ZoneAir, idle: IdleShares, load_frac: float, step_frac: float) -> ZoneAir:
    """The same air should the servers' load rise by `step_frac` before the next decision.

    A load of 1 is all that there is, unless more is measured.
    """
    later_frac = min(load_frac + step_frac, max(1.0, load_frac))
    return ZoneAir(
        air.hot_temp_c,
        air.heat_k_kg_s * load_growth(idle.heat_frac, load_frac, later_frac),
        air.server_flow_kg_s * load_growth(idle.flow_frac, load_frac, later_frac),
        air.excess_k,
        air.missed_k,
    )


def load_growth(idle_frac: float, load_frac: float, later_frac: float) -> float:
    """Ratio of a quantity that rises linearly from `idle_frac` at no load to 1 at full load, later to now."""
    return (idle_frac + (1.0 - idle_frac) * later_frac) / (idle_frac + (1.0 - idle_frac) * load_frac)


def inlet_temp_c(air: ZoneAir, leak_frac: float, setpoint_c: float, flow_kg_s: float) -> float:
    """T_inlet one step ahead under a supply-air set-point and a supply airflow."""
    share = recirculation_frac(leak_frac, flow_kg_s, air.server_flow_kg_s)
    supply_c = setpoint_c + air.excess_k
    hot_c = max(air.hot_temp_c, supply_c + _rise_k(air, flow_kg_s))
    return mixed_temp_c(supply_c, hot_c, share) + air.missed_k


def highest_setpoint_c(air: ZoneAir, leak_frac: float, flow_kg_s: float, limit_c: float) -> float:
    """The warmest supply-air set-point that keeps `inlet_temp_c` at or below a limit, at a supply airflow.

    `inlet_temp_c` is the larger of two lines in the set-point, one for each hot side: the answer is where the
    first of them meets the limit.
    """
    share = recirculation_frac(leak_frac, flow_kg_s, air.server_flow_kg_s)
    if share >= 1.0:
        return -math.inf
    target_c = limit_c - air.missed_k
    by_measured_c = (target_c - share * air.hot_temp_c) / (1.0 - share)
    by_balance_c = target_c - share * _rise_k(air, flow_kg_s)
    return min(by_measured_c, by_balance_c) - air.excess_k


def least_flow_kg_s(air: ZoneAir, leak_frac: float, setpoint_c: float, limit_c: float) -> float:
    """The least supply airflow that keeps `inlet_temp_c` at or below a limit, at a supply-air set-point.

    Beyond what the servers draw only the leak recirculates. More air than that carries off the heat of the hot side;
    where the hot side as it is measured, or the supply itself, is too warm, it does not help and is not asked for.
    """
    servers = air.server_flow_kg_s
    target_c = limit_c - air.missed_k
    room_k = target_c - setpoint_c - air.excess_k
    if room_k <= 0.0:
        return servers
    by_leak = leak_frac * air.heat_k_kg_s / room_k
    if servers <= 0.0:
        return by_leak
    hot_excess_k = max(0.0, air.hot_temp_c - target_c)
    by_measured = servers / (1.0 - leak_frac) * hot_excess_k / (hot_excess_k + room_k)
    by_balance = air.heat_k_kg_s / (room_k + (1.0 - leak_frac) * air.heat_k_kg_s / servers)
    return max(min(servers, by_measured), by_balance if by_balance <= servers else by_leak)


def _rise_k(air: ZoneAir, flow_kg_s: float) -> float:
    """T_hot - T_supply in steady heat balance at a supply airflow."""
    return air.heat_k_kg_s / flow_kg_s if flow_kg_s > 0.0 else math.inf
