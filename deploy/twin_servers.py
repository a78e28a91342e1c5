"""All servers of a twin, in one thread: what they serve is the Board."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Any, Protocol

from airhandler.buildings.errors import UserError

from .loop_thread import LoopThread
from .twin_board import Board

log = logging.getLogger("airhandler.twin")


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a server listens: `HOST:PORT`, an IPv4 address; port 0 takes a free one.

    Attributes:
        broadcast: an address that it hears as well: of the network that `HOST/BITS:PORT` says; None: none.
    """

    host: str
    port: int
    broadcast: str | None = None

    @classmethod
    def read(cls, text: str, option: str) -> Address:
        """From `HOST:PORT` or `HOST/BITS:PORT`. Raises UserError."""
        host, _, port = text.rpartition(":")
        try:
            network = IPv4Interface(host)
            if not 0 <= int(port) < 2**16:
                raise ValueError
        except ValueError as error:
            raise UserError(f"{option} {text!r}: must be HOST:PORT, such as 127.0.0.1:47808") from error
        broadcast = str(network.network.broadcast_address) if "/" in host else None
        return cls(host=str(network.ip), port=int(port), broadcast=broadcast)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Server(Protocol):
    """One that can be opened again after it was closed; both are called in the thread of the servers."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class Servers:
    """The thread, and what runs in it, until it is closed."""

    def __init__(self, board: Board) -> None:
        self._board, self._thread = board, LoopThread("twin")
        self._open: list[Server] = []
        self._soon: set[asyncio.Task[None]] = set()
        self.objects: Mapping[str, str] = {}
        self.registers: Mapping[str, str] = {}

    def open_bacnet(self, address: Address, number: int) -> Address:
        """Serves by BACnet/IP. Returns where. Raises UserError where the address cannot be had."""
        from .twin_device import BacnetServer

        server = BacnetServer(self._board, address, number)
        self._begin(server)
        self.objects = server.objects
        return server.address

    def open_modbus(self, address: Address) -> Address:
        """Serves by Modbus TCP. Returns where. Raises UserError where the address cannot be had."""
        from .twin_modbus import ModbusServer

        server = ModbusServer(self._board, address)
        self._begin(server)
        self.registers = server.registers
        return server.address

    def call[T](self, work: Callable[[], T]) -> T:
        """The result of a function that is called in their thread, between two requests. Raises what it raises."""
        return self._thread.call(work)

    def restart(self, away_s: float) -> None:
        """The device starts anew: away for so long, with nothing in its slots. Called in their thread."""

        async def anew() -> None:
            for server in self._open:
                await server.close()
            self._board.forget()
            await asyncio.sleep(away_s)
            for server in self._open:
                await server.open()

        task = asyncio.get_running_loop().create_task(anew())
        self._soon.add(task)
        task.add_done_callback(self._restarted)

    def close(self) -> None:
        """Answers no more."""
        self._thread.run(self._stay_away())
        for server in self._open:
            self._thread.run(server.close())
        self._thread.close()

    async def _stay_away(self) -> None:
        """A device that is about to come back does not."""
        for task in (under_way := list(self._soon)):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _restarted(self, task: asyncio.Task[None]) -> None:
        self._soon.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the device did not start anew: %s", error)

    def _begin(self, server: Server) -> None:
        opening: Coroutine[Any, Any, None] = server.open()
        self._thread.run(opening)
        self._open.append(server)
