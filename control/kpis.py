"""Kpis: what a run cost and what it broke."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from airhandler.buildings.airflow import (
    rci_hi,
    rci_lo,
    rhi,
    rti,
    seen_bypass_frac,
    seen_recirculation_frac,
    shi,
)
from airhandler.buildings.envelope import THERMAL_CLASSES, ThermalClass
from airhandler.buildings.errors import UserError
from airhandler.buildings.events import no_cap_kw
from airhandler.buildings.known import Array, known_max, known_mean, known_sum, ratio
from airhandler.buildings.quantities import CARBON, EVENT, EVENT_CAP, TARIFF

from .occupied import discomfort_k, occupied, occupied_temps_c
from .table import TickTable

_S_PER_H = 3600.0
_S_PER_MIN = 60.0
_W_PER_KW = 1000.0
_L_PER_M3 = 1000.0
_MS_PER_S = 1000.0

MISSED_KWH_PER_KH = 20.0
"""What an hour with an inlet one kelvin above the recommended range, or with people one kelvin outside theirs, weighs
against energy [kWh]: far more than any saving it can bring, so that the best rule is one that keeps the limit."""

# Measures that only a building with server zones has, and those that only one with occupied zones has.
_OF_INLETS = (
    "inlet_max_c",
    "inlet_min_c",
    "above_recommended_frac",
    "above_allowable_frac",
    "below_recommended_frac",
    "below_allowable_frac",
    "above_recommended_kh",
    "above_allowable_kh",
    "below_recommended_kh",
    "inlet_change_15min_k",
    "inlet_change_60min_k",
    "rci_hi",
    "rci_lo",
)
_OF_DEW_POINTS = ("dew_point_above_recommended_frac", "dew_point_above_allowable_frac")
_OF_AIR = ("shi", "rhi", "rti", "recirculation_frac", "bypass_frac")
OF_CENTRES = (*_OF_INLETS, *_OF_DEW_POINTS, *_OF_AIR, "pue", "wue_l_per_kwh")
OF_PEOPLE = ("occupied_max_c", "occupied_min_c", "uncomfortable_frac", "uncomfortable_kh")


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
    missing_frac: float = field(metadata=_as("1", "steps that lacked a value for energy, inlets or comfort"))
    total_kwh: float = field(metadata=_as("kWh", "all electricity: HVAC, servers and other"))
    hvac_kwh: float = field(metadata=_as("kWh", "cooling and ventilation"))
    fans_kwh: float = field(metadata=_as("kWh", "supply fans, part of HVAC"))
    it_kwh: float = field(metadata=_as("kWh", "servers: processors, their fans, power supplies"))
    cpu_kwh: float = field(metadata=_as("kWh", "servers without their fans, part of IT"))
    server_fans_kwh: float = field(metadata=_as("kWh", "fans inside the servers, part of IT"))
    ups_kwh: float = field(metadata=_as("kWh", "losses of the power supplies, part of IT"))
    other_kwh: float = field(metadata=_as("kWh", "everything else, for example lights"))
    gas_kwh: float = field(metadata=_as("kWh", "gas burned, not part of the total, which is electricity"))
    unaccounted_kwh: float = field(metadata=_as("kWh", "main meter less the sum above; near 0 if all is metered"))
    water_m3: float = field(metadata=_as("m3", "water"))
    pue: float = field(metadata=_as("1", "power usage effectiveness: total per IT energy"))
    wue_l_per_kwh: float = field(metadata=_as("L/kWh", "water usage effectiveness: water per IT energy"))
    cost_usd: float = field(metadata=_as("USD", "electricity at the tariff of each step"))
    carbon_kg: float = field(metadata=_as("kg", "carbon dioxide of the grid's electricity"))
    event_kwh: float = field(metadata=_as("kWh", "electricity in demand-response events"))
    over_cap_kwh: float = field(metadata=_as("kWh", "electricity above the caps of events"))
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
    rhi: float = field(metadata=_as("1", "return heat index; 1 is all heat back to the coils undiluted"))
    rti: float = field(metadata=_as("%", "return temperature index; above 100 recirculation, below bypass"))
    recirculation_frac: float = field(
        metadata=_as("1", "share of the servers' intake that is hot air, as temperatures show it, worst zone")
    )
    bypass_frac: float = field(metadata=_as("1", "share of the supply air that meets no server, worst zone"))
    occupied_max_c: float = field(metadata=_as("degC", "warmest zone while occupied"))
    occupied_min_c: float = field(metadata=_as("degC", "coldest zone while occupied"))
    uncomfortable_frac: float = field(metadata=_as("1", "occupied steps with any occupied zone outside its range"))
    uncomfortable_kh: float = field(metadata=_as("K h", "kelvins outside the range while occupied, worst zone"))
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

    @property
    def site_kwh(self) -> float:
        """All that is bought: electricity and gas [kWh]."""
        return self.total_kwh + self.gas_kwh

    @property
    def missed_frac(self) -> float:
        """Share of steps in which the building missed what it is for: an inlet too warm, or people uncomfortable."""
        return self.uncomfortable_frac if math.isnan(self.above_recommended_frac) else self.above_recommended_frac

    @property
    def missed_kh(self) -> float:
        """By how much, as kelvins times hours in the worst zone [K h]."""
        return self.uncomfortable_kh if math.isnan(self.above_recommended_kh) else self.above_recommended_kh

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
        actuator_travel_per_h=known_mean(np.array(list(travel.values()))),
        shield_by_rule=_by_rule(table),
        **_energy(table),
        **_world(table),
        **_inlets(table),
        **_dew_points(table),
        **_air_distribution(table),
        **_comfort(table),
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
    return known_max(np.fmax.reduce(windows, axis=-1) - np.fmin.reduce(windows, axis=-1))


def travel_per_h(table: TickTable) -> dict[str, float]:
    """How far each set-point moved in an hour, in spans of its range [1/h]; NaN where none was given.

    Source: BOPTEST, actuator travel (Blum et al., Journal of Building Performance Simulation 14, 2021).
    """
    hours = (len(table) - 1) * table.building.step_s / _S_PER_H
    return {
        p.name: known_sum(np.abs(np.diff(table.applied[p.name][:-1]))) / (p.high - p.low) / hours
        for p in table.building.setpoints
    }


def _energy(table: TickTable) -> dict[str, float]:
    """Energy, water and their ratios, over the steps that hold every part of the total.

    Source: ISO/IEC 30134-2:2016 (PUE); The Green Grid, white paper 35, 2011 (WUE).
    """
    meters = table.building.file.meters
    nothing = np.zeros(len(table) - 1)
    power_w = {part: nothing if name is None else _after(table, name) for part, name in meters if part != "water"}
    sum_w = power_w["hvac"] + power_w["it"] + power_w["other"]
    known = np.isfinite(sum_w)
    kwh_per_w = table.building.step_s / _S_PER_H / _W_PER_KW
    energy = {f"{part}_kwh": known_sum(w[known]) * kwh_per_w for part, w in power_w.items() if part != "total"}
    total_kwh = energy["hvac_kwh"] + energy["it_kwh"] + energy["other_kwh"]
    water_m3_s = nothing if meters.water is None else _after(table, meters.water)
    water_m3 = known_sum(water_m3_s) * table.building.step_s
    return {
        **energy,
        "total_kwh": total_kwh,
        "unaccounted_kwh": known_sum(power_w["total"] - sum_w) * kwh_per_w,
        "water_m3": water_m3,
        "pue": ratio(total_kwh, energy["it_kwh"]),
        "wue_l_per_kwh": ratio(water_m3 * _L_PER_M3, energy["it_kwh"]),
        "peak_kw": known_max(sum_w) / _W_PER_KW,
    }


def _world(table: TickTable) -> dict[str, float]:
    """What the electricity of `_energy` cost by the signals of the world; NaN without them.

    A signal holds from its tick on, a meter is of the step that ended at its tick. Where a step has energy and no
    price, the cost is not known, and neither is less of it.
    """
    meters, step_h = table.building.file.meters, table.building.step_s / _S_PER_H
    parts = [_after(table, name) for name in (meters.hvac, meters.it, meters.other) if name]
    kwh = np.sum(parts, axis=0) * step_h / _W_PER_KW
    known = np.isfinite(kwh)

    def weighed(name: str) -> float:
        if name not in table.measured:
            return math.nan
        return float(np.sum(kwh[known] * table.measured[name][:-1][known]))

    over_cap_kwh, world = math.nan, table.building.world
    if EVENT_CAP.name in table.measured:
        active, cap_kw = (table.measured[q.name][:-1][known] for q in (EVENT, EVENT_CAP))
        if world is not None and world.events is not None:
            active = np.where(cap_kw >= no_cap_kw(world.events), 0.0, active)
        over_cap_kwh = float(np.sum(active * np.maximum(0.0, kwh[known] - cap_kw * step_h)))
    return {
        "cost_usd": weighed(TARIFF.name),
        "carbon_kg": weighed(CARBON.name),
        "event_kwh": weighed(EVENT.name),
        "over_cap_kwh": over_cap_kwh,
    }


def _inlets(table: TickTable) -> dict[str, float]:
    """Temperatures at the server inlets against the building's class."""
    if not table.building.zones:
        return dict.fromkeys(_OF_INLETS, math.nan)
    limits, step_s = _limits(table), table.building.step_s
    ticks = _zonal(table, "inlet_temp")
    inlets = ticks[1:]
    above, above_allowable = (above_k(inlets, r.high_c) for r in (limits.recommended, limits.allowable))
    below, below_allowable = (below_k(inlets, r.low_c) for r in (limits.recommended, limits.allowable))
    step_h = step_s / _S_PER_H
    return {
        "inlet_max_c": known_max(inlets),
        "inlet_min_c": -known_max(-inlets),
        "above_recommended_frac": _share(above),
        "above_allowable_frac": _share(above_allowable),
        "below_recommended_frac": _share(below),
        "below_allowable_frac": _share(below_allowable),
        "above_recommended_kh": known_sum(above) * step_h,
        "above_allowable_kh": known_sum(above_allowable) * step_h,
        "below_recommended_kh": known_sum(below) * step_h,
        "inlet_change_15min_k": windowed_change_k(ticks, _steps_in(15, step_s)),
        "inlet_change_60min_k": windowed_change_k(ticks, _steps_in(60, step_s)),
        "rci_hi": rci_hi(inlets, limits),
        "rci_lo": rci_lo(inlets, limits),
    }


