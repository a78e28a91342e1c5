"""Offices for the tests: plausible readings of them, and set-points."""

from __future__ import annotations

import datetime as dt

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.points import Reading, Role, Setpoints

SMALL = find_building("office-5zone")
MEDIUM = find_building("office-medium")
IDS = ("office-5zone", "office-medium")
MONDAY = dt.datetime(2026, 7, 6, 12, 0, tzinfo=dt.UTC)


def values(building: Building = SMALL, *, temp_c: float = 23.0, people: float = 5.0) -> dict[str, float | None]:
    """Every measured point on a workday, with the same temperature and as many people in every zone."""
    made: dict[str, float | None] = {
        p.name: (p.low + p.high) / 2 for p in building.points if p.role is not Role.SETPOINT
    }
    for point, rule in zip(building.setpoints, building.rules, strict=True):
        if rule.shown_by:
            made[rule.shown_by] = rule.fallback
        assert point.low <= rule.fallback <= point.high
    for zone in building.comfort_zones.values():
        made |= {zone.zone_temp: temp_c, zone.occupants: people}
    assert building.file.workday is not None
    return {**made, building.file.outdoor_temp: 10.0, building.file.workday.point: 1.0}


def reading(building: Building = SMALL, time: dt.datetime = MONDAY, **changes: float | None) -> Reading:
    """A plausible reading with some values changed."""
    return Reading(time=time, values={**values(building), **changes})


def setpoints(
    heating_c: float, cooling_c: float, supply_c: float = 15.0, building: Building = SMALL, **changes: float
) -> Setpoints:
    """The same pair for every zone, the same supply air for every air handler, with some changed."""
    made: dict[str, float] = {}
    for p in building.setpoints:
        made[p.name] = heating_c if "heating" in p.name else cooling_c if "cooling" in p.name else supply_c
    return Setpoints({**made, **changes})
