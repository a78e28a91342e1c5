"""The site file: which building a site is, where its points are on the bus, and what may be written. Strict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from airhandler.buildings.catalog import Building, find_building, is_building_file
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Point, Role
from airhandler.buildings.settings import load_yaml
from airhandler.buildings.strict import Strict

from .connectors.objects import BACNET_PORT, OPERATORS_SLOT, OUR_SLOTS, ObjectId, parse_object
from .connectors.registers import WRITABLE_TABLES, Register, parse_register
from .connectors.units import AIR_KG_M3, Conversion, convert
from .journal import Keeping

_MAX_PORT = 65535


def check_priority(priority: int) -> int:
    """Our slot of a priority array. Raises ValueError with the reason for any that is not ours to take."""
    if priority <= OPERATORS_SLOT:
        raise ValueError(
            f"priority {priority} is refused: 1 to {OPERATORS_SLOT} belong to life safety, the protection of equipment "
            f"and the operator; ours is one of {OUR_SLOTS.start} to {OUR_SLOTS.stop - 1}"
        )
    if priority not in OUR_SLOTS:
        raise ValueError(
            f"priority {priority} is refused: the building's own control writes there, and ours would not be in force; "
            f"ours is one of {OUR_SLOTS.start} to {OUR_SLOTS.stop - 1}"
        )
    return priority


def host_and_port(words: str) -> tuple[str, int]:
    """`192.168.1.20:47808`; the port may be left out. Raises ValueError."""
    host, colon, port = words.partition(":")
    try:
        IPv4Address(host)
    except ValueError as error:
        raise ValueError("must be an IPv4 address and a port, like 192.168.1.20:47808") from error
    if colon and not (port.isascii() and port.isdecimal() and 0 < int(port) <= _MAX_PORT):
        raise ValueError(f"port {port!r}: must be 1 to {_MAX_PORT}")
    return host, int(port) if colon else BACNET_PORT


def _checked_address(words: str) -> str:
    host_and_port(words)
    return words


def _checked_host(words: str) -> str:
    if ":" in words:
        raise ValueError("must be an IPv4 address, like 192.168.1.30; its port is another field")
    host_and_port(words)
    return words


def _checked_object(words: str) -> str:
    parse_object(words)
    return words


def _checked_register(words: str) -> str:
    parse_register(words)
    return words


Address = Annotated[str, AfterValidator(_checked_address)]
Host = Annotated[str, AfterValidator(_checked_host)]
ObjectWords = Annotated[str, AfterValidator(_checked_object)]
RegisterWords = Annotated[str, AfterValidator(_checked_register)]
# A whole number is a number, too; strict settings would refuse it.
Number = Annotated[float, BeforeValidator(lambda value: float(value) if type(value) is int else value)]
TimeoutS = Annotated[Number, Field(gt=0, le=60)]
Retries = Annotated[int, Field(ge=0, le=10)]


class BacnetLink(Strict):
    """A BACnet/IP device.

    Attributes:
        device: its address, `192.168.1.20:47808`.
        device_id: its instance number: another device at the address is refused.
        address: our own interface; with a port, that one, else any free one.
        priority: our slot of each priority array, 9 to 14.
        timeout_s: how long an answer may take [s].
        retries: how often a request is sent again.
        batch: how many objects are asked for at once; fewer where the device cannot answer so much.
    """

    device: Address
    device_id: int = Field(ge=0, le=4194302)
    address: Address = "127.0.0.1"
    priority: Annotated[int, AfterValidator(check_priority)] = 10
    timeout_s: TimeoutS = 2.0
    retries: Retries = 1
    batch: int = Field(default=20, ge=1, le=100)


class ModbusLink(Strict):
    """A Modbus TCP device. It has no priorities: it must have a switch for remote mode that it watches itself.

    Attributes:
        host: its IPv4 address.
        port: its TCP port.
        unit_id: its unit behind that address.
        timeout_s: how long an answer may take [s].
        retries: how often a request is sent again.
        enable: the coil that gives us authority while it is on; without one nothing may be written.
        word_order: which of a value's registers comes first.
        clock: a register with the unit's time, seconds since 1970 as uint32.
    """

    host: Host
    port: int = Field(default=502, gt=0, le=_MAX_PORT)
    unit_id: int = Field(default=1, ge=0, le=247)
    timeout_s: TimeoutS = 2.0
    retries: Retries = 1
    enable: RegisterWords | None = None
    word_order: Literal["big", "little"] = "big"
    clock: RegisterWords | None = None

    @field_validator("enable")
    @classmethod
    def _a_coil(cls, value: str | None) -> str | None:
        if value is not None and parse_register(value).table != "coil":
            raise ValueError("must be a coil, like coil,0")
        return value


class PointOnBus(Strict):
    """Where a point is on the bus.

    Attributes:
        at_object: BACnet: `object`, `analog-input,1`.
        at_register: Modbus: `register`, the first one, `input,0`, `holding,10`, `coil,3`.
        type: Modbus: what the registers hold.
        scale: Modbus: the device's number times this is a value in `unit`.
        unit: the device's unit, where it is not the building's.
        resolution: to which steps the device rounds what is written [the device's unit]; None: not at all.
    """

    at_object: ObjectWords | None = Field(default=None, alias="object")
    at_register: RegisterWords | None = Field(default=None, alias="register")
    type: Literal["float32", "int16", "uint16", "int32", "uint32"] = "float32"
    scale: Number = 1.0
    unit: str | None = None
    resolution: Annotated[Number, Field(gt=0, allow_inf_nan=False)] | None = None

    @field_validator("scale")
    @classmethod
    def _usable(cls, value: float) -> float:
        if not math.isfinite(value) or value == 0.0:
            raise ValueError("must be a finite number other than 0")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> PointOnBus:
        if (self.at_object is None) == (self.at_register is None):
            raise ValueError("give either 'object' (BACnet) or 'register' (Modbus)")
        return self


class AuthorityFile(Strict):
    """How authority grows after going live.

    Attributes:
        ramp_days: over how many days of the site.
        points_in_order: whether set-points are taken one after the other, in the order of `write`.
    """

    ramp_days: Number = Field(default=7.0, ge=0)
    points_in_order: bool = True


class JournalFile(Strict):
    """How the journals of the controller and of the watchdog are kept; `Keeping` says what each is and its default."""

    file_mb: Number | None = None
    file_days: Number | None = None
    keep_days: Number | None = None

    @property
    def keeping(self) -> Keeping:
        """As journals take it."""
        return Keeping(**self.model_dump(exclude_none=True))

    @model_validator(mode="after")
    def _can_be_kept(self) -> JournalFile:
        try:
            _ = self.keeping
        except UserError as error:
            raise ValueError(str(error)) from error
        return self


class SiteFile(Strict):
    """One site, as declared. `docs/bacnet.md` describes each field."""

    site: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    building: str
    time_zone: str
    clock: Literal["machine", "device"] = "machine"
    speed: Number = Field(default=1.0, gt=0)
    stage: Literal["observe", "shadow", "advisory", "live"] = "shadow"
    state: str | None = None
    bacnet: BacnetLink | None = None
    modbus: ModbusLink | None = None
    air_density_kg_m3: Number = Field(default=AIR_KG_M3, ge=0.5, le=1.5)
    points: dict[str, PointOnBus] = Field(min_length=1)
    write: tuple[str, ...] = Field(default=(), strict=False)
    heartbeat: str | None = None
    lease_steps: int = Field(default=3, ge=2, le=100)
    promotion: str | None = None
    trusted_key: str | None = None
    authority: AuthorityFile = AuthorityFile()
    journal: JournalFile = JournalFile()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        find_zone(value)
        return value

    @model_validator(mode="after")
    def _holds_together(self) -> SiteFile:
        if (self.bacnet is None) == (self.modbus is None):
            raise ValueError("give either 'bacnet' or 'modbus'")
        if self.speed != 1.0 and self.clock != "device":
            raise ValueError("speed other than 1 is for a twin: it needs 'clock: device'")
        if self.clock == "device" and self.modbus is not None and self.modbus.clock is None:
            raise ValueError("clock: device needs modbus.clock, the register that has the time")
        self._check_places()
        self._check_writing()
        return self

    def _check_places(self) -> None:
        """Every point is where the link can find it, and no two are in one place."""
        places: dict[str, str] = {}
        for name, point in self.points.items():
            place = point.at_object if self.bacnet is not None else point.at_register
            if place is None:
                raise ValueError(f"points.{name}: needs '{'object' if self.bacnet is not None else 'register'}'")
            if place in places:
                raise ValueError(f"points.{name}: {place} is {places[place]} already")
            places[place] = name

    def _check_writing(self) -> None:
        if self.heartbeat is not None:
            _check_heartbeat(self.heartbeat, bacnet=self.bacnet is not None)
        if not self.write:
            return
        if self.stage not in ("advisory", "live"):
            raise ValueError(f"write: with stage {self.stage} nothing may be written; leave it out, or stage: live")
        if self.modbus is not None and self.modbus.enable is None:
            raise ValueError("write: needs modbus.enable, the coil by which the device takes its authority back")
        if self.modbus is not None and self.authority.ramp_days > 0.0:
            raise ValueError(
                "authority.ramp_days: must be given as 0 where Modbus is written: a unit in remote mode does not tell "
                "what its own control asks for, and authority grows from there"
            )
        for name in self.write:
            self._check_writable(name)
        if len(set(self.write)) != len(self.write):
            raise ValueError("write: a point stands twice")

    def _check_writable(self, name: str) -> None:
        if name not in self.points:
            raise ValueError(f"write: {name} is not in points")
        point = self.points[name]
        if point.at_object is not None and not parse_object(point.at_object).is_commandable_kind:
            raise ValueError(f"write: {name}: {point.at_object} cannot be commanded")
        if point.at_register is not None and parse_register(point.at_register).table not in WRITABLE_TABLES:
            raise ValueError(f"write: {name}: {point.at_register} cannot be written")


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
    file = load_yaml(path, SiteFile)
    named = file.building
    building = find_building(str(path.parent / named) if is_building_file(named) else named)
    _check_points(path, file, building)
    return SiteSettings(file=file, path=path, building=building)


def find_zone(name: str) -> tzinfo:
    """`America/Chicago`, or a fixed offset like `-06:00`. Raises ValueError."""
    if name[:1] in ("+", "-"):
        return _fixed(name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is not known: a name like America/Chicago, or an offset like -06:00") from error


def _fixed(name: str) -> timezone:
    hours, colon, minutes = name[1:].partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal() and int(minutes) < 60):
        raise ValueError("must be like -06:00")
    if int(hours) > 14:
        raise ValueError("must be -14:00 to +14:00")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if name[0] == "-" else offset)


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


def _check_heartbeat(words: str, *, bacnet: bool) -> None:
    try:
        if bacnet and not parse_object(words).is_commandable_kind:
            raise ValueError("cannot be written")
        if not bacnet and parse_register(words).table != "holding":
            raise ValueError("must be a holding register, like holding,100")
    except ValueError as error:
        raise ValueError(f"heartbeat {words!r}: {error}") from error
