"""A Modbus unit as a Site, and the right to write to it while its switch for remote mode is on.

Modbus has no priorities and no one who says that a value is in fault: a float that is no number is absent, and what an
integer holds is believed. Authority is one coil, which the unit itself must watch.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Point, Reading, Role, Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Written
from airhandler.deploy.site_file import Place, SiteSettings
from airhandler.deploy.site_links import ModbusLink

from .answers import Absences, Refused
from .clock import SiteClock, localised, told_time
from .heartbeat import BEATS
from .modbus import ModbusClient, as_value
from .registers import Register, parse_register


class ModbusLine:
    """Reads and writes the registers of one unit.

    Args:
        client: who asks.
        link: which unit.
    """

    def __init__(self, client: ModbusClient, link: ModbusLink) -> None:
        self.client, self.link = client, link
        self.enable = None if link.enable is None else parse_register(link.enable)
        self._clock = None if link.clock is None else parse_register(link.clock, "uint32")

    def read(self, registers: Sequence[Register]) -> dict[Register, float | Refused]:
        """What registers hold. Raises SiteError that names the unit."""
        try:
            return self.client.read([*registers, *([self._clock] if self._clock is not None else [])])
        except SiteError as error:
            raise SiteError(f"unit {self.link.unit_id} at {self.link.host}:{self.link.port}: {error}") from error

    def time(self, held: Mapping[Register, float | Refused]) -> datetime | None:
        """The unit's time; None where it has none, or has not been set: it counts from 0."""
        seconds = held[self._clock] if self._clock is not None else None
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, float) and seconds else None

    def enabled(self, held: Mapping[Register, float | Refused]) -> bool | None:
        """Whether remote mode is on; None where the unit does not say, or has no such switch."""
        value = held[self.enable] if self.enable is not None else None
        return None if value is None or isinstance(value, Refused) else value != 0.0


class ModbusSite:
    """What a unit's registers hold, in the building's units.

    Args:
        settings: which site.
        line: the line to its unit; closed with the site.
        clock: the site's time.
    """

    def __init__(self, settings: SiteSettings, line: ModbusLine, clock: SiteClock) -> None:
        self._settings, self._line, self._clock = settings, line, clock
        self._registers = [register_of(place) for place in settings.places.values()]
        self._absences = Absences()
        self._closed = False

    @property
    def points(self) -> Sequence[Point]:
        """Every point of the building, also those that the site does not have."""
        return self._settings.building.points

    def read(self) -> Reading:
        """What the registers hold, and, while remote mode is off, what the building's own control asks for.

        Raises SiteError.
        """
        if self._closed:
            raise SiteError(f"site {self._settings.file.site} is closed")
        switch = [] if self._line.enable is None else [self._line.enable]
        held = self._line.read([*self._registers, *switch])
        values: dict[str, float | None] = dict.fromkeys(point.name for point in self.points)
        values |= {name: self._value(place, held) for name, place in self._settings.places.items()}
        return Reading(
            time=self._time(held),
            values=values,
            incumbent=self._incumbent(values, held),
        )

    def _time(self, held: Mapping[Register, float | Refused]) -> datetime:
        """Ours, or the unit's where the site file says that its clock counts. Raises SiteError where it says none."""
        if self._settings.file.clock == "machine":
            return self._clock.now()
        return localised(told_time(self._line.time(held)), self._settings.zone)

    def close(self) -> None:
        """Ends the connection. Nothing is read after this."""
        self._closed = True
        self._line.client.close()

    def _value(self, place: Place, held: Mapping[Register, float | Refused]) -> float | None:
        value, why = as_value(held[register_of(place)])
        self._absences.tell(place.point.name, place.where, why)
        return None if value is None else place.conversion.to_building(value)

    def _incumbent(
        self, values: Mapping[str, float | None], held: Mapping[Register, float | Refused]
    ) -> Setpoints | None:
        """What stands at the set-points, where nobody but the building's own control can have put it there."""
        if self._line.enable is not None and self._line.enabled(held) is not False:
            return None
        names = [p.name for p in self._settings.building.setpoints]
        standing = {name: value for name in names if (value := values[name]) is not None}
        return Setpoints(standing) if standing else None


