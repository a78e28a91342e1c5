"""What a building file wires together: each name is a point, measured where it is read, a set-point where it is set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .errors import UserError

if TYPE_CHECKING:
    from .catalog import Building


def check_wiring(building: Building) -> None:
    """Raises UserError with where each name stands that cannot play its part."""
    points, setpoints = {p.name for p in building.points}, {p.name for p in building.setpoints}
    measured = building.sources.keys() | building.sums.keys()
    problems = []
    for uses, fitting, words in (
        (_read(building), measured, "must be measured: a point with 'read' or 'sum_of'"),
        (_set(building), setpoints, "must be a set-point"),
        (_summed(building), building.sources.keys(), "must be a point with 'read'"),
    ):
        for where, name in uses:
            if name not in fitting:
                problems.append(f"{where}: {name}: {words if name in points else 'not among the points'}")
    if problems:
        raise UserError(f"{building.id}: {'; '.join(dict.fromkeys(problems))}")
    _check_pairs(building)


def _read(building: Building) -> Iterator[tuple[str, str]]:
    """Where a point is read, and its name."""
    file = building.file
    for part, name in file.meters.named().items():
        yield f"meters.{part}", name
    yield "outdoor_temp", file.outdoor_temp
    if file.workday is not None:
        yield "workday.point", file.workday.point
    yield from ((where, name) for where, name in _roles(building) if not _is_setpoint(where))
    for observation in building.observations:
        yield "observations", observation.point
    for action in building.actions:
        if action.per is not None:
            yield f"actions.{action.setpoint}.per", action.per
    for point, rule in zip(building.setpoints, building.rules, strict=True):
        for field, shown in (("shown_by", rule.shown_by), ("held_above", rule.held_above)):
            if shown is not None:
                yield f"shield.setpoints.{point.name}.{field}", shown


def _set(building: Building) -> Iterator[tuple[str, str]]:
    """Where a set-point is meant, and its name."""
    return ((where, name) for where, name in _roles(building) if _is_setpoint(where))


def _summed(building: Building) -> Iterator[tuple[str, str]]:
    """Sums, and the name of each part."""
    return ((f"points.{total}.sum_of", part) for total, parts in building.sums.items() for part in parts)


def _roles(building: Building) -> Iterator[tuple[str, str]]:
    for kind, zones in (("zone_roles", building.zones), ("comfort_roles", building.comfort_zones)):
        for roles in zones.values():
            for part, name in roles.named().items():
                yield f"{kind}.{part}", name


def _is_setpoint(where: str) -> bool:
    return where.endswith("_setpoint")


def _check_pairs(building: Building) -> None:
    """Raises UserError where heating could be commanded above cooling: EnergyPlus ends such a run."""
    for roles in building.comfort_zones.values():
        heating, cooling = building.point(roles.heating_setpoint), building.point(roles.cooling_setpoint)
        if heating.high > cooling.low:
            raise UserError(
                f"{building.id}: {heating.name} goes up to {heating.high:g} and {cooling.name} down to "
                f"{cooling.low:g}: the highest heating set-point must not be above the lowest cooling set-point"
            )
