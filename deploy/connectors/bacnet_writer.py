"""The right to command a BACnet device at one priority: what is written is read back; who comes before us counts.

Before anything is written it is made sure that the device at the address is ours: another one that came there (one that
was replaced, an address that was given anew) has slots of its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Written
from airhandler.deploy.site_file import Place, SiteSettings
from airhandler.deploy.site_links import check_priority

from .answers import Refused, SilenceError
from .bacnet_line import BacnetLine, Commanded, as_number
from .heartbeat import Heartbeat
from .objects import PRESENT_VALUE, parse_object

_DOUBLES = ("large-analog-value",)


class BacnetWriter:
    """Commands the points that the site file lists under `write`, in our slot, and nothing else.

    Args:
        settings: which site.
        line: the line to its device.

    Raises UserError for a priority that is not ours to take.
    """

    def __init__(self, settings: SiteSettings, line: BacnetLine) -> None:
        try:
            self._priority = check_priority(line.link.priority)
        except ValueError as error:
            raise UserError(f"{settings.path}: {error}") from error
        self._settings, self._line = settings, line
        self._ours = settings.writable
        self._setpoints = settings.setpoints
        self._heartbeat = None if settings.file.heartbeat is None else self._counter(settings.file.heartbeat)

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """Puts set-points into our slot, of those that are ours to write, and reads all back."""
        asked = {
            place.point.name: (place, setpoints[place.point.name])
            for place in self._ours
            if place.point.name in setpoints
        }
        if wrong := [name for name, (_, value) in asked.items() if not math.isfinite(value)]:
            return WriteFailed(reason=f"{wrong[0]}: {asked[wrong[0]][1]} is no number to write")
        if (unsure := self._unsure()) is not None:
            return unsure
        refused = self._send({place: place.conversion.to_device(value) for place, value in asked.values()})
        try:
            found, _ = self._line.commanded(self._setpoints)
        except SiteError as error:
            return WriteFailed(reason=f"not read back: {error}")
        if reason := self._overridden(found):
            return Overridden(reason=reason)
        wrong_words = refused or [
            words
            for place, value in asked.values()
            if (words := self._not_ours(place, place.conversion.to_device(value), found[place.point.name]))
        ]
        if wrong_words:
            shown = all(one.present is not None for one in found.values())
            return WriteFailed(
                reason="; ".join(wrong_words), in_force=self._in_force(found, setpoints) if shown else None
            )
        return Written(in_force=self._in_force(found, setpoints))

    def relinquish(self, names: Collection[str] | None = None) -> WriteOutcome:
        """Empties our slot of every point that may be written, or of these. Written only where it shows empty."""
        points = [place for place in self._ours if names is None or place.point.name in names]
        if (unsure := self._unsure()) is not None:
            return unsure
        refused = self._send(dict.fromkeys(points))
        try:
            left = {name: value for name, value in self.ours().items() if names is None or name in names}
        except SiteError as error:
            return WriteFailed(reason="; ".join([*refused, f"not read back: {error}"]))
        if left:
            held = ", ".join(f"{name} = {value:g}" for name, value in left.items())
            return WriteFailed(reason="; ".join([*refused, f"slot {self._priority} is still occupied: {held}"]))
        return Written()

    def ours(self) -> Mapping[str, float]:
        """What stands in our slots now [the building's unit], after a crash of whoever wrote it. Raises SiteError."""
        found, _ = self._line.commanded(self._ours)
        occupied: dict[str, float] = {}
        for place in self._ours:
            slots = found[place.point.name].slots
            if slots is None:
                raise SiteError(f"{place.point.name} ({place.where}) shows no priority array")
            if (value := slots[self._priority - 1]) is not None:
                occupied[place.point.name] = place.conversion.to_building(value)
        return occupied

    def held(self) -> str | None:
        """Who comes before us at a point that may be written, in words; None: nobody. Raises SiteError."""
        return self._overridden(self._line.commanded(self._ours)[0])

    def beat(self) -> WriteOutcome:
        """Counts the heartbeat up, for the building to see that we live; without one there is nothing to do."""
        return Written() if self._heartbeat is None else self._heartbeat.beat()

    def _counter(self, words: str) -> Heartbeat:
        target, line = parse_object(words), self._line

        def put(beats: float) -> Refused | None:
            line.make_sure()
            return line.client.write(line.link.device, target, beats)

        return Heartbeat(target, lambda: as_number(line.read({target: (PRESENT_VALUE,)})[target, PRESENT_VALUE]), put)

    def _unsure(self) -> WriteFailed | None:
        """Why nothing is written: the device is not ours, does not say so, or is silent. None where it is ours."""
        try:
            self._line.make_sure()
        except SiteError as error:
            return WriteFailed(reason=f"nothing was written: {error}")
        return None

    def _send(self, values: Mapping[Place, float | None]) -> list[str]:
        """Writes each; what the device says against it. One that is silent is not asked further."""
        refused: list[str] = []
        for place, value in values.items():
            try:
                said = self._one(place, value)
            except SilenceError as error:
                return [*refused, f"{place.point.name} ({place.where}): {error}"]
            except SiteError as error:
                said = Refused(str(error))
            if said is not None:
                refused.append(f"{place.point.name} ({place.where}): {said.words}")
        return refused

    def _one(self, place: Place, value: float | None) -> Refused | None:
        if place.object is None:
            raise SiteError("it is not on BACnet")
        return self._line.client.write(self._line.link.device, place.object, value, self._priority)

    def _overridden(self, found: Mapping[str, Commanded]) -> str | None:
        """Who comes before us at the first such point of ours; None where nobody does."""
        return next(filter(None, (self._override(place, found[place.point.name]) for place in self._ours)), None)

    def _override(self, place: Place, found: Commanded) -> str | None:
        """Who comes before us at a point, in words; None where nobody does."""
        name = f"{place.point.name} ({place.where})"
        if found.blocked is not None:
            return f"{name} is {found.blocked}"
        for slot, value in enumerate((found.slots or ())[: self._priority - 1], start=1):
            if value is not None:
                shown = place.conversion.to_building(value)
                return f"{name} is held at {shown:g} {place.point.unit} by slot {slot}"
        return None

    def _not_ours(self, place: Place, asked: float, found: Commanded) -> str | None:
        """Why a point does not stand where we put it, in words; None where it does. `asked` is in the device's unit."""
        name = f"{place.point.name} ({place.where})"
        if found.slots is None:
            return f"{name} shows no priority array"
        held = found.slots[self._priority - 1]
        if held is None or not same(asked, held, place):
            return f"{name}: asked for {asked:g} {place.unit}, slot {self._priority} holds {_shown(held)}"
        if found.present is None or not same(asked, found.present, place):
            return f"{name}: asked for {asked:g} {place.unit}, in force is {_shown(found.present)}"
        return None

    def _in_force(self, found: Mapping[str, Commanded], asked: Setpoints) -> Setpoints:
        """What stands at every set-point of the building; what the site does not show is taken for what was asked."""
        shown: dict[str, float] = {}
        for point in self._settings.building.setpoints:
            present = found[point.name].present if point.name in found else None
            if present is not None:
                shown[point.name] = self._settings.places[point.name].conversion.to_building(present)
            elif point.name in asked:
                shown[point.name] = asked[point.name]
        return Setpoints(shown)


def same(asked: float, shown: float, place: Place) -> bool:
    """Whether what a device shows is what it was asked for, as its number can say it [the device's unit].

    An analog value is a float32: its neighbours are `spacing` apart, and a device may round either way; one that rounds
    to steps is half a step off at most. What is on or off, or counted, is a whole number.
    """
    kind = place.object.kind if place.object is not None else ""
    if not kind.startswith(("analog", *_DOUBLES)):
        return round(asked) == shown
    neighbour = np.spacing(abs(asked)) if kind in _DOUBLES else np.spacing(np.float32(abs(asked)))
    return abs(asked - shown) <= place.resolution / 2.0 + float(neighbour)


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"
