"""Writing out `{zone}` and `{Zone}` for every zone, and `$parameter` for its value."""

from __future__ import annotations

import re
from typing import Any

from .errors import UserError
from .settings import BuildingFile

_PARAMETER = re.compile(r"\$([a-z][a-z0-9_]*)")


def for_zone(template: str, zone: str, building: BuildingFile) -> str:
    """One text for one zone."""
    return template.replace("{zone}", zone).replace("{Zone}", building.zones[zone])


def is_zonal(template: object) -> bool:
    """Whether something stands for every zone."""
    text = str(template)
    return "{zone}" in text or "{Zone}" in text


def fill(tree: Any, building: BuildingFile, zone: str | None = None) -> Any:
    """A copy of a tree of dicts, lists and texts with zones written out and parameters put in.

    A dict entry or list item that names the zone outside any zone is repeated for every zone.
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


def _zones(template: object, building: BuildingFile, zone: str | None) -> list[str | None]:
    if zone is not None or not (isinstance(template, str) and is_zonal(template)):
        return [zone]
    return list(building.zones)


def _text(template: str, building: BuildingFile, zone: str | None) -> str:
    return template if zone is None else for_zone(template, zone, building)


def _value(template: str, building: BuildingFile, zone: str | None) -> str | float:
    whole = _PARAMETER.fullmatch(template)
    if whole:
        return _parameter(whole, building)
    return _PARAMETER.sub(lambda m: repr(_parameter(m, building)), _text(template, building, zone))


def _parameter(match: re.Match[str], building: BuildingFile) -> float:
    try:
        return building.parameters[match[1]]
    except KeyError:
        raise UserError(f"{building.id}: parameter ${match[1]} is used and not declared") from None
