"""The BACnet objects of a twin: they show what stands on its Board, and write there.

The library keeps a value of its own for each property; here those that live are Python properties instead.
"""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Any

from bacpypes3.basetypes import EngineeringUnits, OptionalUnsigned, PriorityValue, PropertyIdentifier, Reliability
from bacpypes3.constructeddata import ArrayOf
from bacpypes3.errors import ExecutionError
from bacpypes3.local.analog import AnalogInputObject, AnalogValueObject
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.object import Object
from bacpypes3.object import AnalogOutputObject
from bacpypes3.primitivedata import Date, Null, Real, Time

from airhandler import __version__
from airhandler.buildings.points import Point

from .twin_board import HEARTBEAT, Board, RefusedError

UNITS = {
    "degC": "degreesCelsius",
    "W": "watts",
    "kW": "kilowatts",
    "kg/s": "kilogramsPerSecond",
    "m3/s": "cubicMetersPerSecond",
    "m/s": "metersPerSecond",
    "W/m2": "wattsPerSquareMeter",
    "Pa": "pascals",
    "%": "percent",
    "1": "noUnits",
}
"""BACnet's engineering units; a unit that it has none for is no unit. Source: ASHRAE 135, clause 21."""

SOURCE: ContextVar[str] = ContextVar("source", default="")
"""Who asks: set for each request."""

_PRESENT, _LOWEST = PropertyIdentifier.presentValue, 16
_Array16 = ArrayOf(PriorityValue, _length=16)


