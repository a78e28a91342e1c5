"""What the shield promises, worked out the plain way: forwards, from the building file, without its rules.

Source: mass and heat balance as in safety/prediction.py; ranges in buildings/envelope.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac
from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.settings import ZoneRoles

_CLEARLY_K = 1e-6  # nearer to a bound than this, forwards and backwards may differ by rounding


class Oracle:
    """Judges what left the shield of one building."""

    def __init__(self, building: Building) -> None:
        self._building = building
        self._ranges = {p.name: (p.low, p.high) for p in building.setpoints}
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

    def is_inside_ramps(self, given: Mapping[str, float], base: Mapping[str, float]) -> bool:
        """Whether every set-point is at most its ramp from where it stood."""
        return all(abs(given[name] - base[name]) <= rule.ramp_per_step for name, rule in self._rules.items())

    def base(self, history: Any, in_force: Any) -> dict[str, float]:
        """Where the set-points stand: commanded, else measured, else the fallback, inside their limits."""
        commanded = in_force.by_name if isinstance(in_force, Setpoints) else {}
        base = {}
        for name, (low, high) in self._ranges.items():
            value = _number(_get(commanded, name))
            if value is None:
                value = self._now(history, self._shown[name])
            base[name] = min(max(self._rules[name].fallback if value is None else value, low), high)
        return base

    def approached(self, base: Mapping[str, float]) -> dict[str, float]:
        """Where the fallback leads from there in one step."""
        return {
            name: base[name] + min(max(rule.fallback - base[name], -rule.ramp_per_step), rule.ramp_per_step)
            for name, rule in self._rules.items()
        }

    def is_safe(self, asked: Mapping[str, float], base: Mapping[str, float], history: Any, written: bool) -> bool:
        """Whether sound set-points keep every rule, clearly: then they must pass as they are."""
        if not (self.is_inside_limits(asked) and self.is_inside_ramps(asked, base)):
            return False
        gap_k = self._building.file.shield.deadband_k
        comfort = self._building.comfort_zones.values()
        if any(asked[r.cooling_setpoint] - asked[r.heating_setpoint] < gap_k + _CLEARLY_K for r in comfort):
            return False
        commanded = base if written else self.base(history, None)
        return all(self._keeps(r, asked, commanded, history) for r in self._building.zones.values())

    def _keeps(
        self, roles: ZoneRoles, asked: Mapping[str, float], commanded: Mapping[str, float], history: Sequence[Reading]
    ) -> bool:
        """Whether a zone has air enough, and cool enough, now and after a step of its servers' load."""
        settings, now = self._building.file.shield, history[-1]
        flow = asked[roles.supply_flow_setpoint]
        if flow < settings.min_flow_ratio * now[roles.server_flow]:
            return False
        leak = self._building.file.parameters["leak_frac"]
        explained_c = max(_balance_c(roles, reading, leak) for reading in history[-2:])
        missed_k = max(0.0, now[roles.inlet_temp] - explained_c - settings.inlet_margin_k)
        excess_k = max(0.0, now[roles.supply_temp] - commanded[roles.supply_temp_setpoint])
        supply_c = asked[roles.supply_temp_setpoint] + excess_k
        heat = max(0.0, now[roles.zone_temp] - now[roles.supply_temp]) * max(0.0, now[roles.supply_flow])
        limit_c = THERMAL_CLASSES[settings.inlet_class].recommended.high_c
        load = now[roles.it_load]
        later = min(load + settings.load_step_frac, max(1.0, load))
        for at, margin_k in ((load, -settings.inlet_margin_k), (later, settings.inlet_margin_k)):
            heat_then = heat * self._growth("idle_heat_frac", 0.2, load, at)
            drawn = max(0.0, now[roles.server_flow]) * self._growth("idle_flow_frac", 0.4, load, at)
            share = recirculation_frac(leak, flow, drawn)
            hot_c = max(now[roles.zone_temp], supply_c + (heat_then / flow if flow > 0.0 else math.inf))
            if mixed_temp_c(supply_c, hot_c, share) + missed_k > limit_c + margin_k - _CLEARLY_K:
                return False
        return True

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


def _get(values: Any, name: str) -> Any:
    try:
        return values.get(name)
    except Exception:  # noqa: BLE001 - whatever hostile set-points do, there is no value in them
        return None


def _number(value: Any) -> float | None:
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
