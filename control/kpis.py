"""Kpis: what a run cost and what it broke."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from airhandler.buildings.envelope import THERMAL_CLASSES, ThermalClass
from airhandler.buildings.errors import UserError

from .table import Array, Mask, TickTable

_S_PER_H = 3600.0
_S_PER_MIN = 60.0
_W_PER_KW = 1000.0
_L_PER_M3 = 1000.0
_MS_PER_S = 1000.0


def _as(unit: str, words: str) -> dict[str, str]:
    """What a measure is, for tables and glossaries."""
    return {"unit": unit, "words": words}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kpis:
    """What a run cost and what it broke; each field's metadata holds its unit and its meaning.

    A share of steps counts the steps in which the answer is known; NaN is a measure that nothing was known
    for. Conditions count after each step, decisions (shield, travel, time) before it: of N + 1 ticks, the
    last N and the first N.
    """

    steps: int = field(metadata=_as("", "control steps"))
    missing_frac: float = field(metadata=_as("1", "steps that lacked a value for energy or inlets"))
    total_kwh: float = field(metadata=_as("kWh", "all electricity: HVAC, servers and other"))
    hvac_kwh: float = field(metadata=_as("kWh", "cooling and ventilation"))
    fans_kwh: float = field(metadata=_as("kWh", "supply fans, part of HVAC"))
    it_kwh: float = field(metadata=_as("kWh", "servers: processors, their fans, power supplies"))
    cpu_kwh: float = field(metadata=_as("kWh", "servers without their fans, part of IT"))
    server_fans_kwh: float = field(metadata=_as("kWh", "fans inside the servers, part of IT"))
    ups_kwh: float = field(metadata=_as("kWh", "losses of the power supplies, part of IT"))
    other_kwh: float = field(metadata=_as("kWh", "everything else, for example lights"))
    unaccounted_kwh: float = field(metadata=_as("kWh", "main meter less the sum above; near 0 if all is metered"))
    water_m3: float = field(metadata=_as("m3", "water"))
    pue: float = field(metadata=_as("1", "power usage effectiveness: total per IT energy"))
    wue_l_per_kwh: float = field(metadata=_as("L/kWh", "water usage effectiveness: water per IT energy"))
    peak_kw: float = field(metadata=_as("kW", "greatest mean power of one control step"))
    inlet_max_c: float = field(metadata=_as("degC", "warmest server inlet"))
    inlet_min_c: float = field(metadata=_as("degC", "coldest server inlet"))
    above_recommended_frac: float = field(metadata=_as("1", "steps with any inlet above recommended"))
    above_allowable_frac: float = field(metadata=_as("1", "steps with any inlet above allowable"))
    below_recommended_frac: float = field(metadata=_as("1", "steps with any inlet below recommended"))
    below_allowable_frac: float = field(metadata=_as("1", "steps with any inlet below allowable"))
    above_recommended_kh: float = field(metadata=_as("K h", "kelvins above recommended times hours, worst zone"))
    above_allowable_kh: float = field(metadata=_as("K h", "kelvins above allowable times hours, worst zone"))
    below_recommended_kh: float = field(metadata=_as("K h", "kelvins below recommended times hours, worst zone"))
    inlet_change_15min_k: float = field(metadata=_as("K", "largest change of an inlet within 15 minutes"))
    inlet_change_60min_k: float = field(metadata=_as("K", "largest change of an inlet within 60 minutes"))
    dew_point_above_recommended_frac: float = field(
        metadata=_as("1", "steps with any inlet's dew point above recommended")
    )
    dew_point_above_allowable_frac: float = field(metadata=_as("1", "steps with any inlet's dew point above allowable"))
    rci_hi: float = field(metadata=_as("%", "rack cooling index, warm side; 100 is never above recommended"))
    rci_lo: float = field(metadata=_as("%", "rack cooling index, cold side; 100 is never below recommended"))
    shi: float = field(metadata=_as("1", "supply heat index; 0 is no hot air at the inlets"))
    rti: float = field(metadata=_as("%", "return temperature index; above 100 recirculation, below bypass"))
    actuator_travel_per_h: float = field(
        metadata=_as("1/h", "how far the set-points moved in an hour, in spans of their range, mean")
    )
    travel_per_h: Mapping[str, float] = field(metadata=_as("1/h", "the same, by set-point"))
    shield_adjusted_frac: float = field(metadata=_as("1", "judged steps in which the shield moved a proposal"))
    shield_rejected_frac: float = field(metadata=_as("1", "judged steps in which it gave the fallback instead"))
    shield_mean_correction_frac: float = field(
        metadata=_as("1", "mean size of a correction, as a share of the set-points' ranges")
    )
    shield_by_rule: Mapping[str, float] = field(metadata=_as("1", "judged steps in which each rule intervened"))
    fallback_minutes: float = field(metadata=_as("min", "time with the shield's fallback in force"))
    decide_p50_ms: float = field(metadata=_as("ms", "time for one decision, median"))
    decide_p99_ms: float = field(metadata=_as("ms", "time for one decision, 99th percentile"))

    def to_dict(self) -> dict[str, object]:
        """All fields for JSON: a value that is not known becomes None."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def kpis(table: TickTable) -> Kpis:
    """The Kpis of a run. Raises UserError for a table without a single step."""
    if len(table) < 2:
        raise UserError(f"{len(table)} ticks are no step: a run of one step has two")
    travel = travel_per_h(table)
    return Kpis(
        steps=len(table) - 1,
        missing_frac=_missing_frac(table),
        travel_per_h=travel,
        actuator_travel_per_h=_mean(np.array(list(travel.values()))),
        shield_by_rule=_by_rule(table),
        **_energy(table),
        **_inlets(table),
        **_dew_points(table),
        **_air_distribution(table),
        **_shield(table),
    )