def _dew_points(table: TickTable) -> dict[str, float]:
    if not table.building.zones:
        return dict.fromkeys(_OF_DEW_POINTS, math.nan)
    limits, dew_points = _limits(table), _zonal(table, "inlet_dew_point")[1:]
    return {
        "dew_point_above_recommended_frac": _share(above_k(dew_points, limits.recommended_dew_point.high_c)),
        "dew_point_above_allowable_frac": _share(above_k(dew_points, limits.allowable_dew_point.high_c)),
    }


def _air_distribution(table: TickTable) -> dict[str, float]:
    if not table.building.zones:
        return dict.fromkeys(_OF_AIR, math.nan)
    parts = ("inlet_temp", "supply_temp", "zone_temp", "supply_flow", "server_flow")
    inlet_c, supply_c, hot_c, supply_kg_s, server_kg_s = air = tuple(_zonal(table, part)[1:] for part in parts)
    return {
        "shi": shi(*air),
        "rhi": rhi(*air),
        "rti": rti(supply_kg_s, server_kg_s),
        "recirculation_frac": known_max(seen_recirculation_frac(inlet_c, supply_c, hot_c, server_kg_s)),
        "bypass_frac": known_max(seen_bypass_frac(*air)),
    }


def _comfort(table: TickTable) -> dict[str, float]:
    """Where people are, against the building's category. Source: EN 16798-1:2019, long-term indices (secondary)."""
    if not table.building.comfort_zones:
        return dict.fromkeys(OF_PEOPLE, math.nan)
    temps_c = occupied_temps_c(table)[1:]
    worst_k = _worst(discomfort_k(table)[1:])[occupied(table)[1:].any(axis=1)]
    step_h = table.building.step_s / _S_PER_H
    return {
        "occupied_max_c": known_max(temps_c),
        "occupied_min_c": -known_max(-temps_c),
        "uncomfortable_frac": _share(worst_k),
        "uncomfortable_kh": known_sum(worst_k) * step_h,
    }


