"""A twin by Modbus TCP: what a client finds, may do, and meets in a drill."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Written
from airhandler.deploy.check_site import check_site
from airhandler.deploy.connectors.bus import watch_bus, writer_of
from airhandler.deploy.site_file import load_site
from airhandler.deploy.twin_board import HEARTBEAT, REMOTE_SLOT
from airhandler.deploy.twin_modbus import ModbusServer
from airhandler.deploy.twin_servers import Servers
from airhandler.deploy.twin_site_file import modbus_section, write_site_file
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
        except (ModbusException, ConnectionError):
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


def test_its_site_file_finds_every_point_the_clock_the_switch_and_the_heartbeat(device: Device, tmp_path: Path) -> None:
    told = {p.name: (p.low + p.high) / 2.0 for p in device.twin.board.measured}
    device.servers.call(lambda: device.twin.board.show(shown(7, **told)))
    path = tmp_path / "site.yaml"
    registers = device.servers.registers
    write_site_file(
        path,
        BUILDING,
        offset=timedelta(hours=-6),
        speed=1.0,
        bus="modbus",
        section=modbus_section(device.address, registers),
        places=registers,
    )
    settings = load_site(path)
    found = check_site(settings)
    assert [f.what for f in found.findings] == ["promotion"]  # nothing else: the registers, the clock and the switch
    assert {s.place.point.name: s.value for s in found.shown if s.place.point.name in told} == pytest.approx(told)
    site = watch_bus(settings).site
    try:
        assert abs(site.read().time - device.twin.board.now()) < timedelta(minutes=1)
    finally:
        site.close()
    with writer_of(settings) as writer:
        assert isinstance(writer.beat(), Written)
        assert isinstance(writer.write(Setpoints({p.name: p.low for p in BUILDING.setpoints})), Written)
    assert (device.enabled, device.twin.board.heartbeat) == (True, 1.0)


COILS = struct.pack(">HHHBBHH", 1, 0, 6, 1, 1, 0, 1)  # read coil 0. Source: Modbus Application Protocol V1.1b3, 6.1


def test_clients_that_have_come_and_gone_are_not_let_go_of_again() -> None:
    twin = Twin()
    servers = Servers(twin.board)
    device = Device(twin, servers)
    for _ in range(20):
        assert device.answers()
    device.client.close()
    servers.close()
    assert not device.answers()


@pytest.mark.parametrize("turns", range(6))
def test_a_client_that_is_accepted_as_it_closes_is_let_go_of(turns: int) -> None:
    async def answer() -> bytes:
        server = ModbusServer(Twin().board, FREE)
        await server.open()
        with socket.create_connection((server.address.host, server.address.port)) as client:
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.close()
            for _ in range(20):
                await asyncio.sleep(0)
            try:
                client.send(COILS)
                await asyncio.sleep(0.05)
                return client.recv(100)  # BlockingIOError where it is still connected
            except ConnectionError:
                return b""

    assert asyncio.run(answer()) == b""


def test_nothing_is_being_answered_once_it_is_closed() -> None:
    async def left() -> int:
        board = Twin().board
        board.faults.slow_s = 30.0
        server = ModbusServer(board, FREE)
        await server.open()
        with socket.create_connection((server.address.host, server.address.port)) as client:
            client.send(COILS)
            for _ in range(1000):
                await asyncio.sleep(0.002)
                if len(asyncio.all_tasks()) > 1:
                    break
            assert len(asyncio.all_tasks()) == 2
            await server.close()
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(left()) == 0