def above_k(values: Array, limit: float) -> Array:
    """Greatest excess over a limit among the zones [steps, zones] -> [steps].

    NaN where a zone lacks and no other is above: then nobody knows.
    """
    return _worst(np.maximum(0.0, values - limit))


def below_k(values: Array, limit: float) -> Array:
    """Greatest shortfall below a limit among the zones [steps, zones] -> [steps]; NaN as in `above_k`."""
    return _worst(np.maximum(0.0, limit - values))


def windowed_change_k(values: Array, steps: int) -> float:
    """Largest max - min of any zone [ticks, zones] within any `steps` steps.

    Source: ASHRAE TC 9.9, Thermal Guidelines, 5th edition, 2021: rates of change as a windowed max - min.
    """
    windows = sliding_window_view(values, min(steps + 1, len(values)), axis=0)
    return _max(np.fmax.reduce(windows, axis=-1) - np.fmin.reduce(windows, axis=-1))


def rci_hi(inlets_c: Array, limits: ThermalClass) -> float:
    """Rack cooling index, warm side [%]: [1 - sum max(0, T - T_rec,max) / (n (T_all,max - T_rec,max))] 100.

    Source: Herrlin, ASHRAE Transactions 111(2), 2005 (secondary).
    """
    high_c = limits.recommended.high_c
    return 100.0 * (1.0 - _mean(np.maximum(0.0, inlets_c - high_c)) / (limits.allowable.high_c - high_c))


def rci_lo(inlets_c: Array, limits: ThermalClass) -> float:
    """Rack cooling index, cold side [%]: [1 - sum max(0, T_rec,min - T) / (n (T_rec,min - T_all,min))] 100.

    Source: Herrlin, ASHRAE Transactions 111(2), 2005 (secondary).
    """
    low_c = limits.recommended.low_c
    return 100.0 * (1.0 - _mean(np.maximum(0.0, low_c - inlets_c)) / (low_c - limits.allowable.low_c))


