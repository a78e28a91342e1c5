"""A Modbus TCP client: reads in blocks, writes that are awaited. The one connector that knows pymodbus.

Its blocking client measures time-outs by a clock that anyone can set: the other one is used, with a bound of our own.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from airhandler.buildings.errors import SiteError, UserError

from .answers import Refused, SilenceError
from .bus_thread import BusThread
from .registers import Register

try:
    from pymodbus.client import AsyncModbusTcpClient
    from pymodbus.exceptions import ModbusException
except ModuleNotFoundError as missing:
    raise UserError(
        "a site on Modbus needs pymodbus, which is not installed here: pip install 'airhandler[modbus]'"
    ) from missing

_MOST_WORDS = 100  # of a request; the standard permits 125. Source: V1.1b3, clause 6.3
_SLACK_S = 0.5
_ROUNDS = 8  # how many unanswered time-outs a whole reading may last
# Source: MODBUS Application Protocol Specification V1.1b3, clause 7
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledged, not done",
    6: "device busy",
    10: "gateway path unavailable",
    11: "gateway target does not answer",
}


class ModbusClient:
    """Asks one unit.

    Args:
        host: its IPv4 address.
        port: its port.
        unit_id: the unit behind that address.
        word_order: which of a value's registers comes first, `big` or `little`.
        timeout_s: how long one answer may take [s].
        retries: how often a request is sent again.
    """

    def __init__(self, host: str, port: int, unit_id: int, *, word_order: str, timeout_s: float, retries: int) -> None:
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what it logs as an error is an answer here
        self._where, self._unit, self._order = f"{host}:{port}", unit_id, word_order
        self._bound_s = timeout_s * (retries + 2) + _SLACK_S  # one more, to connect
        self._thread = BusThread("Modbus")
        self._client = self._thread.wait(self._made(host, port, timeout_s, retries), self._bound_s)

    def read(self, registers: Sequence[Register]) -> dict[Register, float | Refused]:
        """What registers hold, NaN where that is none. Raises SilenceError where the unit does not answer.

        Neighbours are read at once; a block that is refused is read value by value.
        """
        return self._thread.wait(self._read(registers), _ROUNDS * self._bound_s)

    def write(self, register: Register, value: float) -> Refused | None:
        """Writes one value; None where the unit confirms it. Raises SilenceError."""
        return self._thread.wait(self._write(register, value), self._bound_s)

    def close(self) -> None:
        """Ends the connection and the thread."""
        if self._thread.closed:
            return
        with contextlib.suppress(SiteError):
            self._thread.wait(self._shut(), self._bound_s)
        self._thread.stop(self._bound_s)

    async def _made(self, host: str, port: int, timeout_s: float, retries: int) -> AsyncModbusTcpClient:
        return AsyncModbusTcpClient(host, port=port, timeout=timeout_s, retries=retries, reconnect_delay=0)

    async def _shut(self) -> None:
        self._client.close()

    async def _read(self, registers: Sequence[Register]) -> dict[Register, float | Refused]:
        found: dict[Register, float | Refused] = {}
        for block in blocks(registers):
            answer = await self._read_block(block)
            if isinstance(answer, Refused) and len(block) > 1:
                for register in block:
                    found[register] = self._one(register, await self._read_block([register]))
            else:
                found |= {register: self._one(register, answer, block[0].address) for register in block}
        return found

    async def _read_block(self, block: Sequence[Register]) -> Sequence[int] | Refused:
        first, last = block[0], block[-1]
        count = last.address + last.words - first.address
        answer = await self._ask(
            lambda: _readers(self._client)[first.table](first.address, count=count, device_id=self._unit)
        )
        if isinstance(answer, Refused):
            return answer
        held = answer.bits if first.is_bit else answer.registers
        return Refused("too short an answer") if len(held) < count else [int(word) for word in held[:count]]

    def _one(self, register: Register, answer: Sequence[int] | Refused, begin: int | None = None) -> float | Refused:
        if isinstance(answer, Refused):
            return answer
        at = register.address - (register.address if begin is None else begin)
        if register.is_bit:
            return float(answer[at])
        return register.decode(answer[at : at + register.words], self._order)

    async def _write(self, register: Register, value: float) -> Refused | None:
        if register.is_bit:
            answer = await self._ask(
                lambda: self._client.write_coil(register.address, value != 0.0, device_id=self._unit)
            )
        else:
            try:
                words = register.encode(value, self._order)
            except ValueError as error:
                return Refused(str(error))
            answer = await self._ask(
                lambda: self._client.write_registers(register.address, words, device_id=self._unit)
            )
        return answer if isinstance(answer, Refused) else None

    async def _ask(self, request: Callable[[], Any]) -> Any:
        """The answer to a request, or Refused. Raises SilenceError."""
        if not self._client.connected and not await self._client.connect():
            raise SilenceError(f"{self._where} cannot be connected to")
        try:
            answer = await request()
        except ModbusException as error:
            self._client.close()  # a line that was cut is not waited for: the next request connects anew
            raise SilenceError(f"{self._where} does not answer: {' '.join(str(error).split())}") from None
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            return Refused(_EXCEPTIONS.get(code, f"refused with code {code}"))
        return answer


def blocks(registers: Iterable[Register]) -> list[list[Register]]:
    """Neighbours without a gap, of one table, in blocks that fit into a request."""
    made: list[list[Register]] = []
    for register in sorted(set(registers), key=lambda r: (r.table, r.address)):
        block = made[-1] if made else []
        if (
            block
            and block[-1].table == register.table
            and block[-1].address + block[-1].words == register.address
            and register.address + register.words - block[0].address <= _MOST_WORDS
        ):
            block.append(register)
        else:
            made.append([register])
    return made


def _readers(client: AsyncModbusTcpClient) -> dict[str, Callable[..., Any]]:
    return {
        "coil": client.read_coils,
        "discrete": client.read_discrete_inputs,
        "holding": client.read_holding_registers,
        "input": client.read_input_registers,
    }


def as_value(held: float | Refused) -> tuple[float | None, str | None]:
    """A number and None, or why there is none."""
    if isinstance(held, Refused):
        return None, held.words
    return (held, None) if math.isfinite(held) else (None, "its value is no number")
