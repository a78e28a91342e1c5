"""A twin by Modbus TCP: the same points as registers, and a coil that lets a remote controller have the set-points.

Numbers are float32, two registers each, the more significant first; addresses count from 0:

- input registers: what is measured, then the device's clock [s since 1970, uint32];
- holding registers: the set-points, then the heartbeat (one register, uint16);
- coil 0, `enable`: while it is on, what is written to a set-point stands in a slot as BACnet has it; switched off, or
  off for want of a heartbeat, all go back. What is written while it is off waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import struct
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from airhandler.buildings.errors import UserError

from .twin_board import CLOCK, ENABLE, HEARTBEAT, REMOTE_SLOT, Board, RefusedError
from .twin_servers import Address

_COILS, _INPUTS = (1, 5, 15), (4,)  # function codes. Source: Modbus Application Protocol V1.1b3, section 6
_PER_NUMBER = 2
_ACCEPTING = (
    4  # turns of an asyncio loop from a client that is accepted to a connection that is made: 2 in CPython 3.12
)


class ModbusServer:
    """A Board, served by Modbus. Everything is called in the thread of the servers.

    Attributes:
        address: where, with the port that it has.
        registers: the register of every point, as a site file names it: `input,0`.
    """

    def __init__(self, board: Board, address: Address) -> None:
        self._board, self.address = board, address
        self._registers = _Registers(board)
        self._server: _Listener | None = None

    @property
    def registers(self) -> Mapping[str, str]:
        """The register of every point, of the heartbeat, of the clock and of the switch."""
        inputs = [*(p.name for p in self._board.measured), CLOCK]
        outputs = [*(p.name for p in self._board.building.setpoints), HEARTBEAT]
        found = {name: f"input,{_PER_NUMBER * n}" for n, name in enumerate(inputs)}
        return {**found, **{name: f"holding,{_PER_NUMBER * n}" for n, name in enumerate(outputs)}, ENABLE: "coil,0"}

    async def open(self) -> None:
        """Begins to answer. Raises UserError where the address cannot be had."""
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # each client that goes away is an error there
        server = _Listener(self._board, self._registers, self.address)
        if not await server.listen() or server.transport is None:
            raise UserError(f"--modbus {self.address}: cannot be listened on: is something else there?")
        self._server = server
        listening: Any = server.transport
        port = listening.sockets[0].getsockname()[1]
        self.address = replace(self.address, port=port)

    async def close(self) -> None:
        """Answers no more, and lets go of whoever is connected."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.shut()


class _Registers:
    """What pymodbus asks for the registers of a request, and gives those that are written."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._names = [p.name for p in board.building.setpoints]
        self._waiting: dict[str, float] = {}
        self.source = ""

    def device_ids(self) -> list[int]:
        return [0]

    async def async_getValues(  # noqa: N802 - as the library names it
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        if func_code in _COILS:
            return [self._board.remote] if (address, count) == (0, 1) else ExcCodes.ILLEGAL_ADDRESS
        whole = self._inputs() if func_code in _INPUTS else self._holding()
        asked = whole[address : address + count]
        return asked if len(asked) == count else ExcCodes.ILLEGAL_ADDRESS

    async def async_setValues(  # noqa: N802
        self, device_id: int, func_code: int, address: int, values: Sequence[int] | Sequence[bool]
    ) -> ExcCodes | None:
        try:
            if func_code not in _COILS:
                return self._put(address, [int(value) for value in values])
            if (address, len(values)) != (0, 1):
                return ExcCodes.ILLEGAL_ADDRESS
            self._enable(bool(values[0]))
        except RefusedError as refused:
            return ExcCodes.ILLEGAL_VALUE if refused.code == "value-out-of-range" else ExcCodes.DEVICE_FAILURE
        return None

    def _enable(self, on: bool) -> None:
        """Switches the remote controller's authority on or off. Raises RefusedError."""
        self._board.let_remote(on, self.source)
        if on:
            for name, value in self._waiting.items():
                self._board.command(name, value, REMOTE_SLOT, self.source)
        self._waiting.clear()

    def _put(self, address: int, words: list[int]) -> ExcCodes | None:
        """Writes registers that hold whole numbers. Raises RefusedError."""
        beat = _PER_NUMBER * len(self._names)
        if address == beat and len(words) == 1:
            self._board.beat(float(words[0]), self.source)
            return None
        if address % _PER_NUMBER or len(words) % _PER_NUMBER or address + len(words) > beat:
            return ExcCodes.ILLEGAL_ADDRESS
        first = address // _PER_NUMBER
        for name, value in zip(self._names[first:], _numbers(words), strict=False):
            if self._board.remote:
                self._board.command(name, value, REMOTE_SLOT, self.source)
            elif math.isfinite(value):
                self._waiting[name] = value
            else:
                return ExcCodes.ILLEGAL_VALUE
        return None

    def _inputs(self) -> list[int]:
        seen = (self._board.seen(p.name) for p in self._board.measured)
        shown = _words([one.value if one.reliable else math.nan for one in seen])
        return [*shown, *struct.unpack(">HH", struct.pack(">I", int(self._board.now().timestamp())))]

    def _holding(self) -> list[int]:
        return [*_words([self._board.present(name) for name in self._names]), int(self._board.heartbeat) % 2**16]