def shi(inlet_c: Array, supply_c: Array, return_c: Array, supply_kg_s: Array, server_kg_s: Array) -> float:
    """Supply heat index: heat that the air takes up before the servers, per all heat that it takes up.

    dQ / (Q + dQ), dQ = sum m_servers (T_in - T_supply), Q = sum m_supply (T_return - T_supply): with the heat
    balance of the room this is (T_in - T_supply) / (T_out - T_supply). All arrays [steps, zones].

    Source: Sharma, Bash, Patel, AIAA 2002-3091 (secondary).
    """
    before = server_kg_s * (inlet_c - supply_c)
    removed = supply_kg_s * (return_c - supply_c)
    known = np.isfinite(before) & np.isfinite(removed)
    return _ratio(float(before[known].sum()), float((before + removed)[known].sum()))


def rti(supply_kg_s: Array, server_kg_s: Array) -> float:
    """Return temperature index [%]: (T_return - T_supply) / dT_servers 100.

    The heat that the servers give off, m_servers dT_servers, is what the supply air carries away, so that the
    index is m_servers / m_supply 100. Arrays [steps, zones]; weighted by the supply airflow.

    Source: Herrlin, 2007 (secondary); heat balance of the room.
    """
    known = np.isfinite(supply_kg_s) & np.isfinite(server_kg_s)
    return 100.0 * _ratio(float(server_kg_s[known].sum()), float(supply_kg_s[known].sum()))


def travel_per_h(table: TickTable) -> dict[str, float]:
    """How far each set-point moved in an hour, in spans of its range [1/h]; NaN where none was given.

    Source: BOPTEST, actuator travel (Blum et al., Journal of Building Performance Simulation 14, 2021).
    """
    hours = (len(table) - 1) * table.building.step_s / _S_PER_H
    return {
        p.name: _sum(np.abs(np.diff(table.applied[p.name][:-1]))) / (p.high - p.low) / hours
        for p in table.building.setpoints
    }


def _energy(table: TickTable) -> dict[str, float]:
    """Energy, water and their ratios, over the steps that hold every part of the total.

    Source: ISO/IEC 30134-2:2016 (PUE); The Green Grid, white paper 35, 2011 (WUE).
    """
    meters = table.building.file.meters
    power_w = {part: _after(table, name) for part, name in meters if part != "water"}
    sum_w = power_w["hvac"] + power_w["it"] + power_w["other"]
    known = np.isfinite(sum_w)
    kwh_per_w = table.building.step_s / _S_PER_H / _W_PER_KW
    energy = {f"{part}_kwh": _sum(w[known]) * kwh_per_w for part, w in power_w.items() if part != "total"}
    total_kwh = energy["hvac_kwh"] + energy["it_kwh"] + energy["other_kwh"]
    water_m3 = _sum(_after(table, meters.water)) * table.building.step_s
    return {
        **energy,
        "total_kwh": total_kwh,
        "unaccounted_kwh": _sum(power_w["total"] - sum_w) * kwh_per_w,
        "water_m3": water_m3,
        "pue": _ratio(total_kwh, energy["it_kwh"]),
        "wue_l_per_kwh": _ratio(water_m3 * _L_PER_M3, energy["it_kwh"]),
        "peak_kw": _max(sum_w) / _W_PER_KW,
    }


def _inlets(table: TickTable) -> dict[str, float]:
    """Temperatures at the server inlets against the building's class."""
    limits, step_s = _limits(table), table.building.step_s
    ticks = _zonal(table, "inlet_temp")
    inlets = ticks[1:]
    above, above_allowable = (above_k(inlets, r.high_c) for r in (limits.recommended, limits.allowable))
    below, below_allowable = (below_k(inlets, r.low_c) for r in (limits.recommended, limits.allowable))
    step_h = step_s / _S_PER_H
    return {
        "inlet_max_c": _max(inlets),
        "inlet_min_c": -_max(-inlets),
        "above_recommended_frac": _share(above),
        "above_allowable_frac": _share(above_allowable),
        "below_recommended_frac": _share(below),
        "below_allowable_frac": _share(below_allowable),
        "above_recommended_kh": _sum(above) * step_h,
        "above_allowable_kh": _sum(above_allowable) * step_h,
        "below_recommended_kh": _sum(below) * step_h,
        "inlet_change_15min_k": windowed_change_k(ticks, _steps_in(15, step_s)),
        "inlet_change_60min_k": windowed_change_k(ticks, _steps_in(60, step_s)),
        "rci_hi": rci_hi(inlets, limits),
        "rci_lo": rci_lo(inlets, limits),
    }


