"""A BACnet device as a Site: every point of the building, absent where the device has no sound value for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Point, Reading, Role, Setpoints
from airhandler.deploy.site_file import Place, SiteSettings

from .bacnet_line import COMMANDED, MEASURED, Answers, BacnetLine, Commanded, commanded
from .bacnet_values import Property
from .clock import SiteClock, in_zone, told_time
from .objects import ObjectId


class BacnetSite:
    """What a device's objects say, in the building's units.

    Args:
        settings: which site.
        line: the line to its device; closed with the site.
        clock: the site's time.
        watched: whether it is only looked at: no slot is ours then.
    """

    def __init__(self, settings: SiteSettings, line: BacnetLine, clock: SiteClock, *, watched: bool) -> None:
        self._settings, self._line, self._clock = settings, line, clock
        self._up_to = 0 if watched else line.link.priority
        self._wanted = wanted(settings)
        self._absent: dict[str, float | None] = dict.fromkeys(p.name for p in settings.building.points)
        self._closed = False

    @property
    def points(self) -> Sequence[Point]:
        """Every point of the building, also those that the site does not have."""
        return self._settings.building.points

    def read(self) -> Reading:
        """The present values, and what the building's own control asks for. Raises SiteError."""
        if self._closed:
            raise SiteError(f"site {self._settings.file.site} is closed")
        answers = self._line.read(self._wanted)
        places = self._settings.places
        return Reading(
            time=self._time(answers),
            values={**self._absent, **{name: self._line.value(place, answers) for name, place in places.items()}},
            incumbent=incumbent(self._setpoints(answers), places, self._up_to),
        )

    def close(self) -> None:
        """Frees the port. Nothing is read after this."""
        self._closed = True
        self._line.client.close()

    def _setpoints(self, answers: Answers) -> dict[str, Commanded]:
        places = self._settings.setpoints
        return {p.point.name: commanded(p.object, answers) for p in places if p.object is not None}

    def _time(self, answers: Answers) -> datetime:
        """Ours, or the device's where the site file says that its clock counts. Raises SiteError where it says none."""
        now = self._clock.now()
        if self._settings.file.clock == "machine":
            return now
        return in_zone(told_time(self._line.local_time(answers)), self._settings.zone, now)


def wanted(settings: SiteSettings) -> Mapping[ObjectId, tuple[Property, ...]]:
    """The properties that a reading takes."""
    return {
        place.object: COMMANDED if place.point.role is Role.SETPOINT else MEASURED
        for place in settings.places.values()
        if place.object is not None
    }


def incumbent(found: Mapping[str, Commanded], places: Mapping[str, Place], up_to: int) -> Setpoints | None:
    """What the building's own control asks for, in force or not, as far as the device says; None where it says nothing.

    The first occupied slot, else the relinquish default; where nothing can be commanded, what is in force.

    Args:
        found: what stands in each set-point's object, by name.
        places: of the points.
        up_to: slots that are not looked at: ours and those before it; 0 where nothing is ours: all of them count.
    """
    asked = {name: _asked(c, up_to) for name, c in found.items()}
    values = {name: places[name].conversion.to_building(value) for name, value in asked.items() if value is not None}
    return Setpoints(values) if values else None


def _asked(found: Commanded, up_to: int) -> float | None:
    if found.slots is None:
        return found.present
    after = [value for value in found.slots[up_to:] if value is not None]
    value = after[0] if after else found.default
    return value if value == value else None  # NaN: something stands there that is no number