class TwinDevice(DeviceObject):  # type: ignore[misc]
    """The device: its clock is the simulation's."""

    def __init__(self, board: Board, number: int) -> None:
        self._board = board
        offset = board.shown.time.utcoffset()
        assert offset is not None
        super().__init__(
            objectIdentifier=("device", number),
            objectName=board.building.id,
            description=board.building.file.title,
            modelName=f"airhandler twin of {board.building.id}",
            firmwareRevision=__version__,
            applicationSoftwareVersion=__version__,
            utcOffset=-int(offset.total_seconds() // 60),  # minutes west of Greenwich. Source: ASHRAE 135, clause 12.11
            daylightSavingsStatus=False,
        )

    @property
    def localDate(self) -> Any:  # noqa: N802 - as the library names it
        """Simulated day."""
        return Date(self._board.now().date())

    @localDate.setter
    def localDate(self, value: Any) -> None:  # noqa: N802
        """Nobody sets it."""

    @property
    def localTime(self) -> Any:  # noqa: N802
        """Simulated time of day."""
        now = self._board.now()
        return Time((now.hour, now.minute, now.second, now.microsecond // 10_000))

    @localTime.setter
    def localTime(self, value: Any) -> None:  # noqa: N802
        """Nobody sets it."""


class _Live(Object):  # type: ignore[misc]
    """What all have in common: errors while it is read, and no write but to the present value."""

    _board: Board
    _name: str

    async def read_property(self, attr: Any, index: int | None = None) -> Any:
        if self._name in self._board.faults.broken:
            raise ExecutionError(errorClass="device", errorCode="operationalProblem")
        return await super().read_property(attr, index)

    async def write_property(
        self, attr: Any, value: Any, index: int | None = None, priority: int | None = None
    ) -> None:
        number = None if isinstance(value, Null) else float(value) if isinstance(value, Real) else math.nan
        try:
            if attr != _PRESENT:
                self._board.deny(f"{self._name}.{attr}", number, priority, SOURCE.get())
            self._put(number, priority)
        except RefusedError as refused:
            raise ExecutionError(errorClass="property", errorCode=refused.code) from refused

    def _put(self, value: float | None, priority: int | None) -> None:
        self._board.deny(self._name, value, priority, SOURCE.get())


class Input(_Live, AnalogInputObject):  # type: ignore[misc]
    """A sensor, meter or signal. It refuses writes, as a real one does that is in service."""

    def __init__(self, board: Board, point: Point, number: int) -> None:
        self._board, self._name = board, point.name
        super().__init__(objectIdentifier=("analog-input", number), **_described(point))

    @property
    def presentValue(self) -> Any:  # noqa: N802
        """What is shown."""
        return Real(self._board.seen(self._name).value)

    @presentValue.setter
    def presentValue(self, value: Any) -> None:  # noqa: N802
        """Nobody sets it."""

    @property
    def reliability(self) -> Any:
        """Whether it is trusted."""
        seen = self._board.seen(self._name)
        return Reliability(Reliability.noFaultDetected if seen.reliable else Reliability.noSensor)

    @reliability.setter
    def reliability(self, value: Any) -> None:
        """Nobody sets it."""


class Output(_Live, AnalogOutputObject):  # type: ignore[misc]
    """A set-point: commandable, with the building's own control as its default."""

    def __init__(self, board: Board, point: Point, number: int) -> None:
        self._board, self._name = board, point.name
        super().__init__(
            objectIdentifier=("analog-output", number), reliability=Reliability.noFaultDetected, **_described(point)
        )

    def _put(self, value: float | None, priority: int | None) -> None:
        self._board.command(self._name, value, priority or _LOWEST, SOURCE.get())

    @property
    def presentValue(self) -> Any:  # noqa: N802
        """Where it stands."""
        return Real(self._board.present(self._name))

    @presentValue.setter
    def presentValue(self, value: Any) -> None:  # noqa: N802
        """Only a slot is written."""

    @property
    def priorityArray(self) -> Any:  # noqa: N802
        """Who commands it."""
        return _Array16([_NULL if v is None else PriorityValue(real=v) for v in self._board.slots(self._name)])

    @priorityArray.setter
    def priorityArray(self, value: Any) -> None:  # noqa: N802
        """Only a slot is written."""

    @property
    def relinquishDefault(self) -> Any:  # noqa: N802
        """What the building's own control asks for."""
        return Real(self._board.default(self._name))

    @relinquishDefault.setter
    def relinquishDefault(self, value: Any) -> None:  # noqa: N802
        """Nobody sets it."""

    @property
    def currentCommandPriority(self) -> Any:  # noqa: N802
        """Which slot commands it."""
        number = self._board.active(self._name)
        return OptionalUnsigned(null=()) if number is None else OptionalUnsigned(unsigned=number)

    @currentCommandPriority.setter
    def currentCommandPriority(self, value: Any) -> None:  # noqa: N802
        """Nobody sets it."""


class Heartbeat(_Live, AnalogValueObject):  # type: ignore[misc]
    """What a controller counts up while it is in charge."""

    def __init__(self, board: Board) -> None:
        self._board, self._name = board, HEARTBEAT
        super().__init__(
            objectIdentifier=("analog-value", 1),
            objectName=HEARTBEAT,
            description=f"Whoever is in charge counts it up; {board.heartbeat_steps} steps without empty slots",
            units=EngineeringUnits("noUnits"),
            outOfService=False,
            eventState="normal",
            reliability=Reliability.noFaultDetected,
        )

    def _put(self, value: float | None, priority: int | None) -> None:
        if value is None:
            super()._put(value, priority)
        else:
            self._board.beat(value, SOURCE.get())

    @property
    def presentValue(self) -> Any:  # noqa: N802
        """The count."""
        return Real(self._board.heartbeat)

    @presentValue.setter
    def presentValue(self, value: Any) -> None:  # noqa: N802
        """Only a write sets it."""


_NULL = PriorityValue(null=())


def _described(point: Point) -> dict[str, Any]:
    return {
        "objectName": point.name,
        "description": point.help or point.name,
        "units": EngineeringUnits(UNITS.get(point.unit, "noUnits")),
        "minPresValue": point.low,
        "maxPresValue": point.high,
        "outOfService": False,
        "eventState": "normal",
    }
