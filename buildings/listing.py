"""What there is to say about each building of the catalogue, as plain rows for tables and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .catalog import Building, building_ids
from .codec import TIME_FEATURES
from .envelope import RECOMMENDED
from .gymnasium_ids import gymnasium_id
from .points import Point
from .servers import ServerType
from .speeds import relative_speed

if TYPE_CHECKING:  # what needs EnergyPlus: the list does not
    from .contract import Report
    from .controllability import Effect
    from .stretches import Stretch

Row = dict[str, Any]


def building_row(building: Building) -> Row:
    """A building in the list."""
    file = building.file
    return {
        "id": building.id,
        "kind": building.kind,
        "title": file.title,
        "model": file.source.model,
        "zones": list(file.zones),
        "actions": [{"setpoint": p.name, "unit": p.unit, "low": p.low, "high": p.high} for p in building.setpoints],
        "observations": [*TIME_FEATURES, *(o.point for o in building.observations)],
        "weathers": list(file.weather),
        "incumbent": file.incumbent,
        "gymnasium": gymnasium_id(building.id) if building.id in building_ids() else None,
        "relative_speed": relative_speed(building.id),
    }


def building_details(building: Building) -> Row:
    """A building with its points, its parameters and every change of its source model with the reason."""
    file = building.file
    return building_row(building) | {
        "steps_per_hour": file.timesteps_per_hour,
        "points": [_point(p) for p in building.points],
        "parameters": dict(file.parameters),
        "servers": file.servers,
        "edits": [edit.why for edit in file.source.edits],
    }


def effect_row(building: Building, effect: Effect) -> Row:
    """What a set-point does when it goes from one end of its range to the other."""
    point = building.point(effect.setpoint)
    return {
        "setpoint": point.name,
        "unit": point.unit,
        "low": point.low,
        "high": point.high,
        "energy_frac": effect.energy_frac,
        "energy_day": effect.energy_day,
        "temperature_k": effect.temperature_k,
        "temperature_point": effect.temperature_point,
        "temperature_day": effect.temperature_day,
        "counts": effect.counts,
    }


def report_row(building: Building, report: Report) -> Row:
    """What a building showed in its contract's runs, by way of choosing set-points, and what it breaks."""
    ways = {one.way: [other for other in report.stretches if other.way == one.way] for one in report.stretches}
    return {
        "building": building.id,
        "zones": len(building.file.zones),
        "actions": len(building.setpoints),
        "observations": len(building.observations) + len(TIME_FEATURES),
        "ways": [_way_row(building, way, seen) for way, seen in ways.items()],
        "effects": [effect_row(building, effect) for effect in report.effects],
        "findings": [asdict(finding) for finding in report.findings],
    }


def _way_row(building: Building, way: str, seen: Sequence[Stretch]) -> Row:
    kinds: Counter[str] = Counter()
    for one in seen:
        kinds.update(one.complaints.kinds)
    steps, seconds = sum(one.steps for one in seen), sum(one.seconds for one in seen)
    return {
        "way": way,
        "steps": steps,
        "steps_per_s": steps / seconds if seconds else None,
        "warnings": sum(one.complaints.warnings or 0 for one in seen),
        "severe": sum(one.complaints.severe or 0 for one in seen),
        "balance_frac": max((one.balance_frac for one in seen), key=abs),
        "kinds": dict(kinds.most_common()),
    }


def server_row(name: str, servers: ServerType) -> Row:
    """A server type in the list, with what follows from its curves at full load."""
    at_design_w, idle_w, cool_w, warm_w = (
        servers.power_w(load_frac, inlet_c, 1.0)
        for load_frac, inlet_c in (
            (1.0, servers.power.at_c),
            (0.0, servers.power.at_c),
            (1.0, RECOMMENDED.low_c),
            (1.0, RECOMMENDED.high_c),
        )
    )
    return {
        "name": name,
        "title": servers.title,
        "class": servers.inlet_class,
        "idle_frac": idle_w / at_design_w,
        "warm_to_cool_frac": warm_w / cool_w - 1.0,
        "fans_frac": servers.fans.frac,
        "airflow_m3_s_per_w": servers.airflow.m3_s_per_w,
        "power_supply_efficiency": servers.power_supply_efficiency,
    }


def _point(point: Point) -> Row:
    return {
        "name": point.name,
        "role": point.role.value,
        "unit": point.unit,
        "low": point.low,
        "high": point.high,
        "help": point.help,
    }
