"""A site: its file and the building that it names, checked against each other, with every point in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property
from pathlib import Path

from airhandler.buildings.catalog import Building, find_building, is_building_file
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Point, Role
from airhandler.buildings.settings import read_yaml, validate

from .connectors.objects import ObjectId, parse_object
from .connectors.registers import Register, parse_register
from .connectors.units import Conversion, convert
from .settings import RECORDING_FILES
from .site_schema import SiteFile, find_zone


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One point of a building that a site has, ready to be read.

    Attributes:
        point: the building's.
        object: on BACnet; None on Modbus.
        register: on Modbus; None on BACnet.
        unit: the device's.
        conversion: from the device's unit to the building's.
        resolution: to which steps the device rounds what is written [the device's unit]; 0: not at all.
    """

    point: Point
    object: ObjectId | None
    register: Register | None
    unit: str
    conversion: Conversion
    resolution: float = 0.0

    @property
    def where(self) -> str:
        """Its object or register, in words."""
        return str(self.object if self.object is not None else self.register)


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """A site file with the building that it names, checked against each other. `load_site` makes it.

    Attributes:
        file: as declared.
        path: where the file is; what it names is relative to it.
        building: which building the site is.
    """

    file: SiteFile
    path: Path
    building: Building

    @property
    def state(self) -> Path:
        """The folder of the site's lock, lease, journal and orders."""
        return self.path.parent / (self.file.state or f"{self.file.site}.state")

    @property
    def promotion(self) -> Path | None:
        """What `live` asks for before it writes."""
        return None if self.file.promotion is None else self.path.parent / self.file.promotion

    @property
    def trusted_key(self) -> Path | None:
        """Public key of who may sign bundles for this site; None: unsigned ones do."""
        return None if self.file.trusted_key is None else self.path.parent / self.file.trusted_key

    @property
    def zone(self) -> tzinfo:
        """The site's time zone."""
        return find_zone(self.file.time_zone)

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Where each point is that the site has, in the order of the building's points."""
        return {p.name: self._place(p) for p in self.building.points if p.name in self.file.points}

    @property
    def setpoints(self) -> tuple[Place, ...]:
        """The set-points that the site has, written or not, in the order of the building's points."""
        return tuple(place for place in self.places.values() if place.point.role is Role.SETPOINT)

    @property
    def writable(self) -> tuple[Place, ...]:
        """The points that may be written, in the order of the site file."""
        return tuple(self.places[name] for name in self.file.write)

    def _place(self, point: Point) -> Place:
        entry = self.file.points[point.name]
        unit = entry.unit or point.unit
        how = convert(unit, point.unit, self.file.air_density_kg_m3)
        return Place(
            point=point,
            object=None if entry.at_object is None else parse_object(entry.at_object),
            register=None if entry.at_register is None else parse_register(entry.at_register, entry.type, entry.scale),
            unit=unit,
            conversion=how,
            resolution=entry.resolution or 0.0,
        )


def load_site(path: Path) -> SiteSettings:
    """Reads a site file and finds its building. Raises UserError with the file and the path of every error."""
    file = validate(_declared(path), SiteFile, where=str(path))
    named = file.building
    try:
        building = find_building(str(path.parent / named) if is_building_file(named) else named)
    except UserError as error:
        raise UserError(f"{path}: building: {error}") from error
    _check_points(path, file, building)
    return SiteSettings(file=file, path=path, building=building)


def _declared(path: Path) -> object:
    """What a file says that has at least one field of a site file. Raises UserError that says what was expected."""
    what = (
        "a site file is wanted, YAML like examples/site.yaml (docs/bacnet.md); "
        "`airhandler discover --out FILE` and `airhandler twin --write-site FILE` write one"
    )
    if path.suffix.lower() in RECORDING_FILES:
        raise UserError(
            f"{path}: is a recording, and {what}; a recording is looked at with `airhandler shadow CONTROLLER --site "
            f"{path}`"
        )
    declared = read_yaml(path)
    if not isinstance(declared, dict) or not declared.keys() & SiteFile.model_fields.keys():
        raise UserError(f"{path}: has none of a site file's fields, such as `site:` and `points:`: {what}")
    return declared


def _check_points(path: Path, file: SiteFile, building: Building) -> None:
    """Every name is a point of the building with a unit that can be converted; what is written is a set-point."""
    problems = []
    known = {p.name: p for p in building.points}
    for name, entry in file.points.items():
        try:
            convert(entry.unit or building.point(name).unit, building.point(name).unit, file.air_density_kg_m3)
        except (UserError, ValueError) as error:
            problems.append(f"points.{name}: {error}")
    for name in file.write:
        if name in known and known[name].role is not Role.SETPOINT:
            problems.append(f"write: {name} is a {known[name].role.value} of {building.id}, not a set-point")
    if problems:
        raise UserError(f"{path}: {'; '.join(problems)}")
