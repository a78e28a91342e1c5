"""What the shield promises, worked out the plain way: forwards, from the building file, without its rules.

Source: mass and heat balance as in safety/prediction.py; ranges in buildings/envelope.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac
from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.psychrometrics import relative_humidities_frac
from airhandler.buildings.settings import ZoneRoles
from airhandler.safety.forecast import Forecast
from airhandler.safety.operator_limits import OperatorFile

_ROUNDING = 1e-9
_COOLER_K, _PARTS = 0.001, 20  # what is tried beside set-points that are said to be all that can be done
_CLEARLY_K = 1e-6  # nearer to a bound than this, forwards and backwards may differ by rounding
_CLEARLY_FRAC = 1e-5  # the same of relative humidity, whose pressures are read from a table backwards


class Stood(NamedTuple):
    """What was in force of one set-point: in the steps before, the newest last, and now."""

    before: Sequence[float | None]
    base: float


type Past = Mapping[str, Stood]


class Scene(NamedTuple):
    """What a zone's inlet is worked out from: what the building was told, what it shows, and what was learned."""

    commanded: Mapping[str, float]
    history: Sequence[Reading]
    learned: Forecast | None


class Oracle:
    """Judges what left the shield of one building."""

    def __init__(self, building: Building, operator: OperatorFile | None = None) -> None:
        self._building = building
        self._zones = tuple(building.zones.values())
        self._operator = operator or OperatorFile()
        self._ranges = {p.name: (p.low, p.high) for p in building.setpoints}
        self._by_hand = {*self._operator.locks, *self._operator.limits}
        comfort = building.comfort_zones.values()
        self._pairs = {name for r in comfort for name in (r.heating_setpoint, r.cooling_setpoint)}
        self._measured = {p.name: (p.low, p.high) for p in building.points}
        self._rules = dict(zip(self._ranges, building.rules, strict=True))
        self._shown = {name: rule.shown_by or "" for name, rule in self._rules.items()}
        for roles in building.zones.values():
            self._shown[roles.supply_temp_setpoint] = self._shown[roles.supply_temp_setpoint] or roles.supply_temp
            self._shown[roles.supply_flow_setpoint] = self._shown[roles.supply_flow_setpoint] or roles.supply_flow

    def is_well_formed(self, given: Any) -> bool:
        """Whether it is the building's set-points and no others, as plain floats."""
        return (
            type(given) is Setpoints
            and type(given.by_name) is dict
            and given.by_name.keys() == self._ranges.keys()
            and all(type(value) is float for value in given.by_name.values())
        )

    def is_inside_limits(self, given: Mapping[str, float]) -> bool:
        """Whether every set-point is inside its limits."""
        return all(low <= given[name] <= high for name, (low, high) in self._ranges.items())

    def is_inside_ramps(self, given: Mapping[str, float], past: Past) -> bool:
        """Whether every set-point is at most its ramp from where it stood, in this step and within the hour."""
        return all(
            abs(given[name] - past[name].base) <= rule.ramp_per_step
            and (rule.ramp_per_hour is None or self._is_within_hour(given[name], past[name], rule.ramp_per_hour))
            for name, rule in self._rules.items()
        )

    def _is_within_hour(self, value: float, stood: Stood, reach: float) -> bool:
        """Near enough to all that it moves away from; standing still is always permitted."""
        rises, steps = value > stood.base, self._building.file.timesteps_per_hour
        left = (v for v in stood.before[-steps:] if v is not None and (v < value if rises else v > value))
        return value == stood.base or all(abs(value - v) <= reach for v in (*left, stood.base))

    def is_inside_dwell(self, given: Mapping[str, float], past: Past) -> bool:
        """Whether no set-point turns back too soon."""
        return all(
            rule.dwell_s is None or self._may_go(given[name], past[name], rule.dwell_s)
            for name, rule in self._rules.items()
        )

    def _may_go(self, value: float, stood: Stood, dwell_s: float) -> bool:
        later = stood.base
        for ago, earlier in enumerate(reversed(stood.before)):
            if ago * self._building.step_s >= dwell_s:
                return True
            if earlier is not None:
                if (value > stood.base and later < earlier) or (value < stood.base and later > earlier):
                    return False
                later = earlier
        return True

    def is_inside_operator(self, given: Mapping[str, float], base: Mapping[str, float]) -> bool:
        """Whether what is locked by hand stands still, and nothing leaves the limits by hand or gets further off."""
        if any(given[name] != base[name] for name in self._operator.locks):
            return False
        for name, ends in self._operator.limits.items():
            low, high = (self._ranges[name][i] if end is None else end for i, end in enumerate((ends.low, ends.high)))
            beyond, before = (max(0.0, low - at[name], at[name] - high) for at in (given, base))
            if beyond > before:
                return False
        return True

    def is_inside_own(self, asked: Mapping[str, float], base: Mapping[str, float]) -> bool:
        """Whether set-points are inside an operator's limits, and still where they are locked."""
        return all(asked[name] == base[name] for name in self._operator.locks) and all(
            (ends.low is None or asked[name] >= ends.low) and (ends.high is None or asked[name] <= ends.high)
            for name, ends in self._operator.limits.items()
        )

    def stood(self, past: Any, base: Mapping[str, float]) -> Past:
        """Where every set-point was in force, inside its limits; None where there is no number."""
        try:
            steps = list(past)
        except Exception:  # noqa: BLE001 - a hostile past tells nothing
            steps = []
        return {
            name: Stood(
                [_clipped(_number(_get(step, name)), *ends) for step in steps if self._is_paced(name)], base[name]
            )
            for name, ends in self._ranges.items()
        }

    def _is_paced(self, name: str) -> bool:
        return self._rules[name].ramp_per_hour is not None or self._rules[name].dwell_s is not None

    def base(self, history: Any, in_force: Any) -> dict[str, float]:
        """Where the set-points stand: commanded, else measured, else the fallback, inside their limits."""
        base = {}
        for name, (low, high) in self._ranges.items():
            value = _number(_get(in_force, name))
            if value is None:
                value = self._now(history, self._shown[name])
            base[name] = min(max(self._rules[name].fallback if value is None else value, low), high)
        return base

    def is_towards_fallback(self, given: Mapping[str, float], past: Past) -> bool:
        """Whether every set-point goes to the fallback by its ramp; not as far where a pace or a person holds it."""
        for name, rule in self._rules.items():
            base = past[name].base
            aim = base + min(max(rule.fallback - base, -rule.ramp_per_step), rule.ramp_per_step)
            slack = _ROUNDING * max(1.0, abs(aim))
            held = self._is_paced(name) or name in self._by_hand
            if held and name not in self._pairs and name not in self._by_hand:
                if not min(base, aim) - slack <= given[name] <= max(base, aim) + slack:
                    return False
            elif (
                not held
                and not (name in self._pairs and not self._keeps_bands(past))
                and abs(given[name] - aim) > slack
            ):
                return False
        return True

    def _keeps_bands(self, past: Past) -> bool:
        """Whether heating and cooling stand apart, and nothing holds one of them back."""
        free = not self._by_hand and not any(map(self._is_paced, self._rules))
        return free and all(
            past[r.cooling_setpoint].base - past[r.heating_setpoint].base >= self._building.file.shield.deadband_k
            for r in self._building.comfort_zones.values()
        )

    def is_confident(self, confidence: Any) -> bool:
        """Whether a proposal is to be taken as it is: nothing is known of it, or it is sure enough."""
        wanted, sure = self._building.file.shield.confident_from, _number(confidence)
        return wanted is None or confidence is None or (sure is not None and sure >= wanted)

    def is_safe(
        self, asked: Mapping[str, float], past: Past, history: Any, written: bool, forecast: Any = None
    ) -> bool:
        """Whether sound set-points keep every rule, clearly: then they must pass as they are."""
        base = {name: stood.base for name, stood in past.items()}
        if not (
            self.is_inside_limits(asked)
            and self.is_inside_ramps(asked, past)
            and self.is_inside_dwell(asked, past)
            and self.is_inside_own(asked, base)
        ):
            return False
        gap_k = self._building.file.shield.deadband_k
        comfort = self._building.comfort_zones.values()
        if any(asked[r.cooling_setpoint] - asked[r.heating_setpoint] < gap_k + _CLEARLY_K for r in comfort):
            return False
        temps = [asked[r.supply_temp_setpoint] for r in self._building.zones.values()]
        difference_k = self._building.file.shield.neighbour_difference_k
        if difference_k is not None and any(abs(a - b) > difference_k for a, b in itertools.pairwise(temps)):
            return False
        scene = self._scene(past, history, written, forecast)
        return self._keeps_caps(asked, base, history[-1]) and all(
            self._keeps(zone, asked, scene)
            and (scene.learned is None or self._keeps_hour(zone, asked, scene, scene.learned))
            for zone in range(len(self._zones))
        )

    def _keeps_caps(self, asked: Mapping[str, float], base: Mapping[str, float], now: Reading) -> bool:
        """Whether fans and cooling draw no more than they may; where a meter says nothing, whether nothing rises."""
        zones, meters = self._building.zones.values(), self._building.file.meters
        hvac_w, fans_w = self._fresh(now, meters.hvac), self._fresh(now, meters.fans)
        cap_w = self._cap_w("cooling_power_cap_w")
        if hvac_w is None or fans_w is None or hvac_w - fans_w > cap_w:
            temps = [r.supply_temp_setpoint for r in zones] if cap_w < math.inf else []
            if any(asked[name] < base[name] for name in temps):
                return False
        cap_w = self._cap_w("fan_power_cap_w")
        if cap_w == math.inf:
            return True
        moved, drawn = (sum(max(0.0, now[name]) ** 3 for name in names) for names in _flows(self._building))
        for roles in zones:
            flow, servers = asked[roles.supply_flow_setpoint], now[roles.server_flow]
            if fans_w is None or fans_w <= 0.0 or moved == 0.0 or drawn == 0.0:
                if flow > base[roles.supply_flow_setpoint]:
                    return False
            elif servers <= 0.0 or fans_w * (flow / servers) ** 3 * drawn / moved > cap_w * (1.0 - _ROUNDING):
                return False  # every zone at the same multiple of what its servers draw
        return True

    def _cap_w(self, name: str) -> float:
        caps = (getattr(self._building.file.shield, name), getattr(self._operator, name))
        return min((cap for cap in caps if cap is not None), default=math.inf)

    def _fresh(self, now: Reading, name: str) -> float | None:
        """A value that can be true and is not too old."""
        value, age_s = _number(now.values.get(name)), _number(now.age_s.get(name, 0.0))
        low, high = self._measured[name]
        old = age_s is None or abs(age_s) > self._building.file.shield.max_age_s
        return None if value is None or old or not low <= value <= high else value

    def _scene(self, past: Past, history: Any, written: bool, forecast: Any) -> Scene:
        commanded = {name: stood.base for name, stood in past.items()} if written else self.base(history, None)
        is_ours = type(forecast) is Forecast and forecast.bound_k.shape[1] == len(self._zones)
        return Scene(commanded, history, forecast if is_ours else None)

    def _keeps_hour(self, zone: int, asked: Mapping[str, float], scene: Scene, learned: Forecast) -> bool:
        """Whether a zone stays cool enough with these set-points now and the fallback after, by what was learned."""
        roles, now = self._zones[zone], scene.history[-1]
        temp, flow = (self._rules[name] for name in (roles.supply_temp_setpoint, roles.supply_flow_setpoint))
        answer, settings = learned.answer, self._building.file.shield
        setpoint_c, flow_kg_s = asked[roles.supply_temp_setpoint], asked[roles.supply_flow_setpoint]
        before_c = scene.commanded[roles.supply_temp_setpoint]
        off_k = now[roles.supply_temp] - before_c
        heat = max(0.0, now[roles.zone_temp] - now[roles.supply_temp]) * max(0.0, now[roles.supply_flow])
        limit_c = THERMAL_CLASSES[settings.inlet_class].recommended.high_c
        for step in range(learned.steps):
            if step and setpoint_c <= temp.fallback:
                return True
            off_k = answer.keep_frac * off_k - (1.0 - answer.follow_frac) * (setpoint_c - before_c)
            supply_c = setpoint_c + off_k
            share = recirculation_frac(float(learned.leak_frac[zone]), flow_kg_s, max(0.0, now[roles.server_flow]))
            hot_c = supply_c + (heat / flow_kg_s if flow_kg_s > 0.0 else math.inf)
            inlet_c = mixed_temp_c(supply_c, hot_c, share) + float(learned.bias_k[zone])
            if inlet_c > limit_c - max(settings.inlet_margin_k, float(learned.bound_k[step, zone])) - _CLEARLY_K:
                return False
            before_c, setpoint_c = setpoint_c, setpoint_c - temp.ramp_per_step
            flow_kg_s += min(max(flow.fallback - flow_kg_s, -flow.ramp_per_step), flow.ramp_per_step)
        return True

    def _keeps(self, zone: int, asked: Mapping[str, float], scene: Scene) -> bool:
        """Whether a zone has air enough, and cool enough, now and after a step of its servers' load."""
        settings, roles, now = self._building.file.shield, self._zones[zone], scene.history[-1]
        flow = asked[roles.supply_flow_setpoint]
        if flow < settings.min_flow_ratio * now[roles.server_flow]:
            return False
        margin_k = settings.dew_point_margin_k
        if margin_k is not None and asked[roles.supply_temp_setpoint] < now[roles.inlet_dew_point] + margin_k:
            return False
        if not (
            self._keeps_humidity(roles, asked[roles.supply_temp_setpoint], now)
            and self._keeps_changes(zone, asked, scene)
        ):
            return False
        limit_c, load = THERMAL_CLASSES[settings.inlet_class].recommended.high_c, now[roles.it_load]
        later = min(load + settings.load_step_frac, max(1.0, load))
        return all(
            self._inlet_c(zone, asked, scene, at) <= limit_c + margin_k - _CLEARLY_K
            for at, margin_k in ((load, -settings.inlet_margin_k), (later, settings.inlet_margin_k))
        )

    def _inlet_c(self, zone: int, asked: Mapping[str, float], scene: Scene, at_load: float) -> float:
        """The inlet of a zone in the next step, under set-points and a load, with the leak that makes it warmer."""
        leak = self._building.file.parameters["leak_frac"]
        learned = leak if scene.learned is None else max(leak, float(scene.learned.leak_frac[zone]))
        return max(self._leaking_c(zone, asked, scene, at_load, frac) for frac in {leak, learned})

    def _leaking_c(self, zone: int, asked: Mapping[str, float], scene: Scene, at_load: float, leak: float) -> float:
        settings, roles, history, now = self._building.file.shield, self._zones[zone], scene.history, scene.history[-1]
        load = now[roles.it_load]
        explained_c = max(_balance_c(roles, reading, leak) for reading in history[-2:])
        missed_k = max(0.0, now[roles.inlet_temp] - explained_c - settings.inlet_margin_k)
        supply_c, heat, flow = self._supply(roles, asked, scene)
        heat *= self._growth("idle_heat_frac", 0.2, load, at_load)
        drawn = max(0.0, now[roles.server_flow]) * self._growth("idle_flow_frac", 0.4, load, at_load)
        hot_c = max(now[roles.zone_temp], supply_c + (heat / flow if flow > 0.0 else math.inf))
        return mixed_temp_c(supply_c, hot_c, recirculation_frac(leak, flow, drawn)) + missed_k

    def is_hopeless(
        self, given: Mapping[str, float], past: Past, history: Any, written: bool, forecast: Any = None
    ) -> bool:
        """Whether an inlet is beyond its limit, no cooler air can be had, and no airflow takes the margin off it."""
        scene = self._scene(past, history, written, forecast)
        return any(self._is_lost(zone, given, past, scene) for zone in range(len(self._zones)))

    def _is_lost(self, zone: int, given: Mapping[str, float], past: Past, scene: Scene) -> bool:
        settings, roles, now = self._building.file.shield, self._zones[zone], scene.history[-1]
        limit_c = THERMAL_CLASSES[settings.inlet_class].recommended.high_c
        temp, flow = roles.supply_temp_setpoint, roles.supply_flow_setpoint
        margin_k, low, high = settings.dew_point_margin_k, *self._ranges[flow]
        least_c = -math.inf if margin_k is None else now[roles.inlet_dew_point] + margin_k
        temps = () if temp in self._by_hand else (max(given[temp] - _COOLER_K, least_c),)
        flows = () if flow in self._by_hand else (low + (high - low) * part / _PARTS for part in range(_PARTS + 1))
        others = ({**given, temp: t} for t in temps if t < given[temp])
        if any(self._keeps_hard(other, past) for other in others):
            return False
        aired = ({**given, flow: kg_s} for kg_s in flows)
        points = (given, *(other for other in aired if self._keeps_hard(other, past)))
        inlets_c = [self._inlet_c(zone, point, scene, now[roles.it_load]) for point in points]
        return inlets_c[0] > limit_c - _CLEARLY_K and min(inlets_c) > limit_c - settings.inlet_margin_k - _CLEARLY_K

    def _keeps_hard(self, asked: Mapping[str, float], past: Past) -> bool:
        base = {name: stood.base for name, stood in past.items()}
        return (
            self.is_inside_limits(asked)
            and self.is_inside_ramps(asked, past)
            and self.is_inside_dwell(asked, past)
            and self.is_inside_operator(asked, base)
        )

    def _keeps_changes(self, zone: int, asked: Mapping[str, float], scene: Scene) -> bool:
        """Whether an inlet goes no further, by the balance, than it may from the readings of each stretch of time."""
        roles, now, leak = self._zones[zone], scene.history[-1], self._building.file.parameters["leak_frac"]
        supply_c, heat, flow = self._supply(roles, asked, scene)
        share = recirculation_frac(leak, flow, max(0.0, now[roles.server_flow]))
        hot_c = max(now[roles.zone_temp], supply_c + (heat / flow if flow > 0.0 else math.inf))
        late = self._building.file.thermal.inlet_lag_steps > 0 and len(scene.history) > 1
        missed_k = now[roles.inlet_temp] - _balance_c(roles, scene.history[-2] if late else now, leak)
        inlet_c = mixed_temp_c(supply_c, hot_c, share) + missed_k
        coming = [_balance_c(roles, now, leak) + missed_k] if late else []
        for change in self._building.file.shield.inlet_changes:
            until_s = change.within_s - self._building.step_s  # before now: the next reading is one step away
            steps = max(0, int(until_s // self._building.step_s))
            readings = list(scene.history)[-1 - steps + late :] if steps + 1 > late else []
            stood = [*(reading[roles.inlet_temp] for reading in readings), *coming]
            if max(*stood, inlet_c) - min(*stood, inlet_c) > change.max_k - _CLEARLY_K:
                return False
        return True

    def _supply(self, roles: ZoneRoles, asked: Mapping[str, float], scene: Scene) -> tuple[float, float, float]:
        """Supply air to be expected [degC], heat over cp that it carries off now [K kg/s], its flow [kg/s]."""
        now = scene.history[-1]
        excess_k = max(0.0, now[roles.supply_temp] - scene.commanded[roles.supply_temp_setpoint])
        heat = max(0.0, now[roles.zone_temp] - now[roles.supply_temp]) * max(0.0, now[roles.supply_flow])
        return asked[roles.supply_temp_setpoint] + excess_k, heat, asked[roles.supply_flow_setpoint]

    def _keeps_humidity(self, roles: ZoneRoles, supply_c: float, now: Reading) -> bool:
        """Whether the air is neither too moist where it is supplied nor too dry at the inlets, by its dew point now."""
        settings = self._building.file.shield
        if settings.inlet_humidity is None:
            return True
        of, recommended = THERMAL_CLASSES[settings.inlet_class], settings.inlet_humidity == "recommended"
        most = of.recommended_max_rh_frac if recommended else of.allowable_max_rh_frac
        least = 0.0 if recommended else of.allowable_min_rh_frac
        inlet_c = supply_c + max(0.0, now[roles.inlet_temp] - now[roles.supply_temp])
        at = np.array([supply_c, inlet_c])
        moist, dry = relative_humidities_frac(at, np.minimum(at, now[roles.inlet_dew_point])).tolist()
        return bool(moist <= most - _CLEARLY_FRAC and dry >= least + _CLEARLY_FRAC)

    def _growth(self, part: str, unknown: float, load: float, later: float) -> float:
        idle = unknown if self._building.servers is None else getattr(self._building.servers, part)
        return float((idle + (1.0 - idle) * later) / (idle + (1.0 - idle) * load))

    def _now(self, history: Any, name: str) -> float | None:
        """A measured value of the newest reading, if there is one that can be."""
        try:
            value = _number(history[-1].values.get(name)) if name else None
        except Exception:  # noqa: BLE001 - whatever a hostile history does, there is no value in it
            return None
        low, high = self._measured.get(name, (0.0, 0.0))
        return value if value is not None and low <= value <= high else None


def _get(setpoints: Any, name: str) -> Any:
    try:
        return setpoints.by_name.get(name)
    except Exception:  # noqa: BLE001 - whatever hostile set-points do, there is no value in them
        return None


def _flows(building: Building) -> tuple[list[str], list[str]]:
    """The points of supply airflow, and of what the servers draw."""
    zones = building.zones.values()
    return [roles.supply_flow for roles in zones], [roles.server_flow for roles in zones]


def _clipped(value: float | None, low: float, high: float) -> float | None:
    return None if value is None else min(max(value, low), high)


def _number(value: Any) -> float | None:
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _balance_c(roles: ZoneRoles, reading: Reading, leak: float) -> float:
    share = recirculation_frac(leak, reading[roles.supply_flow], reading[roles.server_flow])
    return mixed_temp_c(reading[roles.supply_temp], reading[roles.zone_temp], share)
