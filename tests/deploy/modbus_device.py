"""A real Modbus TCP unit for tests, on 127.0.0.1: float32 registers for every point, and a switch for remote mode."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Role

_WAIT_S = 60.0
_COILS, _INPUTS = (1, 5, 15), (4,)  # function codes


class _Registers:
    """What pymodbus asks for the registers of a request.

    Attributes:
        inputs: input registers.
        holding: holding registers.
        enabled: the coil.
        stuck: whether the coil stays as it is.
        deaf: whether holding registers stay as they are.
        gaps: addresses of input registers that are refused.
        asked: how many requests came.
        slow_s: how long it takes to answer one [s].
    """

    def __init__(self, inputs: list[int], holding: list[int]) -> None:
        self.inputs, self.holding = inputs, holding
        self.enabled, self.stuck, self.deaf = False, False, False
        self.gaps: set[int] = set()
        self.asked, self.slow_s = 0, 0.0

    def device_ids(self) -> list[int]:
        return [0]

    async def async_getValues(  # noqa: N802 - as the library names it
        self, device_id: int, code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        self.asked += 1
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if code in _COILS:
            return [self.enabled] if (address, count) == (0, 1) else ExcCodes.ILLEGAL_ADDRESS
        whole = self.inputs if code in _INPUTS else self.holding
        wanted = range(address, address + count)
        if wanted.stop > len(whole) or (code in _INPUTS and self.gaps.intersection(wanted)):
            return ExcCodes.ILLEGAL_ADDRESS
        return whole[address : address + count]

    async def async_setValues(  # noqa: N802
        self, device_id: int, code: int, address: int, values: Sequence[int] | Sequence[bool]
    ) -> ExcCodes | None:
        if code in _COILS:
            self.enabled = self.enabled if self.stuck else bool(values[0])
            return None
        if address + len(values) > len(self.holding):
            return ExcCodes.ILLEGAL_ADDRESS
        if not self.deaf:
            self.holding[address : address + len(values)] = [int(value) for value in values]
        return None


class Unit:
    """A unit with a value for every point of a building, in a thread."""

    def __init__(self, building: Building, *, port: int = 0) -> None:
        self.building = building
        self.measured = [p for p in building.points if p.role is not Role.SETPOINT]
        self.registers = _Registers(
            words([(p.low + p.high) / 2 for p in self.measured]),
            [*words([(p.low + p.high) / 2 for p in building.setpoints]), 0],
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._wait(self._open(port))

    def _wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)

    async def _open(self, port: int) -> None:
        nothing = SimDevice(0, simdata=[SimData(0, datatype=DataType.REGISTERS)])
        self._server = ModbusTcpServer(nothing, address=("127.0.0.1", port))
        context: Any = self.registers
        self._server.context = context
        await self._server.listen()
        transport: Any = self._server.transport
        self.port = transport.sockets[0].getsockname()[1]

    def show(self, name: str, value: float) -> None:
        """Has a sensor measure something else."""
        at = 2 * [p.name for p in self.measured].index(name)
        self.registers.inputs[at : at + 2] = words([value])

    def setpoint(self, name: str) -> float:
        """Where a set-point stands."""
        at = 2 * [p.name for p in self.building.setpoints].index(name)
        return float(struct.unpack(">f", struct.pack(">HH", *self.registers.holding[at : at + 2]))[0])

    def close(self) -> None:
        """Is gone, and lets go of whoever is connected."""

        async def shut() -> None:
            await self._server.shutdown()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:  # those that still answer
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._wait(shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()


def words(numbers: Sequence[float]) -> list[int]:
    """Two registers each, the more significant first."""
    return [word for number in numbers for word in struct.unpack(">HH", struct.pack(">f", number))]


def site_text(unit: Unit, **changes: Any) -> dict[str, Any]:
    """A site file of the unit, with every point and every set-point to write."""
    inputs = {p.name: {"register": f"input,{2 * n}"} for n, p in enumerate(unit.measured)}
    outputs = {p.name: {"register": f"holding,{2 * n}"} for n, p in enumerate(unit.building.setpoints)}
    made = {
        "site": "hall",
        "building": unit.building.reference,
        "time_zone": "America/Chicago",
        "stage": "live",
        "modbus": {"host": "127.0.0.1", "port": unit.port, "timeout_s": 5.0, "retries": 1, "enable": "coil,0"},
        "points": {**inputs, **outputs},
        "write": list(outputs),
        "authority": {"ramp_days": 0},
        "heartbeat": f"holding,{2 * len(outputs)}",
    }
    return {**made, **changes}


@contextlib.contextmanager
def unit(building: Building, **choices: Any) -> Iterator[Unit]:
    """A unit, for as long as the block runs."""
    made = Unit(building, **choices)
    try:
        yield made
    finally:
        made.close()
