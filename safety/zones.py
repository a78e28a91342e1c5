"""Where the set-points of each server zone stand in the box."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from airhandler.buildings.catalog import Building
from airhandler.buildings.known import Array
from airhandler.buildings.settings import ZoneRoles

from .sweep import packer, picking


class ZonePart(NamedTuple):
    """One zone: its name, its points, and where its set-points stand in the box."""

    name: str
    roles: ZoneRoles
    temp: int
    flow: int


def zone_parts(building: Building) -> tuple[ZonePart, ...]:
    """The zones of a building, in its order."""
    place = {point.name: index for index, point in enumerate(building.setpoints)}
    return tuple(
        ZonePart(zone, roles, place[roles.supply_temp_setpoint], place[roles.supply_flow_setpoint])
        for zone, roles in building.zones.items()
    )


def picker(zones: tuple[ZonePart, ...], parts: Sequence[str]) -> Callable[[Mapping[str, float]], Array]:
    """Takes these parts of every zone out of the values of a reading [parts, zones]."""
    names = [getattr(zone.roles, part) for part in parts for zone in zones]
    pick, as_array = picking(names), packer(len(names))
    return lambda values: as_array(pick(values)).reshape(len(parts), -1)
