"""The line to one Modbus unit: its registers, its clock, and its switch for remote mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from airhandler.buildings.errors import SiteError
from airhandler.deploy.site_file import Place
from airhandler.deploy.site_links import ModbusLink

from .answers import Refused
from .modbus import ModbusClient
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


def register_of(place: Place) -> Register:
    """Where a point is on Modbus."""
    if place.register is None:
        raise SiteError(f"{place.point.name} is not on Modbus")
    return place.register
