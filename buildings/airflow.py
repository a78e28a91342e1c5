"""Where the air of a data hall goes: recirculation, bypass, and the indices that measure both.

Mass balance over the cold aisle of one zone, `leak` the share of the servers' intake that comes from the hot side
however much air is supplied (gaps in the containment):

    R = max(leak, 1 - (1 - leak) m_supply / m_servers)    of the servers' intake comes from the hot side
    B = 1 - (1 - R) m_servers / m_supply                  of the supply air goes back without meeting a server
    T_inlet = (1 - R) T_supply + R T_hot

The building models run these lines inside EnergyPlus, the shield predicts with them, and the Kpis read them
backwards, from temperatures that were measured. Source: mass balance; last line, EnergyPlus 25.1 Engineering
Reference, ElectricEquipment:ITE:AirCooled, inlet temperature with recirculation.

All functions are pure. Arrays are [steps, zones], and what is not known in them is NaN.
"""

from __future__ import annotations

import numpy as np

from .envelope import ThermalClass
from .known import Array, known_mean, ratio


def recirculation_frac(leak_frac: float, supply_kg_s: float, server_kg_s: float) -> float:
    """R, the share of the servers' intake that comes from the hot side, leak..1."""
    if server_kg_s <= 0.0:
        return leak_frac
    return max(leak_frac, 1.0 - (1.0 - leak_frac) * supply_kg_s / server_kg_s)


def bypass_frac(leak_frac: float, supply_kg_s: float, server_kg_s: float) -> float:
    """B, the share of the supply air that goes back to the coils without having cooled a server, 0..1.

    With a leak there is bypass even where supply and servers are even: what the servers take from the hot side
    they leave of the supply.
    """
    if supply_kg_s <= 0.0:
        return 0.0
    taken = (1.0 - recirculation_frac(leak_frac, supply_kg_s, server_kg_s)) * max(0.0, server_kg_s)
    return max(0.0, 1.0 - taken / supply_kg_s)


def mixed_temp_c[T: (float, Array)](supply_temp_c: T, hot_temp_c: T, share_frac: T) -> T:
    """T_inlet of supply air with a share of hot air; of one zone, or of many."""
    return (1.0 - share_frac) * supply_temp_c + share_frac * hot_temp_c


def seen_recirculation_frac(inlet_c: Array, supply_c: Array, hot_c: Array, server_kg_s: Array) -> Array:
    """R of each zone as the temperatures show it, weighted by airflow and heat [zones], 0..1.

    sum m_servers (T_inlet - T_supply) / sum m_servers (T_hot - T_supply): the third line above, solved for R. Steps
    in which the hot side is no warmer than the supply tell nothing and weigh nothing.
    """
    rise, whole = server_kg_s * (inlet_c - supply_c), server_kg_s * (hot_c - supply_c)
    return _shares(rise, whole, (whole > 0.0) & np.isfinite(rise))


def seen_bypass_frac(inlet_c: Array, supply_c: Array, hot_c: Array, supply_kg_s: Array, server_kg_s: Array) -> Array:
    """B of each zone with the R that the temperatures show, weighted by the supply airflow [zones], 0..1."""
    span_k = hot_c - supply_c
    with np.errstate(divide="ignore", invalid="ignore"):
        taken = server_kg_s * (hot_c - inlet_c) / span_k
    known = (span_k > 0.0) & (supply_kg_s > 0.0) & np.isfinite(taken)
    return _shares(supply_kg_s - np.clip(taken, 0.0, supply_kg_s), supply_kg_s, known)


def shi(inlet_c: Array, supply_c: Array, return_c: Array, supply_kg_s: Array, server_kg_s: Array) -> float:
    """Supply heat index: heat that the air takes up before the servers, per all heat that it takes up, 0..1.

    dQ / (Q + dQ), dQ = sum m_servers (T_in - T_supply), Q = sum m_supply (T_return - T_supply): with the heat
    balance of the room this is (T_in - T_supply) / (T_out - T_supply). 0 is no hot air at the inlets.

    Source: Sharma, Bash, Patel, AIAA 2002-3091 (secondary).
    """
    before = server_kg_s * (inlet_c - supply_c)
    removed = supply_kg_s * (return_c - supply_c)
    known = np.isfinite(before) & np.isfinite(removed)
    return ratio(float(before[known].sum()), float((before + removed)[known].sum()))


def rhi(inlet_c: Array, supply_c: Array, return_c: Array, supply_kg_s: Array, server_kg_s: Array) -> float:
    """Return heat index, Q / (Q + dQ): the share of the heat that the coils get undiluted. 1 - SHI, 1 is best.

    Source: Sharma, Bash, Patel, AIAA 2002-3091 (secondary).
    """
    return 1.0 - shi(inlet_c, supply_c, return_c, supply_kg_s, server_kg_s)


def rti(supply_kg_s: Array, server_kg_s: Array) -> float:
    """Return temperature index [%]: (T_return - T_supply) / dT_servers 100; above 100 recirculation, below bypass.

    The heat that the servers give off, m_servers dT_servers, is what the supply air carries away, so that the
    index is m_servers / m_supply 100. Weighted by the supply airflow.

    Source: Herrlin, 2007 (secondary); heat balance of the room.
    """
    known = np.isfinite(supply_kg_s) & np.isfinite(server_kg_s)
    return 100.0 * ratio(float(server_kg_s[known].sum()), float(supply_kg_s[known].sum()))


def rci_hi(inlets_c: Array, limits: ThermalClass) -> float:
    """Rack cooling index, warm side [%]: [1 - sum max(0, T - T_rec,max) / (n (T_all,max - T_rec,max))] 100.

    Source: Herrlin, ASHRAE Transactions 111(2), 2005 (secondary).
    """
    high_c = limits.recommended.high_c
    return 100.0 * (1.0 - known_mean(np.maximum(0.0, inlets_c - high_c)) / (limits.allowable.high_c - high_c))


def rci_lo(inlets_c: Array, limits: ThermalClass) -> float:
    """Rack cooling index, cold side [%]: [1 - sum max(0, T_rec,min - T) / (n (T_rec,min - T_all,min))] 100.

    Source: Herrlin, ASHRAE Transactions 111(2), 2005 (secondary).
    """
    low_c = limits.recommended.low_c
    return 100.0 * (1.0 - known_mean(np.maximum(0.0, low_c - inlets_c)) / (low_c - limits.allowable.low_c))


def _shares(parts: Array, wholes: Array, known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Array:
    """sum part / sum whole of each column over what is known, kept to 0..1; NaN for a column without any."""
    part = np.where(known, parts, 0.0).sum(axis=0)
    whole = np.where(known, wholes, 0.0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0.0, np.clip(part / whole, 0.0, 1.0), np.nan)
