"""Buildings for the benchmark of the shield: those of the catalogue with other limits and settings.

What a user could write into a building file and the catalogue accepts; and what an operator could fix by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from airhandler.buildings.catalog import Building, expand, find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Role
from airhandler.buildings.settings import BuildingFile, InletChange, SetpointRule, ShieldFile
from airhandler.safety.operator_limits import OperatorFile, OperatorRange
from airhandler.safety.shield import Shield

BUILDINGS = (
    ("datacentre-crac",),
    ("datacentre-dx",),
    ("datacentre-cw",),
    ("data-hall-4", "data-hall-16", "data-hall-64"),
    ("office-5zone",),
    ("office-medium",),
)
"""One zone, two, many, and offices: every kind of rule. Every family is drawn as often as another."""


def altered_building(rng: Random) -> tuple[Building, Shield, OperatorFile | None]:
    """A building of the catalogue with other limits, fallbacks, ramps and settings, and what an operator has fixed."""
    name = rng.choice(rng.choice(BUILDINGS))
    while True:
        try:
            building = expand(_altered(find_building(name).file, rng))
            operator = _operator(building, rng)
            return building, Shield(building, operator), operator
        except UserError:  # a file that is refused guards nothing: another one
            continue


def _altered(file: BuildingFile, rng: Random) -> BuildingFile:
    points, limits = [], {}
    for point in file.points:
        if point.role is Role.SETPOINT:
            low, high = point.low, point.high
            span = high - low
            low, high = low + rng.choice((0.0, rng.uniform(0, 0.4))) * span, high - rng.choice((0.0, 0.3)) * span
            limits[point.name] = low, high
            point = point.model_copy(update={"low": low, "high": high})
        points.append(point)
    parameters = file.parameters
    if "leak_frac" in parameters:
        parameters = {**parameters, "leak_frac": rng.choice((0.0, 0.05, rng.uniform(0, 0.99)))}
    return file.model_copy(
        update={"points": tuple(points), "parameters": parameters, "shield": _shield_file(file, limits, rng)}
    )


def _shield_file(file: BuildingFile, limits: Mapping[str, tuple[float, float]], rng: Random) -> ShieldFile:
    factor = rng.choice((1.0, rng.uniform(0.1, 3.0), 1e-9, 1e6))
    rules = {name: _rule(rule, limits[name], factor, rng) for name, rule in file.shield.setpoints.items()}
    stuck = tuple(name for name in file.shield.stuck_points if rng.random() < 0.7)
    return file.shield.model_copy(
        update={
            "setpoints": rules,
            "inlet_class": rng.choice(("A1", "A2", "A3", "A4")),
            "inlet_margin_k": rng.choice((0.0, 0.3, rng.uniform(0, 3))),
            "min_flow_ratio": rng.choice((1.0, rng.uniform(0.1, 2))),
            "load_step_frac": rng.choice((0.0, 0.25, rng.uniform(0, 1))),
            "dew_point_margin_k": rng.choice((None, None, rng.uniform(0, 5))) if file.zone_roles else None,
            "neighbour_difference_k": rng.choice((None, None, rng.uniform(0.1, 5))) if file.zone_roles else None,
            "inlet_humidity": rng.choice((None, None, "recommended", "allowable")) if file.zone_roles else None,
            "inlet_changes": _inlet_changes(rng) if file.zone_roles else (),
            "fan_power_cap_w": _cap_w(file, file.meters.fans, rng),
            "cooling_power_cap_w": _cap_w(file, file.meters.hvac, rng),
            "confident_from": rng.choice((None, None, 1.0, rng.uniform(0.01, 1.0))),
            "deadband_k": rng.choice((0.0, 1.0, rng.uniform(0, 2))),
            "max_age_s": rng.choice((1.0, 1800.0, rng.uniform(1, 7200))),
            "stuck_after_steps": rng.randint(2, 8),
            "stuck_points": stuck,
        }
    )


def _inlet_changes(rng: Random) -> tuple[InletChange, ...]:
    """None, ASHRAE's, or any."""
    ours = InletChange(max_k=5.0, within_s=900.0), InletChange(max_k=20.0, within_s=3600.0)
    any_other = InletChange(max_k=rng.uniform(0.1, 10), within_s=rng.uniform(60, 10_000))
    return rng.choice(((), (), ours, (any_other,)))


def _cap_w(file: BuildingFile, meter: str, rng: Random) -> float | None:
    """None, or any power that a meter may show."""
    (high_w,) = (point.high for point in file.points if point.name == meter)
    return rng.choice((None, None, rng.uniform(0.01, 1.0) * high_w)) if file.zone_roles else None


def _operator(building: Building, rng: Random) -> OperatorFile | None:
    """Now and then some limits and locks."""
    if rng.random() < 0.75:
        return None
    fixed = {p.name: sorted((rng.uniform(p.low, p.high), rng.uniform(p.low, p.high))) for p in building.setpoints}
    chosen = {name: ends for name, ends in fixed.items() if rng.random() < 0.4}
    locks = tuple(name for name in fixed if rng.random() < 0.2)
    limits = {
        name: rng.choice((OperatorRange(low=low, high=high), OperatorRange(low=low), OperatorRange(high=high)))
        for name, (low, high) in chosen.items()
    }
    meters = building.file.meters
    return OperatorFile(
        limits=limits,
        locks=locks,
        fan_power_cap_w=_cap_w(building.file, meters.fans, rng),
        cooling_power_cap_w=_cap_w(building.file, meters.hvac, rng),
    )


def _rule(rule: SetpointRule, limits: tuple[float, float], factor: float, rng: Random) -> SetpointRule:
    low, high = limits
    kept = min(high, max(low, rule.fallback))
    fallback = rng.choice((kept, low, high, rng.uniform(low, high)))
    step = rule.ramp_per_step * factor
    held = None if rule.held is None or rule.held_above else min(high, max(low, rule.held))
    return rule.model_copy(
        update={
            "fallback": fallback,
            "ramp_per_step": step,
            "ramp_per_hour": rng.choice((*[None] * 6, step, step * rng.uniform(1, 6))),
            "dwell_s": rng.choice((*[None] * 6, 900.0, rng.uniform(1, 7200))),
            "held": rule.held if rule.held_above else held,
        }
    )
