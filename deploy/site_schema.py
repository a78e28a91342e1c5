"""What a site file says: its fields, and what must hold between them, whatever building it is of. Strict."""

from __future__ import annotations

from datetime import timedelta, timezone, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, field_validator, model_validator

from airhandler.buildings.errors import UserError
from airhandler.buildings.mistakes import near
from airhandler.buildings.strict import Strict

from .connectors.objects import parse_object
from .connectors.registers import WRITABLE_TABLES, parse_register
from .connectors.units import AIR_KG_M3
from .journal import Keeping
from .site_links import BacnetLink, ModbusLink, Number, PointOnBus


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
            raise ValueError(f"write: {name} is not in points{near(name, self.points)}")
        point = self.points[name]
        if point.at_object is not None and not parse_object(point.at_object).is_commandable_kind:
            raise ValueError(f"write: {name}: {point.at_object} cannot be commanded")
        if point.at_register is not None and parse_register(point.at_register).table not in WRITABLE_TABLES:
            raise ValueError(f"write: {name}: {point.at_register} cannot be written")


def find_zone(name: str) -> tzinfo:
    """`America/Chicago`, or a fixed offset like `-06:00`. Raises ValueError."""
    if name[:1] in ("+", "-"):
        return _fixed(name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"is not known: a name like America/Chicago, or an offset like -06:00{near(name, available_timezones())}"
        ) from error


def _fixed(name: str) -> timezone:
    hours, colon, minutes = name[1:].partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal() and int(minutes) < 60):
        raise ValueError("must be like -06:00")
    if int(hours) > 14:
        raise ValueError("must be -14:00 to +14:00")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if name[0] == "-" else offset)


def _check_heartbeat(words: str, *, bacnet: bool) -> None:
    try:
        if bacnet and not parse_object(words).is_commandable_kind:
            raise ValueError("cannot be written")
        if not bacnet and parse_register(words).table != "holding":
            raise ValueError("must be a holding register, like holding,100")
    except ValueError as error:
        raise ValueError(f"heartbeat {words!r}: {error}") from error
