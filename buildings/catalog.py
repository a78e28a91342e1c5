"""The catalogue: buildings by id, with every template written out."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from .errors import UserError
from .points import Point, Role
from .settings import BuildingFile, PointFile, ReadFrom, WriteTo, ZoneRoles, load_yaml
from .templates import for_zone, is_zonal

_MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True, kw_only=True, eq=False)
class Building:
    """One building with its points written out for every zone.

    Attributes:
        file: the building file as declared.
        points: every point, in file order; zonal points follow each other zone by zone.
        sources: where EnergyPlus has each measured point.
        sums: points that are the sum of others.
        writes: the EnergyPlus actuator of each set-point.
        setpoints: the set-point points, in order: the order of every action array.
        zones: the points of each zone, by the part they play.
    """

    file: BuildingFile
    points: tuple[Point, ...]
    sources: Mapping[str, ReadFrom]
    sums: Mapping[str, tuple[str, ...]]
    writes: Mapping[str, WriteTo]
    setpoints: tuple[Point, ...]
    zones: Mapping[str, ZoneRoles]

    @property
    def id(self) -> str:
        """The name on the command line."""
        return self.file.id

    @property
    def step_s(self) -> float:
        """Length of a control step [s]."""
        return 3600.0 / self.file.timesteps_per_hour

    def point(self, name: str) -> Point:
        """A point by name. Raises UserError with the nearest names."""
        for point in self.points:
            if point.name == name:
                return point
        near = difflib.get_close_matches(name, [p.name for p in self.points], n=3)
        raise UserError(f"{self.id}: no point {name!r}; nearest: {', '.join(near)}")


def building_ids() -> list[str]:
    """The ids of all buildings, sorted."""
    return sorted(path.stem for path in _MODELS.glob("*.yaml"))


@functools.cache
def find_building(name: str) -> Building:
    """A building by its id. Raises UserError with the nearest ids for an unknown one."""
    if name not in building_ids():
        near = difflib.get_close_matches(name, building_ids(), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UserError(f"building {name!r} is not known: {hint}`airhandler buildings` lists all")
    return expand(load_yaml(_MODELS / f"{name}.yaml", BuildingFile))


def expand(file: BuildingFile) -> Building:
    """Writes out every template of a building file. Raises UserError for a name that does not exist."""
    written = [
        (PointFile.model_validate(_fill(entry, zone, file)), zone)
        for group in _groups(file.points)
        for zone in (file.zones if is_zonal(group[0].name) else [""])
        for entry in group
    ]
    entries = [entry for entry, _ in written]
    points = tuple(
        Point(name=e.name, unit=e.unit, role=e.role, low=e.low, high=e.high, help=e.help) for e in entries
    )
    names = {p.name for p in points}
    if len(names) != len(points):
        raise UserError(f"{file.id}: a point name stands twice")
    zones = {
        zone: ZoneRoles(**{part: for_zone(name, zone, file) for part, name in file.zone_roles})
        for zone in file.zones
    }
    used = [name for roles in zones.values() for _, name in roles]
    used += [name for _, name in file.meters] + [file.outdoor_temp, file.it_load]
    used += [part for e in entries for part in e.sum_of]
    if unknown := sorted(set(used) - names):
        raise UserError(f"{file.id}: {', '.join(unknown)}: used, and not among the points")
    return Building(
        file=file,
        points=points,
        sources=MappingProxyType({e.name: e.read for e in entries if e.read}),
        sums=MappingProxyType({e.name: e.sum_of for e in entries if e.sum_of}),
        writes=MappingProxyType({e.name: e.write for e in entries if e.write}),
        setpoints=tuple(p for p in points if p.role is Role.SETPOINT),
        zones=MappingProxyType(zones),
    )


def _groups(points: tuple[PointFile, ...]) -> list[list[PointFile]]:
    """Neighbouring zonal points in one group, so that a zone's points stand together; others alone."""
    groups: list[list[PointFile]] = []
    for point in points:
        if groups and is_zonal(point.name) and is_zonal(groups[-1][-1].name):
            groups[-1].append(point)
        else:
            groups.append([point])
    return groups


def _fill(entry: PointFile, zone: str, file: BuildingFile) -> dict[str, object]:
    def walk(value: object) -> object:
        if isinstance(value, str) and zone:
            return for_zone(value, zone, file)
        if isinstance(value, dict):
            return {k: walk(v) for k, v in value.items()}
        return value

    filled = walk(entry.model_dump())
    assert isinstance(filled, dict)
    return filled
