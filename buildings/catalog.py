"""The catalogue: buildings by id, with every template written out."""

from __future__ import annotations

import difflib
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from .errors import UserError
from .fault_files import EquipmentFault, equipment_faults
from .generate import family_of, generated
from .inherit import inherited
from .own_file import beside
from .points import Point, Reading, Role
from .randomise import check_randomise
from .servers import ServerType, find_servers
from .settings import (
    Action,
    BuildingFile,
    ComfortRoles,
    DriveFile,
    Observation,
    ReadFrom,
    SetpointRule,
    Strict,
    WriteTo,
    ZoneRoles,
    load_yaml,
    read_yaml,
    validate,
)
from .sinergym import PREFIX, is_sinergym
from .templates import for_zone, places
from .wiring import check_wiring
from .world import World

Kind = Literal["data centre", "office"]
"""What the zones of a building hold: servers, or people."""

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
        drives: inputs of the world, in order.
        faults: what can break, by name.
        zones: the points of each server zone, by the part they play; none in an office.
        comfort_zones: the points of each occupied zone; none in a data centre.
        servers: what its servers are; None in an office.
        rules: the shield's settings of each set-point, in the order of `setpoints`.
        observations: what a learned policy sees, in order.
        actions: how its action array becomes set-points, in the order of `setpoints`.
        world: what surrounds it; its signals are the last points and observations.
        path: where a user's own building file is; None for a building of the catalogue.
    """

    file: BuildingFile
    points: tuple[Point, ...]
    sources: Mapping[str, ReadFrom]
    sums: Mapping[str, tuple[str, ...]]
    writes: Mapping[str, WriteTo]
    setpoints: tuple[Point, ...]
    drives: tuple[DriveFile, ...]
    faults: Mapping[str, EquipmentFault]
    zones: Mapping[str, ZoneRoles]
    comfort_zones: Mapping[str, ComfortRoles]
    servers: ServerType | None
    rules: tuple[SetpointRule, ...]
    observations: tuple[Observation, ...]
    actions: tuple[Action, ...]
    world: World | None = None
    path: Path | None = None

    @property
    def reference(self) -> str:
        """What `find_building` finds it by, wherever the command runs: its id, or the path of its own file."""
        return self.id if self.path is None else str(self.path)

    @property
    def id(self) -> str:
        """The name on the command line."""
        return self.file.id

    @property
    def kind(self) -> Kind:
        """What its zones hold: servers, or people."""
        return "data centre" if self.zones else "office"

    def held(self, reading: Reading) -> dict[str, float]:
        """Where a rule-based controller holds set-points that it has no rule for. Raises KeyError as Reading does."""
        return {p.name: _held(p, rule, reading) for p, rule in zip(self.setpoints, self.rules, strict=True)}

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


@functools.cache
def building_ids() -> list[str]:
    """The ids of all buildings, sorted: of a family those sizes that its file lists."""
    found: list[str] = []
    for path in _MODELS.glob("*.yaml"):
        family = _declared(path.stem).get("generate")
        found += [f"{path.stem}-{size}" for size in family["sizes"]] if family else [path.stem]
    return sorted(found, key=_natural)


def find_building(name: str, servers: str | None = None) -> Building:
    """A building by its id, or by the path of a building file (`my-site.yaml`); the same object each time.

    Args:
        name: its id or path.
        servers: a server type in place of the building's own; the points stay what they are.

    Raises UserError with the nearest ids for an unknown one, and with the path of every error in a file.
    """
    return _of_file(Path(name), servers) if is_building_file(name) else _of_catalogue(name, servers)


def is_building_file(name: str) -> bool:
    """Whether a building's name is the path of a user's own file."""
    return name.endswith((".yaml", ".yml"))


def _of_file(path: Path, servers: str | None) -> Building:
    try:
        return _read_own(path.resolve(), path.stat().st_mtime_ns, servers)
    except OSError as error:
        raise UserError(f"building {str(path)!r}: {error.strerror or error}") from error


@functools.lru_cache(maxsize=32)
def _read_own(path: Path, changed: int, servers: str | None) -> Building:
    """A user's own building file; `changed` [ns] makes an edited file a new one."""
    raw = inherited(read_yaml(path), lambda base: _base(base, where=str(path)), where=str(path))
    file = validate(beside(raw, path.parent), BuildingFile, where=str(path))
    if file.id in building_ids():
        raise UserError(f"{path}: id {file.id!r} is one of the catalogue's: choose another")
    return expand(_with_servers(file, servers), path)