def _shield(table: TickTable) -> dict[str, float]:
    verdict, decide_s = table.verdict[:-1], table.decide_s[:-1]
    judged, intervened = table.judged[:-1], table.intervened[:-1]
    in_fallback = table.written[:-1] & (verdict == "rejected")
    p50_s, p99_s = np.nanpercentile(decide_s, [50, 99])
    return {
        "shield_adjusted_frac": known_mean((verdict == "adjusted")[judged]),
        "shield_rejected_frac": known_mean((verdict == "rejected")[judged]),
        "shield_mean_correction_frac": known_mean(table.correction[:-1][intervened]),
        "fallback_minutes": float(in_fallback.sum()) * table.building.step_s / _S_PER_MIN,
        "decide_p50_ms": float(p50_s) * _MS_PER_S,
        "decide_p99_ms": float(p99_s) * _MS_PER_S,
    }


def _by_rule(table: TickTable) -> dict[str, float]:
    """Share of judged steps in which each rule had a part in an intervention. A mere remark is none."""
    judged = table.judged[:-1]
    shares = {rule: known_mean(acted[:-1][judged]) for rule, acted in table.interventions.items()}
    return {rule: share for rule, share in sorted(shares.items()) if share > 0.0}


def _missing_frac(table: TickTable) -> float:
    """Share of the run's steps that lack a value for energy, inlets or comfort, or were never recorded."""
    meters = table.building.file.meters
    needed = [_after(table, name) for name in (meters.hvac, meters.it, meters.other, *_watched(table)) if name]
    whole = np.isfinite(np.column_stack(needed)).all(axis=1)
    span_s = float(table.time_s[-1] - table.time_s[0])
    expected = max(len(whole), round(span_s / table.building.step_s))
    return 1.0 - float(whole.sum()) / expected


def _watched(table: TickTable) -> list[str]:
    """What the building is judged by: temperatures at inlets, or temperatures and people in zones."""
    building, people = table.building, table.building.comfort_zones.values()
    return [z.inlet_temp for z in building.zones.values()] + [
        name for z in people for name in (z.zone_temp, z.occupants)
    ]


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
    return known_mean(excess[np.isfinite(excess)] > 0.0)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