class _Listener(ModbusTcpServer):
    """A server of our registers."""

    def __init__(self, board: Board, registers: _Registers, address: Address) -> None:
        # The library wants a device of its own; every request goes to our registers instead.
        nothing = SimDevice(0, simdata=[SimData(0, datatype=DataType.REGISTERS)])
        super().__init__(nothing, address=(address.host, address.port))
        self.context: Any = registers
        self._board = board
        self._answering: set[asyncio.Task[None]] = set()

    def callback_new_connection(self) -> ServerRequestHandler:
        return _Connection(self, self._board)

    def answer(self, answering: Coroutine[Any, Any, None]) -> None:
        """Works on a request until it is answered, or nothing is any more."""
        task = self.loop.create_task(answering)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def shut(self) -> None:
        """Listens no more, lets go of whoever is connected, and ends what is being answered.

        Who is being accepted is a connection first: one that was half made when the rest is closed would be served on.
        """
        listening: Any = self.transport
        for one in listening.sockets if listening is not None else ():
            self.loop.remove_reader(one)
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        self.close()
        for task in (under_way := list(self._answering)):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


class _Connection(ServerRequestHandler):
    """One client: who writes is known, and what is wrong with the device holds for it, too."""

    def __init__(self, listener: _Listener, board: Board) -> None:
        super().__init__(listener, None, None, None)  # type: ignore[no-untyped-call]
        self._board, self._registers, self._listener = board, listener.context, listener

    def handle_later(self) -> None:
        """The library leaves its task to itself, and it is still there when its loop ends."""
        if not self._listener.is_closing:
            self._listener.answer(self.handle_request())

    async def handle_request(self) -> None:
        faults = self._board.faults
        if faults.silent:
            return
        self._board.heard()
        if faults.slow_s:
            await asyncio.sleep(faults.slow_s)
        if self.transport is not None:
            host, port = self.transport.get_extra_info("peername")[:2]
            self._registers.source = f"modbus {host}:{port}"
        await super().handle_request()  # type: ignore[no-untyped-call]


def _words(numbers: Sequence[float]) -> list[int]:
    """Registers of float32 numbers [2 len(numbers)]."""
    packed = struct.pack(f">{len(numbers)}f", *numbers)
    return list(struct.unpack(f">{_PER_NUMBER * len(numbers)}H", packed))


def _numbers(words: Sequence[int]) -> Sequence[float]:
    """Numbers of their registers [len(words) / 2]."""
    return struct.unpack(f">{len(words) // _PER_NUMBER}f", struct.pack(f">{len(words)}H", *words))
