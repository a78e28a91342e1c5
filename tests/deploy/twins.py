"""A twin's servers without a simulation: a Board that shows what a test says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from bacpypes3.ipv4.app import NormalApplication
from bacpypes3.local.device import DeviceObject
from bacpypes3.pdu import Address as BusAddress
from bacpypes3.pdu import IPv4Address

from airhandler.buildings.catalog import find_building
from airhandler.buildings.points import Role
from airhandler.deploy.loop_thread import LoopThread
from airhandler.deploy.twin_board import Board, BusWrite, Shown
from airhandler.deploy.twin_drill import Drill
from airhandler.deploy.twin_servers import Address, Servers

BUILDING = find_building("datacentre-dx")
ZONE = timezone(timedelta(hours=-6))
BEGIN = datetime(1991, 7, 1, 0, 15, tzinfo=ZONE)
SUPPLY, FLOW = "east_supply_air_temp_setpoint_c", "east_supply_airflow_setpoint_kg_s"
INLET = "east_inlet_temp_c"
FREE = Address(host="127.0.0.1", port=0)


def shown(number: int = 0, **values: float | None) -> Shown:
    """The end of a step: every point shows the step's number, but for those named."""
    measured = {p.name: float(number) for p in BUILDING.points if p.role is not Role.SETPOINT}
    return Shown(
        time=BEGIN + number * timedelta(seconds=BUILDING.step_s),
        values={**measured, **values},
        incumbent={p.name: rule.fallback for p, rule in zip(BUILDING.setpoints, BUILDING.rules, strict=True)},
    )


class Twin:
    """A Board, and all that was told of it."""

    def __init__(self, *, heartbeat_steps: int = 3, speed: float = 1.0) -> None:
        self.writes: list[BusWrite] = []
        self.events: list[str] = []
        self.restarts: list[float] = []
        self.board = Board(
            building=BUILDING,
            shown=shown(),
            step_s=BUILDING.step_s,
            speed=speed,
            heartbeat_steps=heartbeat_steps,
            on_write=self.writes.append,
            on_event=self.events.append,
        )
        self.drill = Drill(self.board, self.restarts.append)


class Client:
    """A BACnet client of the same library, in a thread of its own, that asks one address."""

    def __init__(self, thread: LoopThread, server: Address) -> None:
        self._thread, self._to = thread, BusAddress(str(server))
        self._app = thread.run(self._made())

    async def _made(self) -> NormalApplication:
        me = DeviceObject(objectIdentifier=("device", 1), objectName="client", apduTimeout=1000, numberOfApduRetries=0)
        made = NormalApplication(me, IPv4Address("127.0.0.1:0"))
        await made.normal.server._local_transport_ready.wait()
        return made

    def read(self, name: str, attribute: str = "present-value", index: int | None = None) -> Any:
        """A property. Raises what the device answers."""
        return self._do(lambda: self._app.read_property(self._to, name, attribute, index))

    def batch(self, wanted: Mapping[str, list[str]]) -> list[Any]:
        """Values of several properties, errors among them, in the order that they were asked for."""
        flat: list[Any] = [part for name, attributes in wanted.items() for part in (name, attributes)]
        answer = self._do(lambda: self._app.read_property_multiple(self._to, flat))
        return [value for *_, value in answer]

    def write(self, name: str, value: Any, priority: int | None = None, attribute: str = "present-value") -> None:
        """Writes. Raises what the device answers."""
        self._do(lambda: self._app.write_property(self._to, name, attribute, value, priority=priority))

    def who_is(self) -> list[Any]:
        """Who answers."""
        found: list[Any] = self._do(lambda: self._app.who_is(address=self._to, timeout=2))
        return found

    def close(self) -> None:
        self._thread.call(self._app.close)

    def _do(self, ask: Callable[[], Any]) -> Any:
        async def asked() -> Any:
            try:
                answer = await ask()
            except BaseException as error:  # noqa: BLE001 - as the library raises them
                return error
            return answer

        answer = self._thread.run(asked())
        if isinstance(answer, BaseException):
            raise AnsweredError(str(answer)) from None
        return answer


class AnsweredError(Exception):
    """A device's refusal, in its words."""


@contextmanager
def served(twin: Twin, at: Address = FREE) -> Iterator[tuple[Servers, Client, Mapping[str, str]]]:
    """A twin on the bus, a client of it, and the object of every point."""
    servers, thread = Servers(twin.board), LoopThread("client")
    try:
        address = servers.open_bacnet(at, 4711)
        client = Client(thread, address)
        try:
            yield servers, client, servers.objects
        finally:
            client.close()
    finally:
        thread.close()
        servers.close()


def patiently(is_so: Callable[[], bool]) -> bool:
    """Whether it comes to be so, in any time that a busy machine may need."""
    for _ in range(1000):
        if is_so():
            return True
        time.sleep(0.02)
    return False
