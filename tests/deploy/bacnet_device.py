"""A real BACnet/IP device for tests, on 127.0.0.1: it obeys the standard, and can be told to do what bad devices do."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from typing import Any

from bacpypes3.apdu import AbortPDU, AbortReason
from bacpypes3.app import Application
from bacpypes3.basetypes import DeviceStatus, EngineeringUnits, Reliability, StatusFlags
from bacpypes3.errors import AbortException, PropertyError, UnrecognizedService
from bacpypes3.ipv4.link import NormalLinkLayer
from bacpypes3.local.analog import AnalogInputObject, AnalogOutputObject, AnalogValueObject
from bacpypes3.local.binary import BinaryOutputObject
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.object import Object
from bacpypes3.pdu import IPv4Address
from bacpypes3.primitivedata import Date, Real, Time

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Role
from airhandler.deploy.connectors.objects import ANY_DEVICE

NUMBER = 4711
_WAIT_S = 60.0


class _Abort(AbortException):
    abortReason = AbortReason("segmentation-not-supported")  # noqa: N815 - as the library names it


class _Busy(AbortException):
    abortReason = AbortReason("out-of-resources")  # noqa: N815


class _Flagged:
    """An object whose status flags somebody raises, by its name."""

    @property
    def statusFlags(self) -> Any:  # noqa: N802 - as the library names it
        app = getattr(self, "_app", None)
        return StatusFlags(app.flags.get(str(self.objectName), [0, 0, 0, 0]) if app is not None else [0, 0, 0, 0])

    @statusFlags.setter
    def statusFlags(self, value: Any) -> None:  # noqa: N802
        pass


class _Input(_Flagged, AnalogInputObject):
    """An input as real devices have it: it refuses to be written."""

    async def write_property(self, *_: Any, **__: Any) -> None:
        raise PropertyError("writeAccessDenied")


class _Output(_Flagged, AnalogOutputObject):
    """A set-point, and how it may be at odds with who commands it."""

    async def write_property(self, attr: Any, value: Any, index: Any = None, priority: Any = None) -> None:
        name, app = str(self.objectName), self._app
        if name in app.refuses:
            raise PropertyError("writeAccessDenied")
        if (step := app.steps.get(name)) is not None and isinstance(value, Real):
            value = Real(round(value / step) * step)
        if name not in app.ignores:
            await super().write_property(attr, value, index, priority)

    def recalculating(self) -> None:
        before = self.presentValue
        super().recalculating()
        if self._app is not None and str(self.objectName) in self._app.deaf:
            Object.__setattr__(self, "presentValue", before)


class _Device(DeviceObject):
    """A device whose time can be set, and which may not say who it is."""

    async def read_property(self, attr: Any, index: Any = None) -> Any:
        if self._app.nameless and str(attr) == "object-identifier":
            raise PropertyError("readAccessDenied")
        return await super().read_property(attr, index)

    @property
    def localDate(self) -> Any:  # noqa: N802 - as the library names it
        return Date(_time(self).date())

    @localDate.setter
    def localDate(self, value: Any) -> None:  # noqa: N802
        pass

    @property
    def localTime(self) -> Any:  # noqa: N802
        shown = _time(self)
        return Time((shown.hour, shown.minute, shown.second, shown.microsecond // 10_000))

    @localTime.setter
    def localTime(self, value: Any) -> None:  # noqa: N802
        pass


def _time(one: Any) -> datetime:
    shown = one._app.shown
    return shown() if shown is not None else datetime.now()  # noqa: DTZ005 - a device's time has no zone


class _App(Application):  # type: ignore[misc]
    """The services, and what may be wrong with them.

    Attributes:
        most: how many properties it answers at once; more are aborted.
        singly: whether it can read one property at a time alone.
        busy: so many requests for several properties are aborted before one is answered.
        silent: whether it answers nothing.
        answers: after so many requests it is silent.
        nameless: whether it does not say which device it is.
        slow_s: how long it takes for each request [s].
        asked: how many requests it got, by their name.
        refuses: names of the objects that refuse to be written.
        ignores: those that confirm a write and do nothing.
        steps: to which steps an object rounds what is written, by its name.
        deaf: those in whose slots a value stands without effect.
        flags: the status flags of objects, by their name.
        shown: gives the device's time; None: the machine's.
    """

    most, singly, silent, nameless, slow_s, answers = 10_000, False, False, False, 0.0, math.inf

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: dict[str, int] = {}
        self.steps: dict[str, float] = {}
        self.busy = 0
        self.flags: dict[str, list[int]] = {}
        self.shown: Callable[[], datetime] | None = None
        self.refuses, self.ignores, self.deaf = set[str](), set[str](), set[str]()

    def get_object_id(self, objid: Any) -> Any:
        """An object; the device, too, for whoever does not know its number, which the library forgets."""
        return self.device_object if int(objid[1]) == ANY_DEVICE else super().get_object_id(objid)

    async def indication(self, apdu: Any) -> None:
        kind = type(apdu).__name__
        self.asked[kind] = self.asked.get(kind, 0) + 1
        self.answers -= 1
        if self.silent or self.answers < 0:
            return
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        await super().indication(apdu)

    async def response(self, apdu: Any) -> None:
        if isinstance(apdu, AbortPDU):
            apdu.apduSrv = True  # the library forgets to say that it is the server who aborts
        await super().response(apdu)

    async def do_ReadPropertyMultipleRequest(self, apdu: Any) -> None:  # noqa: N802
        if self.singly:
            raise UnrecognizedService()
        if self.busy:
            self.busy -= 1
            raise _Busy()
        if sum(len(spec.listOfPropertyReferences) for spec in apdu.listOfReadAccessSpecs) > self.most:
            raise _Abort()
        await super().do_ReadPropertyMultipleRequest(apdu)


class Device:
    """A device with an object for every point of a building, in a thread.

    Args:
        building: whose points.
        port: 0 takes a free one.
        broadcast: whether it hears broadcasts to 127.255.255.255 on its port.
    """

    def __init__(self, building: Building, *, port: int = 0, number: int = NUMBER, broadcast: bool = False) -> None:
        self.building, self.number = building, number
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._broadcast = broadcast
        self._wait(self._open(port))

    def _wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)

    async def _open(self, port: int) -> None:
        self.device = _Device(
            objectIdentifier=("device", self.number), objectName=f"device {self.number}", vendorIdentifier=999
        )
        self.objects: dict[str, Any] = {}
        measured = [p for p in self.building.points if p.role is not Role.SETPOINT]
        for number, point in enumerate(measured, start=1):
            self.objects[point.name] = _Input(
                objectIdentifier=("analog-input", number),
                objectName=point.name,
                description=point.help,
                presentValue=(point.low + point.high) / 2,
                units=EngineeringUnits({"degC": 62, "W": 47, "kg/s": 42, "m3/s": 85}.get(point.unit, 95)),
                outOfService=False,
                reliability=Reliability("no-fault-detected"),
            )
        for number, point in enumerate(self.building.setpoints, start=1):
            self.objects[point.name] = _Output(
                objectIdentifier=("analog-output", number),
                objectName=point.name,
                description=point.help,
                presentValue=(point.low + point.high) / 2,
                relinquishDefault=(point.low + point.high) / 2,
                units=EngineeringUnits({"degC": 62, "kg/s": 42}.get(point.unit, 95)),
                outOfService=False,
                reliability=Reliability("no-fault-detected"),
            )
        self.objects["heartbeat"] = AnalogValueObject(
            objectIdentifier=("analog-value", 1),
            objectName="heartbeat",
            presentValue=0.0,
            units=EngineeringUnits(95),
            outOfService=False,
        )
        self.objects["lamp"] = BinaryOutputObject(
            objectIdentifier=("binary-output", 1),
            objectName="lamp",
            presentValue="inactive",
            outOfService=False,
        )
        self.app = _App.from_object_list([self.device, *self.objects.values()])
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.setblocking(False)
        listening.bind(("127.255.255.255" if self._broadcast else "127.0.0.1", port))
        self.port = listening.getsockname()[1]
        own = IPv4Address(f"127.0.0.1:{self.port}")
        self._link = NormalLinkLayer(own, bind_socket=listening)
        self.app.nsap.bind(self._link, address=own)
        await self._link.server._local_transport_ready.wait()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def do(self, work: Any) -> None:
        """Does something in the device's own thread: `device.do(lambda: ...)`."""

        async def _do() -> None:
            work()

        self._wait(_do())

    def show(self, name: str, value: float) -> None:
        """Has a sensor measure something else."""
        self.do(lambda: setattr(self.objects[name], "presentValue", value))

    def flag(self, name: str, *raised: str, why: str = "no-fault-detected") -> None:
        """Raises status flags of an object and lowers the others, with a reliability."""

        def raise_flags() -> None:
            self.app.flags[name] = [int(flag in raised) for flag in ("alarm", "fault", "overridden", "out")]
            self.objects[name].reliability = Reliability(why)

        self.do(raise_flags)

    def command(self, name: str, slot: int, value: float | None) -> None:
        """Somebody writes into a slot."""
        from bacpypes3.primitivedata import Null

        async def write() -> None:
            typed = Null(()) if value is None else Real(value)
            await AnalogOutputObject.write_property(self.objects[name], "presentValue", typed, None, slot)

        self._wait(write())

    def slot(self, name: str, slot: int) -> float | None:
        """What stands in a slot."""
        value = self.objects[name].priorityArray[slot - 1]
        return None if value.null is not None else float(getattr(value, value._choice))

    def default(self, name: str, value: float) -> None:
        """What the building's own control asks for."""

        def change() -> None:
            self.objects[name].relinquishDefault = value
            self.objects[name].recalculating()

        self.do(change)

    def status(self, words: str) -> None:
        """What it says of itself."""
        self.do(lambda: setattr(self.device, "systemStatus", DeviceStatus(words)))

    def close(self) -> None:
        """Is gone."""

        async def shut() -> None:
            self._link.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:  # those that still answer
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._wait(shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()


def site_text(device: Device, **changes: Any) -> dict[str, Any]:
    """A site file of the device, with every point and every set-point to write."""
    names = {str(one.objectName): str(one.objectIdentifier) for one in device.objects.values()}
    made = {
        "site": "hall",
        "building": device.building.reference,
        "time_zone": "America/Chicago",
        "stage": "live",
        "bacnet": {"device": device.address, "device_id": device.number, "timeout_s": 5.0, "retries": 1},
        "points": {p.name: {"object": names[p.name]} for p in device.building.points},
        "write": [p.name for p in device.building.setpoints],
        "heartbeat": names["heartbeat"],
    }
    return {**made, **changes}


@contextlib.contextmanager
def device(building: Building, **choices: Any) -> Iterator[Device]:
    """A device, for as long as the block runs."""
    made = Device(building, **choices)
    try:
        yield made
    finally:
        made.close()
