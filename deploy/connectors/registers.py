"""Modbus registers: where a value is, and how its words become a number. Nothing here needs a Modbus library.

Source: MODBUS Application Protocol Specification V1.1b3, clauses 4.2 (big-endian words) and 4.3 (data model).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Table = Literal["coil", "discrete", "holding", "input"]
TABLES: tuple[Table, ...] = ("coil", "discrete", "holding", "input")
WRITABLE_TABLES: tuple[Table, ...] = ("coil", "holding")
_BITS: tuple[Table, ...] = ("coil", "discrete")
_MAX_ADDRESS = 65535

Kind = Literal["float32", "int16", "uint16", "int32", "uint32"]
_FORMATS: dict[Kind, str] = {"float32": ">f", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Register:
    """A value in the tables of a device.

    Attributes:
        table: which table.
        address: of its first word, counted from 0 as it is on the wire.
        kind: what the words hold; a coil is one bit.
        scale: the device's number times this is the value.
    """

    table: Table
    address: int
    kind: Kind = "float32"
    scale: float = 1.0

    def __str__(self) -> str:
        return f"{self.table},{self.address}"

    @property
    def is_bit(self) -> bool:
        """Whether it is one bit."""
        return self.table in _BITS

    @property
    def words(self) -> int:
        """How many registers it takes."""
        return 1 if self.is_bit else struct.calcsize(_FORMATS[self.kind]) // 2

    def decode(self, words: Sequence[int], word_order: str) -> float:
        """The value that registers hold."""
        ordered = words if word_order == "big" else tuple(reversed(words))
        packed = struct.pack(f">{len(ordered)}H", *ordered)
        return float(struct.unpack(_FORMATS[self.kind], packed)[0]) * self.scale

    def encode(self, value: float, word_order: str) -> list[int]:
        """The registers of a value. Raises ValueError for one that they cannot hold."""
        number = value / self.scale
        try:
            packed = struct.pack(_FORMATS[self.kind], number if self.kind == "float32" else round(number))
        except (struct.error, OverflowError, ValueError) as error:
            raise ValueError(f"{value} does not fit into {self.kind} at {self}") from error
        words = list(struct.unpack(f">{len(packed) // 2}H", packed))
        return words if word_order == "big" else words[::-1]


def parse_register(words: str, kind: Kind = "float32", scale: float = 1.0) -> Register:
    """`input,0`. Raises ValueError that says what it must be."""
    table, comma, address = (part.strip() for part in words.partition(","))
    if not comma or table not in TABLES or not (address.isascii() and address.isdecimal()):
        raise ValueError(f"must be like input,0, of {', '.join(TABLES)}")
    if int(address) > _MAX_ADDRESS:
        raise ValueError(f"address {address}: must be at most {_MAX_ADDRESS}")
    return Register(table=table, address=int(address), kind=kind, scale=scale)
