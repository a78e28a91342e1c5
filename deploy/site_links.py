"""How a site's device is reached, and where on it a point is: the sections of a site file for each bus. Strict."""

from __future__ import annotations

import math
from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from airhandler.buildings.strict import Strict

from .connectors.objects import BACNET_PORT, OPERATORS_SLOT, OUR_SLOTS, parse_object
from .connectors.registers import parse_register

_MAX_PORT = 65535


def check_priority(priority: int) -> int:
    """Our slot of a priority array. Raises ValueError with the reason for any that is not ours to take."""
    if priority <= OPERATORS_SLOT:
        raise ValueError(
            f"priority {priority} is refused: 1 to {OPERATORS_SLOT} belong to life safety, the protection of equipment "
            f"and the operator; ours is one of {OUR_SLOTS.start} to {OUR_SLOTS.stop - 1}"
        )
    if priority not in OUR_SLOTS:
        raise ValueError(
            f"priority {priority} is refused: the building's own control writes there, and ours would not be in force; "
            f"ours is one of {OUR_SLOTS.start} to {OUR_SLOTS.stop - 1}"
        )
    return priority


def host_and_port(words: str) -> tuple[str, int]:
    """`192.168.1.20:47808`; the port may be left out. Raises ValueError."""
    host, colon, port = words.partition(":")
    try:
        IPv4Address(host)
    except ValueError as error:
        raise ValueError("must be an IPv4 address and a port, like 192.168.1.20:47808") from error
    if colon and not (port.isascii() and port.isdecimal() and 0 < int(port) <= _MAX_PORT):
        raise ValueError(f"port {port!r}: must be 1 to {_MAX_PORT}")
    return host, int(port) if colon else BACNET_PORT


def _checked_address(words: str) -> str:
    host_and_port(words)
    return words


def _checked_host(words: str) -> str:
    if ":" in words:
        raise ValueError("must be an IPv4 address, like 192.168.1.30; its port is another field")
    host_and_port(words)
    return words


def _checked_object(words: str) -> str:
    parse_object(words)
    return words


def _checked_register(words: str) -> str:
    parse_register(words)
    return words


Address = Annotated[str, AfterValidator(_checked_address)]
Host = Annotated[str, AfterValidator(_checked_host)]
ObjectWords = Annotated[str, AfterValidator(_checked_object)]
RegisterWords = Annotated[str, AfterValidator(_checked_register)]
# A whole number is a number, too; strict settings would refuse it.
Number = Annotated[float, BeforeValidator(lambda value: float(value) if type(value) is int else value)]
TimeoutS = Annotated[Number, Field(gt=0, le=60)]
Retries = Annotated[int, Field(ge=0, le=10)]


class BacnetLink(Strict):
    """A BACnet/IP device.

    Attributes:
        device: its address, `192.168.1.20:47808`.
        device_id: its instance number: another device at the address is refused.
        address: our own interface; with a port, that one, else any free one.
        priority: our slot of each priority array, 9 to 14.
        timeout_s: how long an answer may take [s].
        retries: how often a request is sent again.
        batch: how many objects are asked for at once; fewer where the device cannot answer so much.
    """

    device: Address
    device_id: int = Field(ge=0, le=4194302)
    address: Address = "127.0.0.1"
    priority: Annotated[int, AfterValidator(check_priority)] = 10
    timeout_s: TimeoutS = 2.0
    retries: Retries = 1
    batch: int = Field(default=20, ge=1, le=100)


class ModbusLink(Strict):
    """A Modbus TCP device. It has no priorities: it must have a switch for remote mode that it watches itself.

    Attributes:
        host: its IPv4 address.
        port: its TCP port.
        unit_id: its unit behind that address.
        timeout_s: how long an answer may take [s].
        retries: how often a request is sent again.
        enable: the coil that gives us authority while it is on; without one nothing may be written.
        word_order: which of a value's registers comes first.
        clock: a register with the unit's time, seconds since 1970 as uint32.
    """

    host: Host
    port: int = Field(default=502, gt=0, le=_MAX_PORT)
    unit_id: int = Field(default=1, ge=0, le=247)
    timeout_s: TimeoutS = 2.0
    retries: Retries = 1
    enable: RegisterWords | None = None
    word_order: Literal["big", "little"] = "big"
    clock: RegisterWords | None = None

    @field_validator("enable")
    @classmethod
    def _a_coil(cls, value: str | None) -> str | None:
        if value is not None and parse_register(value).table != "coil":
            raise ValueError("must be a coil, like coil,0")
        return value


class PointOnBus(Strict):
    """Where a point is on the bus.

    Attributes:
        at_object: BACnet: `object`, `analog-input,1`.
        at_register: Modbus: `register`, the first one, `input,0`, `holding,10`, `coil,3`.
        type: Modbus: what the registers hold.
        scale: Modbus: the device's number times this is a value in `unit`.
        unit: the device's unit, where it is not the building's.
        resolution: to which steps the device rounds what is written [the device's unit]; None: not at all.
    """

    at_object: ObjectWords | None = Field(default=None, alias="object")
    at_register: RegisterWords | None = Field(default=None, alias="register")
    type: Literal["float32", "int16", "uint16", "int32", "uint32"] = "float32"
    scale: Number = 1.0
    unit: str | None = None
    resolution: Annotated[Number, Field(gt=0, allow_inf_nan=False)] | None = None

    @field_validator("scale")
    @classmethod
    def _usable(cls, value: float) -> float:
        if not math.isfinite(value) or value == 0.0:
            raise ValueError("must be a finite number other than 0")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> PointOnBus:
        if (self.at_object is None) == (self.at_register is None):
            raise ValueError("give either 'object' (BACnet) or 'register' (Modbus)")
        return self
