"""The right to write to a Modbus unit while its switch for remote mode is on.

Modbus has no priorities: authority is one coil, which the unit itself must watch.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Written
from airhandler.deploy.site_file import Place, SiteSettings

from .answers import Refused
from .heartbeat import Heartbeat
from .modbus import as_value
from .modbus_line import ModbusLine, register_of
from .registers import Register, parse_register


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
        self._setpoints = settings.setpoints
        self._heartbeat = None if settings.file.heartbeat is None else self._counter(settings.file.heartbeat)
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
        return Written() if self._heartbeat is None else self._heartbeat.beat()

    def _counter(self, words: str) -> Heartbeat:
        register, line = parse_register(words, "uint16"), self._line
        return Heartbeat(
            register,
            lambda: as_value(line.read([register])[register])[0],
            lambda beats: line.client.write(register, beats),
        )

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
