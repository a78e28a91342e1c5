"""What the shield promises of the air, worked out the plain way: forwards, from set-points to the inlets.

Source: mass and heat balance as in safety/prediction.py; ranges in buildings/envelope.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac
from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.points import Reading
from airhandler.buildings.psychrometrics import relative_humidities_frac
from airhandler.buildings.settings import ZoneRoles
from airhandler.safety.forecast import Forecast
from airhandler.safety.operator_limits import OperatorFile

CLEARLY_K = 1e-6
"""Nearer to a bound than this, forwards and backwards may differ by rounding."""

_CLEARLY_FRAC = 1e-5  # the same of relative humidity, whose pressures are read from a table backwards
_ROUNDING = 1e-9


class Scene(NamedTuple):
    """What a zone's inlet is worked out from: what the building was told, what it shows, and what was learned."""

    commanded: Mapping[str, float]
    history: Sequence[Reading]
    learned: Forecast | None


class AirOracle:
    """Judges what set-points do to the air of one building's server zones."""

    def __init__(self, building: Building, operator: OperatorFile) -> None:
        self._building, self._operator = building, operator
        self._zones = tuple(building.zones.values())
        self._rules = dict(zip((p.name for p in building.setpoints), building.rules, strict=True))
        self._measured = {p.name: (p.low, p.high) for p in building.points}

    def keeps(self, asked: Mapping[str, float], scene: Scene) -> bool:
        """Whether every zone has air enough, and cool enough, now and for the hour; clearly."""
        return all(
            self._keeps(zone, asked, scene)
            and (scene.learned is None or self._keeps_hour(zone, asked, scene, scene.learned))
            for zone in range(len(self._zones))
        )

    def keeps_caps(self, asked: Mapping[str, float], base: Mapping[str, float], now: Reading) -> bool:
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
        value, age_s = number(now.values.get(name)), number(now.age_s.get(name, 0.0))
        low, high = self._measured[name]
        old = age_s is None or abs(age_s) > self._building.file.shield.max_age_s
        return None if value is None or old or not low <= value <= high else value

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
            if inlet_c > limit_c - max(settings.inlet_margin_k, float(learned.bound_k[step, zone])) - CLEARLY_K:
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
            self.inlet_c(zone, asked, scene, at) <= limit_c + margin_k - CLEARLY_K
            for at, margin_k in ((load, -settings.inlet_margin_k), (later, settings.inlet_margin_k))
        )

    def inlet_c(self, zone: int, asked: Mapping[str, float], scene: Scene, at_load: float) -> float:
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
            if max(*stood, inlet_c) - min(*stood, inlet_c) > change.max_k - CLEARLY_K:
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


def _flows(building: Building) -> tuple[list[str], list[str]]:
    """The points of supply airflow, and of what the servers draw."""
    zones = building.zones.values()
    return [roles.supply_flow for roles in zones], [roles.server_flow for roles in zones]


def number(value: Any) -> float | None:
    """A finite plain float, or None."""
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
