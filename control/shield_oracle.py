"""What the shield promises, worked out the plain way: from the building file, without its rules.

What the air does is in air_oracle.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.points import Setpoints
from airhandler.safety.forecast import Forecast
from airhandler.safety.operator_limits import OperatorFile

from .air_oracle import CLEARLY_K, AirOracle, Scene, number

_ROUNDING = 1e-9
_COOLER_K, _PARTS = 0.001, 20  # what is tried beside set-points that are said to be all that can be done


class Stood(NamedTuple):
    """What was in force of one set-point: in the steps before, the newest last, and now."""

    before: Sequence[float | None]
    base: float


type Past = Mapping[str, Stood]


class Oracle:
    """Judges what left the shield of one building."""

    def __init__(self, building: Building, operator: OperatorFile | None = None) -> None:
        self._building = building
        self._zones = tuple(building.zones.values())
        self._operator = operator or OperatorFile()
        self._air = AirOracle(building, self._operator)
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
                [_clipped(number(_get(step, name)), *ends) for step in steps if self._is_paced(name)], base[name]
            )
            for name, ends in self._ranges.items()
        }

    def _is_paced(self, name: str) -> bool:
        return self._rules[name].ramp_per_hour is not None or self._rules[name].dwell_s is not None

    def base(self, history: Any, in_force: Any) -> dict[str, float]:
        """Where the set-points stand: commanded, else measured, else the fallback, inside their limits."""
        base = {}
        for name, (low, high) in self._ranges.items():
            value = number(_get(in_force, name))
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
        wanted, sure = self._building.file.shield.confident_from, number(confidence)
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
        if any(asked[r.cooling_setpoint] - asked[r.heating_setpoint] < gap_k + CLEARLY_K for r in comfort):
            return False
        temps = [asked[r.supply_temp_setpoint] for r in self._building.zones.values()]
        difference_k = self._building.file.shield.neighbour_difference_k
        if difference_k is not None and any(abs(a - b) > difference_k for a, b in itertools.pairwise(temps)):
            return False
        scene = self._scene(past, history, written, forecast)
        return self._air.keeps_caps(asked, base, history[-1]) and self._air.keeps(asked, scene)

    def _scene(self, past: Past, history: Any, written: bool, forecast: Any) -> Scene:
        commanded = {name: stood.base for name, stood in past.items()} if written else self.base(history, None)
        is_ours = type(forecast) is Forecast and forecast.bound_k.shape[1] == len(self._zones)
        return Scene(commanded, history, forecast if is_ours else None)

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
        inlets_c = [self._air.inlet_c(zone, point, scene, now[roles.it_load]) for point in points]
        return inlets_c[0] > limit_c - CLEARLY_K and min(inlets_c) > limit_c - settings.inlet_margin_k - CLEARLY_K

    def _keeps_hard(self, asked: Mapping[str, float], past: Past) -> bool:
        base = {name: stood.base for name, stood in past.items()}
        return (
            self.is_inside_limits(asked)
            and self.is_inside_ramps(asked, past)
            and self.is_inside_dwell(asked, past)
            and self.is_inside_operator(asked, base)
        )

    def _now(self, history: Any, name: str) -> float | None:
        """A measured value of the newest reading, if there is one that can be."""
        try:
            value = number(history[-1].values.get(name)) if name else None
        except Exception:  # noqa: BLE001 - whatever a hostile history does, there is no value in it
            return None
        low, high = self._measured.get(name, (0.0, 0.0))
        return value if value is not None and low <= value <= high else None


def _get(setpoints: Any, name: str) -> Any:
    try:
        return setpoints.by_name.get(name)
    except Exception:  # noqa: BLE001 - whatever hostile set-points do, there is no value in them
        return None


def _clipped(value: float | None, low: float, high: float) -> float | None:
    return None if value is None else min(max(value, low), high)
