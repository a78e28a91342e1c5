"""The equipment faults that a building file declares: what each forces on the building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .errors import UserError
from .points import Point
from .settings import BuildingFile, DriveFile
from .templates import for_zone, is_zonal, places


@dataclass(frozen=True, kw_only=True, eq=False)
class EquipmentFault:
    """One fault of a building's equipment.

    Attributes:
        name: on the command line.
        help: what breaks.
        force: set-points and drives that are forced, whoever commands them, and to what [unit of each].
        hours: how long it lasts where nobody says otherwise.
    """

    name: str
    help: str
    force: Mapping[str, float]
    hours: float


def equipment_faults(
    file: BuildingFile, setpoints: Sequence[Point], drives: Sequence[DriveFile]
) -> dict[str, EquipmentFault]:
    """The faults of a building by name, written out. Raises UserError for one that forces what there is not."""
    found: dict[str, EquipmentFault] = {}
    for declared in file.faults:
        for zone in places(declared.name, file):
            name = declared.name if zone is None else for_zone(declared.name, zone, file)
            force = _forced(declared.force, zone, file)
            _check(file, name, force, setpoints, drives)
            if name in found:
                raise UserError(f"{file.id}: fault {name} stands twice")
            help_ = declared.help if zone is None else for_zone(declared.help, zone, file)
            found[name] = EquipmentFault(name=name, help=help_, force=MappingProxyType(force), hours=declared.hours)
    return found


def _forced(force: Mapping[str, float], zone: str | None, file: BuildingFile) -> dict[str, float]:
    """A zonal entry of a fault of the whole building stands for every zone."""
    done: dict[str, float] = {}
    for template, value in force.items():
        zones = [zone] if zone is not None else list(file.zones) if is_zonal(template) else [None]
        done |= {template if z is None else for_zone(template, z, file): value for z in zones}
    return done


def _check(
    file: BuildingFile,
    fault: str,
    force: Mapping[str, float],
    setpoints: Sequence[Point],
    drives: Sequence[DriveFile],
) -> None:
    by_name = {d.name: d for d in drives}
    if unknown := sorted(set(force) - {p.name for p in setpoints} - set(by_name)):
        raise UserError(f"{file.id}: fault {fault}: {', '.join(unknown)}: neither a set-point nor a drive")
    for name, value in force.items():
        drive = by_name.get(name)
        if drive is not None and not drive.low <= value <= drive.high:
            raise UserError(f"{file.id}: fault {fault}: {name} {value:g}: must be {drive.low:g} to {drive.high:g}")