@functools.cache
def _of_catalogue(name: str, servers: str | None) -> Building:
    if is_sinergym(name):
        raise UserError(
            f"building {name!r} is one of Sinergym's environments, which has no points and no shield: what takes it is"
            " `airhandler train` and `evaluate`, `airhandler buildings show`, and airhandler.make in Python"
        )
    return expand(_with_servers(_read(name), servers))


def _read(name: str) -> BuildingFile:
    """The file of a building. Raises UserError with the nearest ids."""
    raw = _raw(name)
    if raw is None:
        near = [PREFIX + name] if name.startswith("Eplus-") else _near(name, building_ids())  # as Sinergym calls them
        raise UserError(
            f"building {name!r} is not known: {_hint(near)}`airhandler buildings` lists all; or give the path of a "
            "building file, my-site.yaml"
        )
    return validate(raw, BuildingFile, where=f"building {name}")


def _base(name: str, *, where: str) -> Any:
    """What the base of a user's own file says. Raises UserError with the nearest ids and parts."""
    parts = [f"{path.parent.name}/{path.stem}" for path in _MODELS.glob("*/*.yaml")]
    raw = _of_model(name) if name in parts else _raw(name)
    if raw is None:
        near = _near(name, [*building_ids(), *parts])
        raise UserError(f"{where}: base: {name!r} is not known: {_hint(near)}`airhandler buildings` lists the ids")
    return raw


def _raw(name: str) -> Any:
    """The raw file of a building of the catalogue, or that of its family written out; None for an unknown id."""
    family = family_of(name)
    if family is not None and (_MODELS / f"{family[0]}.yaml").exists():
        raw = _declared(family[0])
        return generated(raw, family[1]) if "generate" in raw else None
    return _declared(name) if name in building_ids() else None


