"""A Modbus unit as a Site.

Modbus has nobody who says that a value is in fault: a float that is no number is absent, and what an integer holds is
believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Point, Reading, Setpoints
from airhandler.deploy.site_file import Place, SiteSettings

from .answers import Absences, Refused
from .clock import SiteClock, localised, told_time
from .modbus import as_value
from .modbus_line import ModbusLine, register_of
from .registers import Register


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
