"""The catalogue: buildings by id, with every template written out."""

from __future__ import annotations

import difflib
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from .errors import UserError
from .points import Point, Role
from .settings import Action, BuildingFile, Observation, ReadFrom, Strict, WriteTo, ZoneRoles, load_yaml
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
        observations: what a learned policy sees, in order.
        actions: how its action array becomes set-points, in the order of `setpoints`.
    """

    file: BuildingFile
    points: tuple[Point, ...]
    sources: Mapping[str, ReadFrom]
    sums: Mapping[str, tuple[str, ...]]
    writes: Mapping[str, WriteTo]
    setpoints: tuple[Point, ...]
    zones: Mapping[str, ZoneRoles]
    observations: tuple[Observation, ...]
    actions: tuple[Action, ...]

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
    entries = _expand(file.points, lambda p: p.name, file)
    observations = _expand(file.observations, lambda o: o.point, file)
    actions = _expand(file.actions, lambda a: a.setpoint, file)
    points = tuple(Point(name=e.name, unit=e.unit, role=e.role, low=e.low, high=e.high, help=e.help) for e in entries)
    names = {p.name for p in points}
    if len(names) != len(points):
        raise UserError(f"{file.id}: a point name stands twice")
    zones = {
        zone: ZoneRoles(**{part: for_zone(name, zone, file) for part, name in file.zone_roles}) for zone in file.zones
    }
    used = [name for roles in zones.values() for _, name in roles]
    used += [name for _, name in file.meters] + [file.outdoor_temp, file.it_load]
    used += [part for e in entries for part in e.sum_of] + [o.point for o in observations]
    used += [name for a in actions for name in (a.setpoint, a.per) if name]
    if unknown := sorted(set(used) - names):
        raise UserError(f"{file.id}: {', '.join(unknown)}: used, and not among the points")
    setpoints = tuple(p for p in points if p.role is Role.SETPOINT)
    if [a.setpoint for a in actions] != [p.name for p in setpoints]:
        raise UserError(f"{file.id}: actions must name every set-point once, in the order of the points")
    return Building(
        file=file,
        points=points,
        sources=MappingProxyType({e.name: e.read for e in entries if e.read}),
        sums=MappingProxyType({e.name: e.sum_of for e in entries if e.sum_of}),
        writes=MappingProxyType({e.name: e.write for e in entries if e.write}),
        setpoints=setpoints,
        zones=MappingProxyType(zones),
        observations=observations,
        actions=actions,
    )


def _expand[T: Strict](entries: Sequence[T], named: Callable[[T], str], file: BuildingFile) -> tuple[T, ...]:
    """Writes out zonal entries; neighbouring zonal entries stay together, zone by zone."""
    return tuple(
        type(entry).model_validate(_fill(entry.model_dump(), zone, file))
        for zonal, group in itertools.groupby(entries, lambda e: is_zonal(named(e)))
        for zone, entry in itertools.product(file.zones if zonal else [""], list(group))
    )


def _fill(value: object, zone: str, file: BuildingFile) -> object:
    if isinstance(value, str) and zone:
        return for_zone(value, zone, file)
    if isinstance(value, dict):
        return {k: _fill(v, zone, file) for k, v in value.items()}
    return value