def _near(name: str, known: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(name, known, n=3, cutoff=0.4)


def _hint(near: Sequence[str]) -> str:
    return f"did you mean {' or '.join(near)}? " if near else ""


def _with_servers(file: BuildingFile, servers: str | None) -> BuildingFile:
    if servers is None:
        return file
    if file.servers is None:
        raise UserError(f"building {file.id!r} has no servers that could be {servers!r}")
    return file.model_copy(update={"servers": servers})


def _declared(stem: str) -> Any:
    """What a file of the catalogue says, with what it takes from its base. Raises UserError."""
    return inherited(_of_model(stem), _of_model, where=f"{stem}.yaml")


def _of_model(stem: str) -> Any:
    return read_yaml(_MODELS / f"{stem}.yaml")


def with_world(building: Building, world: World | None) -> Building:
    """A building in a world, in place of the one that it had; None keeps that. Raises UserError for a point twice."""
    if world is None:
        return building
    bare = without_world(building)
    signals = list(world.signals())
    if twice := {p.name for p, _ in signals} & {p.name for p in bare.points}:
        raise UserError(f"{bare.id}: has the points {', '.join(sorted(twice))} of its own, which the world gives too")
    observed = tuple(Observation(point=p.name, low=low, high=high) for p, (low, high) in signals)
    return replace(
        bare,
        points=bare.points + tuple(p for p, _ in signals),
        observations=bare.observations + observed,
        world=world,
    )


def without_world(building: Building) -> Building:
    """A building with nothing around it but weather, as policies know it that were trained so."""
    if building.world is None:
        return building
    signals = {p.name for p, _ in building.world.signals()}
    return replace(
        building,
        points=tuple(p for p in building.points if p.name not in signals),
        observations=tuple(o for o in building.observations if o.point not in signals),
        world=None,
    )


def load_world(path: Path) -> World:
    """A World from a YAML file, named as the file is. Raises UserError with the file and the path of every error."""
    world = load_yaml(path, World).within(path.parent)
    return world if world.name is not None else world.model_copy(update={"name": path.name})


def _held(point: Point, rule: SetpointRule, reading: Reading) -> float:
    level = rule.fallback if rule.held is None else rule.held
    wanted = level if rule.held_above is None else reading[rule.held_above] + level
    return min(point.high, max(point.low, wanted))


def _natural(name: str) -> list[str]:
    """Sorts `data-hall-4` before `data-hall-16`."""
    return [part.rjust(8, "0") if part.isdigit() else part for part in name.split("-")]


def expand(file: BuildingFile, path: Path | None = None) -> Building:
    """Writes out every template of a building file. Raises UserError for a name that does not exist.

    Args:
        file: the building file.
        path: where a user's own file is.
    """
    entries = _expand(file.points, lambda p: p.name, file)
    observations = _expand(file.observations, lambda o: o.point, file)
    actions = _expand(file.actions, lambda a: a.setpoint, file)
    points = tuple(Point(name=e.name, unit=e.unit, role=e.role, low=e.low, high=e.high, help=e.help) for e in entries)
    if len({p.name for p in points}) != len(points):
        raise UserError(f"{file.id}: a point name stands twice")
    drives = _expand(file.drives, lambda d: d.name, file)
    setpoints = tuple(p for p in points if p.role is Role.SETPOINT)
    if [a.setpoint for a in actions] != [p.name for p in setpoints]:
        raise UserError(f"{file.id}: actions must name every set-point once, in the order of the points")
    building = Building(
        file=file,
        points=points,
        sources=MappingProxyType({e.name: e.read for e in entries if e.read}),
        sums=MappingProxyType({e.name: e.sum_of for e in entries if e.sum_of}),
        writes=MappingProxyType({e.name: e.write for e in entries if e.write}),
        setpoints=setpoints,
        drives=drives,
        faults=MappingProxyType(equipment_faults(file, setpoints, drives)),
        zones=MappingProxyType(_roles(file.zone_roles, file)),
        comfort_zones=MappingProxyType(_roles(file.comfort_roles, file)),
        servers=_servers(file),
        rules=_setpoint_rules(file, setpoints),
        observations=observations,
        actions=actions,
        path=path,
    )
    check_wiring(building)
    if file.randomise is not None:
        check_randomise(file.randomise, building, where=f"{file.id}: randomise")
    return with_world(
        building, file.world.within(path.parent if path is not None else _MODELS) if file.world is not None else None
    )


def _servers(file: BuildingFile) -> ServerType | None:
    """The servers of a data centre. Raises UserError for an unknown type, or one that the shield would not protect."""
    if file.servers is None:
        return None
    servers = find_servers(file.servers)
    if file.shield.inlet_class > servers.inlet_class:
        raise UserError(
            f"{file.id}: shield.inlet_class {file.shield.inlet_class} allows more than the servers "
            f"({file.servers}, class {servers.inlet_class}) are built for"
        )
    return servers


def _roles[T: Strict](declared: T | None, file: BuildingFile) -> dict[str, T]:
    """The points of every zone, by the part they play; none where the building has no zones of that kind."""
    if declared is None:
        return {}
    return {zone: type(declared).model_validate(_fill(declared.model_dump(), zone, file)) for zone in file.zones}


def _setpoint_rules(file: BuildingFile, setpoints: Sequence[Point]) -> tuple[SetpointRule, ...]:
    """The shield's settings of every set-point. Raises UserError that names what is wrong."""
    written = {
        template if zone is None else for_zone(template, zone, file): SetpointRule.model_validate(
            _fill(rule.model_dump(), zone, file)
        )
        for template, rule in file.shield.setpoints.items()
        for zone in places(template, file)
    }
    if wrong := sorted({p.name for p in setpoints} ^ written.keys()):
        raise UserError(f"{file.id}: shield.setpoints and the set-points differ in {', '.join(wrong)}")
    for point in setpoints:
        rule = written[point.name]
        for field, value in (("fallback", rule.fallback), ("held", None if rule.held_above else rule.held)):
            if value is not None and not point.low <= value <= point.high:
                raise UserError(
                    f"{file.id}: shield.setpoints.{point.name}.{field} {value}: must be {point.low:g} to {point.high:g}"
                )
    return tuple(written[p.name] for p in setpoints)


def _expand[T: Strict](entries: Sequence[T], named: Callable[[T], str], file: BuildingFile) -> tuple[T, ...]:
    """Writes out zonal entries; neighbouring ones of the same places stay together, zone by zone."""
    return tuple(
        type(entry).model_validate(_fill(entry.model_dump(), zone, file))
        for zones, group in itertools.groupby(entries, lambda e: places(named(e), file))
        for zone, entry in itertools.product(zones, list(group))
    )


def _fill(value: object, zone: str | None, file: BuildingFile) -> object:
    if isinstance(value, str) and zone is not None:
        return for_zone(value, zone, file)
    if isinstance(value, dict):
        return {k: _fill(v, zone, file) for k, v in value.items()}
    return value