def _dew_points(table: TickTable) -> dict[str, float]:
    limits, dew_points = _limits(table), _zonal(table, "inlet_dew_point")[1:]
    return {
        "dew_point_above_recommended_frac": _share(above_k(dew_points, limits.recommended_dew_point.high_c)),
        "dew_point_above_allowable_frac": _share(above_k(dew_points, limits.allowable_dew_point.high_c)),
    }


def _air_distribution(table: TickTable) -> dict[str, float]:
    parts = ("inlet_temp", "supply_temp", "zone_temp", "supply_flow", "server_flow")
    inlet_c, supply_c, return_c, supply_kg_s, server_kg_s = (_zonal(table, part)[1:] for part in parts)
    return {
        "shi": shi(inlet_c, supply_c, return_c, supply_kg_s, server_kg_s),
        "rti": rti(supply_kg_s, server_kg_s),
    }


def _shield(table: TickTable) -> dict[str, float]:
    verdict, decide_s = table.verdict[:-1], table.decide_s[:-1]
    judged, intervened = table.judged[:-1], table.intervened[:-1]
    in_fallback = table.written[:-1] & (verdict == "rejected")
    p50_s, p99_s = np.nanpercentile(decide_s, [50, 99])
    return {
        "shield_adjusted_frac": _mean((verdict == "adjusted")[judged]),
        "shield_rejected_frac": _mean((verdict == "rejected")[judged]),
        "shield_mean_correction_frac": _mean(table.correction[:-1][intervened]),
        "fallback_minutes": float(in_fallback.sum()) * table.building.step_s / _S_PER_MIN,
        "decide_p50_ms": float(p50_s) * _MS_PER_S,
        "decide_p99_ms": float(p99_s) * _MS_PER_S,
    }


def _by_rule(table: TickTable) -> dict[str, float]:
    """Share of judged steps in which each rule had a part in an intervention. A mere remark is none."""
    judged = table.judged[:-1]
    shares = {rule: _mean(acted[:-1][judged]) for rule, acted in table.interventions.items()}
    return {rule: share for rule, share in sorted(shares.items()) if share > 0.0}


def _missing_frac(table: TickTable) -> float:
    """Share of the run's steps that lack a value for energy or inlets, or were never recorded."""
    meters = table.building.file.meters
    needed = [_after(table, name) for name in (meters.hvac, meters.it, meters.other)]
    whole = np.isfinite(np.column_stack([*needed, _zonal(table, "inlet_temp")[1:]])).all(axis=1)
    span_s = float(table.time_s[-1] - table.time_s[0])
    expected = max(len(whole), round(span_s / table.building.step_s))
    return 1.0 - float(whole.sum()) / expected


def _limits(table: TickTable) -> ThermalClass:
    return THERMAL_CLASSES[table.building.file.shield.inlet_class]


def _after(table: TickTable, name: str) -> Array:
    """A point as each step left it, or a meter over each step [steps]."""
    return table.measured[name][1:]


def _zonal(table: TickTable, part: str) -> Array:
    """The points that play a part, one column a zone [ticks, zones]."""
    return np.column_stack([table.measured[getattr(zone, part)] for zone in table.building.zones.values()])


def _worst(excess: Array) -> Array:
    worst: Array = np.fmax.reduce(excess, axis=1)
    unknown = np.isnan(excess).any(axis=1) & ~(worst > 0.0)
    return np.where(unknown, np.nan, worst)


def _steps_in(minutes: float, step_s: float) -> int:
    return max(1, round(minutes * _S_PER_MIN / step_s))


def _share(excess: Array) -> float:
    """Share of the known entries that are above zero, 0..1."""
    return _mean(excess[np.isfinite(excess)] > 0.0)


def _sum(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.sum()) if known.size else math.nan


def _mean(values: Array | Mask) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def _max(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else math.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
