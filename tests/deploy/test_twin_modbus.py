"""A twin by Modbus TCP: what a client finds, may do, and meets in a drill."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from airhandler.buildings.errors import UserError
from airhandler.deploy.twin_board import HEARTBEAT, REMOTE_SLOT
from airhandler.deploy.twin_modbus import ModbusServer
from airhandler.deploy.twin_servers import Servers
from tests.deploy.twins import BEGIN, BUILDING, FREE, INLET, SUPPLY, Twin, patiently, shown

TYPE = ModbusTcpClient.DATATYPE.FLOAT32


class Device:
    """A client, and a twin that it asks."""

    def __init__(self, twin: Twin, servers: Servers) -> None:
        self.twin, self.servers = twin, servers
        self.address = servers.open_modbus(FREE)
        self.registers = ModbusServer(twin.board, FREE).registers
        self.client = ModbusTcpClient(self.address.host, port=self.address.port, timeout=1, retries=0)
        assert self.client.connect()

    def at(self, name: str) -> int:
        return int(self.registers[name].rpartition(",")[2])

    def read(self, name: str) -> float:
        read = (
            self.client.read_input_registers if "input" in self.registers[name] else self.client.read_holding_registers
        )
        (value,) = self.numbers(read(self.at(name), count=2).registers)
        return value

    def numbers(self, registers: Sequence[int]) -> list[float]:
        found = self.client.convert_from_registers(list(registers), TYPE)
        return found if isinstance(found, list) else [found]  # type: ignore[list-item, return-value]

    def write(self, name: str, value: float) -> bool:
        """Whether it was taken."""
        return not self.client.write_registers(self.at(name), self.client.convert_to_registers(value, TYPE)).isError()

    def enable(self, on: bool) -> bool:
        return not self.client.write_coil(0, on).isError()

    def answers(self) -> bool:
        """Whether anybody is there, by a connection that is made anew."""
        self.client.close()
        if not self.client.connect():
            return False
        try:
            return not self.client.read_coils(0, count=1).isError()
        except ModbusException:
            return False

    @property
    def enabled(self) -> bool:
        return self.client.read_coils(0, count=1).bits[0]


@pytest.fixture
def device() -> Iterator[Device]:
    twin = Twin()
    servers = Servers(twin.board)
    try:
        found = Device(twin, servers)
        yield found
        found.client.close()
    finally:
        servers.close()


def test_sensors_are_read_all_at_once(device: Device) -> None:
    device.servers.call(lambda: device.twin.board.show(shown(7, **{INLET: 23.25})))
    assert device.read(INLET) == 23.25
    whole = device.client.read_input_registers(0, count=2 * len(device.twin.board.measured)).registers
    assert sorted(set(device.numbers(whole))) == [7.0, 23.25]


def test_what_is_absent_is_no_number(device: Device) -> None:
    device.servers.call(lambda: device.twin.board.show(shown(7, **{INLET: None})))
    assert math.isnan(device.read(INLET))


def test_the_clock_follows_what_is_measured(device: Device) -> None:
    high, low = device.client.read_input_registers(2 * len(device.twin.board.measured), count=2).registers
    assert (high << 16 | low) - BEGIN.timestamp() in range(60)


def test_setpoints_wait_for_enable_and_go_back_with_it(device: Device) -> None:
    assert device.write(SUPPLY, 23.5)
    assert (device.read(SUPPLY), device.enabled) == (18.0, False)
    assert device.enable(True)
    assert (device.read(SUPPLY), device.enabled, device.twin.board.active(SUPPLY)) == (23.5, True, REMOTE_SLOT)
    assert device.write(SUPPLY, 22.5)
    assert device.read(SUPPLY) == 22.5
    assert device.enable(False)
    assert (device.read(SUPPLY), device.enabled) == (18.0, False)
    assert device.enable(True)
    assert device.read(SUPPLY) == 18.0  # what was written before is forgotten
    assert {w.source.rpartition(":")[0] for w in device.twin.writes} == {"modbus 127.0.0.1"}


def test_heartbeat_is_counted_up_and_keeps_the_setpoints(device: Device) -> None:
    device.enable(True)
    device.write(SUPPLY, 23.5)
    for count in range(1, 6):
        assert not device.client.write_register(device.at(HEARTBEAT), count).isError()
        device.servers.call(device.twin.board.watch)
    assert (device.read(SUPPLY), device.client.read_holding_registers(device.at(HEARTBEAT)).registers) == (23.5, [5])
    for _ in range(3):
        device.servers.call(device.twin.board.watch)
    assert (device.read(SUPPLY), device.enabled) == (18.0, False)


def test_sensors_and_what_is_no_number_cannot_be_written(device: Device) -> None:
    assert not device.write(SUPPLY, math.nan)
    device.enable(True)
    assert not device.write(SUPPLY, math.inf)
    assert device.read(SUPPLY) == 18.0


@pytest.mark.parametrize(("address", "count"), [(1, 1), (2 * len(BUILDING.setpoints) + 1, 1), (0, 3)])
def test_registers_that_are_not_there_or_half_a_number_are_refused(device: Device, address: int, count: int) -> None:
    assert device.client.write_registers(address, [0] * count).isError()


def test_a_read_past_the_end_is_refused(device: Device) -> None:
    assert device.client.read_input_registers(2 * len(device.twin.board.measured) + 1, count=2).isError()
    assert device.client.read_coils(1, count=1).isError()


def test_writes_are_refused_and_ignored_in_a_drill(device: Device) -> None:
    device.enable(True)
    device.servers.call(lambda: device.twin.drill.do("refuse", []))
    assert not device.write(SUPPLY, 23.5)
    assert not device.enable(False)
    device.servers.call(lambda: (device.twin.drill.do("clear", []), device.twin.drill.do("ignore", [])))
    assert device.write(SUPPLY, 23.5)
    assert device.enable(False)
    assert (device.read(SUPPLY), device.enabled) == (18.0, True)


def test_an_operator_takes_it_back_at_the_device(device: Device) -> None:
    device.enable(True)
    device.write(SUPPLY, 23.5)
    device.servers.call(lambda: device.twin.drill.do("local", []))
    assert (device.enabled, device.read(SUPPLY)) == (False, 18.0)


def test_a_device_that_starts_anew_is_found_again(device: Device) -> None:
    device.enable(True)
    device.write(SUPPLY, 23.5)
    device.servers.call(lambda: device.servers.restart(0.2))
    assert patiently(lambda: not device.answers())
    assert patiently(device.answers)
    assert (device.enabled, device.read(SUPPLY)) == (False, 18.0)


def test_an_address_that_is_taken_is_a_users_mistake(device: Device) -> None:
    second = Servers(Twin().board)
    try:
        with pytest.raises(UserError, match="cannot be listened on"):
            second.open_modbus(device.address)
    finally:
        second.close()