class ModbusWriter:
    """Writes the points that the site file lists under `write`, and switches remote mode on and off.

    Args:
        settings: which site.
        line: the line to its unit.

    Raises UserError where the unit has no switch for remote mode.
    """

    def __init__(self, settings: SiteSettings, line: ModbusLine) -> None:
        if line.enable is None:
            raise UserError(f"{settings.path}: modbus.enable is missing: without it nothing may be written")
        self._enable: Register = line.enable
        self._settings, self._line = settings, line
        self._ours = settings.writable
        self._setpoints = tuple(p for p in settings.places.values() if p.point.role is Role.SETPOINT)
        heartbeat = settings.file.heartbeat
        self._heartbeat = None if heartbeat is None else parse_register(heartbeat, "uint16")
        self._beats: int | None = None
        self._switched_on = False

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """Writes set-points, of those that are ours, sees that remote mode is on, and reads all back.

        Who switched remote mode off after we had switched it on has overridden us.
        """
        asked = {p: setpoints[p.point.name] for p in self._ours if p.point.name in setpoints}
        if wrong := [(place, value) for place, value in asked.items() if not math.isfinite(value)]:
            return WriteFailed(reason=f"{wrong[0][0].point.name}: {wrong[0][1]} is no number to write")
        try:
            if self._switched_on and self._line.enabled(self._line.read([self._enable])) is False:
                return Overridden(reason=f"remote mode ({self._enable}) was switched off")
            if refused := self._send(asked):
                return WriteFailed(reason=refused)
            held = self._line.read([self._enable, *(register_of(place) for place in self._setpoints)])
        except SiteError as error:
            return WriteFailed(reason=str(error))
        self._switched_on = self._line.enabled(held) is True
        if not self._switched_on:
            return WriteFailed(reason=f"remote mode ({self._enable}) does not go on")
        wrong_words = [words for place, value in asked.items() if (words := _not_ours(place, value, held))]
        shown = self._shown(held, setpoints)
        if not wrong_words:
            return Written(in_force=shown)
        known = all(_number(place, held) is not None for place in self._setpoints)
        return WriteFailed(reason="; ".join(wrong_words), in_force=shown if known else None)

    def relinquish(self, names: Collection[str] | None = None) -> WriteOutcome:
        """Switches remote mode off. Written only where the unit shows it."""
        try:
            refused = self._line.client.write(self._enable, 0.0)
            off = self._line.enabled(self._line.read([self._enable])) is False
        except SiteError as error:
            return WriteFailed(reason=str(error))
        if not off:
            said = "" if refused is None else f": {refused.words}"
            return WriteFailed(reason=f"remote mode ({self._enable}) is not off{said}")
        self._switched_on = False
        return Written()

    def ours(self) -> Mapping[str, float]:
        """What stands while remote mode is on; nothing while it is off. Raises SiteError."""
        held = self._line.read([self._enable, *(register_of(place) for place in self._ours)])
        on = self._line.enabled(held)
        if on is None:
            raise SiteError(f"remote mode ({self._enable}) cannot be read")
        values = {p.point.name: p.conversion.to_building(v) for p in self._ours if (v := _number(p, held)) is not None}
        return values if on else {}

    def held(self) -> str | None:
        """None: remote mode is off whenever we are not in charge, so nothing there tells of somebody else."""
        return None

    def beat(self) -> WriteOutcome:
        """Counts the heartbeat up; without one there is nothing to do."""
        if self._heartbeat is None:
            return Written()
        try:
            if self._beats is None:
                shown = self._line.read([self._heartbeat])[self._heartbeat]
                self._beats = 0 if isinstance(shown, Refused) else int(shown)
            beats = (self._beats + 1) % BEATS
            refused = self._line.client.write(self._heartbeat, float(beats))
        except SiteError as error:
            return WriteFailed(reason=f"heartbeat: {error}")
        if refused is not None:
            return WriteFailed(reason=f"heartbeat {self._heartbeat}: {refused.words}")
        self._beats = beats
        return Written()

    def _send(self, asked: Mapping[Place, float]) -> str | None:
        """Writes the values, then the switch: it goes on over what is meant. What the unit says against it."""
        for place, value in asked.items():
            register = register_of(place)
            refused = self._line.client.write(register, place.conversion.to_device(value))
            if refused is not None:
                return f"{place.point.name} ({place.where}): {refused.words}"
        refused = self._line.client.write(self._enable, 1.0)
        return None if refused is None else f"remote mode ({self._enable}): {refused.words}"

    def _shown(self, held: Mapping[Register, float | Refused], asked: Setpoints) -> Setpoints:
        shown = dict(asked)
        for place in self._setpoints:
            if (value := _number(place, held)) is not None:
                shown[place.point.name] = place.conversion.to_building(value)
        return Setpoints(shown)


def register_of(place: Place) -> Register:
    """Where a point is on Modbus."""
    if place.register is None:
        raise SiteError(f"{place.point.name} is not on Modbus")
    return place.register


def _number(place: Place, held: Mapping[Register, float | Refused]) -> float | None:
    return as_value(held[register_of(place)])[0]


def _not_ours(place: Place, asked: float, held: Mapping[Register, float | Refused]) -> str | None:
    """Why a point does not stand where we put it, in words; None where it does."""
    wanted, shown = place.conversion.to_device(asked), _number(place, held)
    if shown is None or not same(wanted, shown, place):
        found = "nothing" if shown is None else f"{shown:g}"
        return f"{place.point.name} ({place.where}): asked for {wanted:g} {place.unit}, it holds {found}"
    return None


def same(asked: float, shown: float, place: Place) -> bool:
    """Whether what a register holds is what was asked for, as it can say it [the device's unit]."""
    return abs(asked - shown) <= place.resolution / 2.0 + _rounding(register_of(place), asked)


def _rounding(register: Register, value: float) -> float:
    """By how much a register can differ from a value for want of digits [the device's unit]."""
    if register.kind == "float32":
        return abs(register.scale) * float(np.spacing(np.float32(abs(value / register.scale))))
    # Half a digit of the counter, and what floats lose in dividing by the scale.
    return abs(register.scale) * 0.5 + float(np.spacing(abs(value)))
