"""Writing out `{zone}` and `{Zone}` for every zone, `$parameter` for its value, and `$[arithmetic]` for its result.

A file may declare groups of zones: `{floor}` is the group of the zone in the grouping `floor`. What names `{floor}` and
no zone is written out for every group, and stands for its first zone where it holds `{zone}` within.

In an expression `index` is the number of the zone, from 0, and `count` that of all zones.
"""

from __future__ import annotations

import re
from typing import Any

from .errors import UserError
from .expressions import calculate
from .settings import BuildingFile

_PARAMETER = re.compile(r"\$([a-z][a-z0-9_]*)")


def for_zone(template: str, zone: str, building: BuildingFile) -> str:
    """One text for one zone, and for the groups that it belongs to."""
    text = template.replace("{zone}", zone).replace("{Zone}", building.zones[zone])
    for grouping, groups in building.groups.items():
        if (hole := f"{{{grouping}}}") in text:
            text = text.replace(hole, next(group for group, zones in groups.items() if zone in zones))
    return text


def is_zonal(template: object) -> bool:
    """Whether something stands for every zone."""
    text = str(template)
    return "{zone}" in text or "{Zone}" in text


def fill(tree: Any, building: BuildingFile, zone: str | None = None) -> Any:
    """A copy of a tree of dicts, lists and texts with zones written out and parameters put in.

    A dict entry or list item that holds the zone outside any zone is repeated for every zone.
    """
    if isinstance(tree, dict):
        done: dict[str, Any] = {}
        for key, value in tree.items():
            for z in _zones(key, building, zone):
                done[_text(key, building, z)] = fill(value, building, z)
        return done
    if isinstance(tree, list):
        return [fill(item, building, z) for item in tree for z in _zones(item, building, zone)]
    if isinstance(tree, str):
        return _value(tree, building, zone)
    return tree


def places(template: object, building: BuildingFile) -> list[str | None]:
    """For which zones something is written out: all, one of each group where it names a grouping only, or none.

    Raises UserError for one that names two groupings and no zone.
    """
    if is_zonal(template):
        return list(building.zones)
    named = [grouping for grouping in building.groups if f"{{{grouping}}}" in str(template)]
    if len(named) > 1:
        raise UserError(f"{building.id}: {template!r} names {' and '.join(named)}: give one, or the zone")
    return [zones[0] for zones in building.groups[named[0]].values()] if named else [None]


def _zones(template: object, building: BuildingFile, zone: str | None) -> list[str | None]:
    return [zone] if zone is not None else places(template, building)


def _text(template: str, building: BuildingFile, zone: str | None) -> str:
    return template if zone is None else for_zone(template, zone, building)


def _value(template: str, building: BuildingFile, zone: str | None) -> str | float:
    if "$[" in template:
        calculated = calculate(template, _names(building, zone))
        if not isinstance(calculated, str):
            return calculated
        template = calculated
    whole = _PARAMETER.fullmatch(template)
    if whole:
        return _parameter(whole, building)
    return _PARAMETER.sub(lambda m: repr(_parameter(m, building)), _text(template, building, zone))


def _names(building: BuildingFile, zone: str | None) -> dict[str, float]:
    """What an expression may use."""
    names = {"count": float(len(building.zones)), **building.parameters}
    return names if zone is None else {**names, "index": float(list(building.zones).index(zone))}


def _parameter(match: re.Match[str], building: BuildingFile) -> float:
    try:
        return building.parameters[match[1]]
    except KeyError:
        raise UserError(f"{building.id}: parameter ${match[1]} is used and not declared") from None
