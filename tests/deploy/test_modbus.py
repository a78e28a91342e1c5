"""A Modbus site and its writer against a real unit over TCP."""

from __future__ import annotations

import math
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, Written
from airhandler.deploy.connectors import modbus_line as _loaded  # noqa: F401 - it is taken out in a test
from airhandler.deploy.connectors.answers import SilenceError
from airhandler.deploy.connectors.bus import BusConnection, connect_bus, watch_bus, writer_of
from airhandler.deploy.connectors.heartbeat import BEATS
from airhandler.deploy.connectors.modbus import ModbusClient, blocks
from airhandler.deploy.connectors.registers import Register, parse_register
from airhandler.deploy.site_file import SiteSettings, load_site
from tests.deploy.modbus_device import Unit, site_text, unit

BUILDING = find_building("datacentre-dx")
INLET, SUPPLY = "east_inlet_temp_c", "east_supply_air_temp_setpoint_c"
WANTED = Setpoints({p.name: p.low + 0.37 * (p.high - p.low) for p in BUILDING.setpoints})


@pytest.fixture
def peer() -> Iterator[Unit]:
    with unit(BUILDING) as made:
        yield made


@pytest.fixture
def connected(peer: Unit, tmp_path: Path) -> Iterator[BusConnection]:
    made = connect_bus(site(peer, tmp_path))
    yield made
    made.view.site.close()


def site(peer: Unit, folder: Path, **changes: Any) -> SiteSettings:
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(site_text(peer, **changes)))
    return load_site(path)


def test_every_point_is_read_in_few_requests(peer: Unit, connected: BusConnection) -> None:
    peer.show(INLET, 22.25)
    before = peer.registers.asked
    reading = connected.view.site.read()
    assert peer.registers.asked - before == 3, "input registers, holding registers, the coil"
    assert reading[INLET] == 22.25
    assert None not in reading.values.values()
    assert reading.incumbent is not None
    assert reading.incumbent[SUPPLY] == np.float32((17.6 + 27.0) / 2)


def test_value_that_is_refused_is_absent_alone(peer: Unit, connected: BusConnection) -> None:
    at = 2 * [p.name for p in peer.measured].index(INLET)
    peer.registers.gaps = {at}
    absent = [name for name, value in connected.view.site.read().values.items() if value is None]
    assert absent == [INLET]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_value_that_is_no_number_is_absent(peer: Unit, connected: BusConnection, value: float) -> None:
    peer.show(INLET, value)
    assert connected.view.site.read().values[INLET] is None


def test_what_is_written_stands_under_remote_mode(peer: Unit, connected: BusConnection) -> None:
    outcome = connected.writer.write(WANTED)
    assert isinstance(outcome, Written)
    assert outcome.in_force is not None
    assert peer.registers.enabled
    for name, value in WANTED.items():
        assert peer.setpoint(name) == outcome.in_force[name] == np.float32(value)
    assert set(connected.writer.ours()) == set(WANTED)
    assert connected.view.site.read().incumbent is None, "the registers are ours"
    assert connected.writer.relinquish() == Written()
    assert not peer.registers.enabled
    assert connected.writer.ours() == {}


def test_switch_that_was_turned_off_is_an_override(peer: Unit, connected: BusConnection) -> None:
    connected.writer.write(WANTED)
    peer.registers.enabled = False
    assert connected.writer.write(WANTED) == Overridden(reason="remote mode (coil,0) was switched off")
    assert not peer.registers.enabled


def test_switch_that_does_not_go_on_or_off_is_a_failed_write(peer: Unit, connected: BusConnection) -> None:
    peer.registers.stuck = True
    assert connected.writer.write(WANTED) == WriteFailed(reason="remote mode (coil,0) does not go on")
    peer.registers.enabled = True
    assert connected.writer.relinquish() == WriteFailed(reason="remote mode (coil,0) is not off")


def test_write_without_effect_is_seen(peer: Unit, connected: BusConnection) -> None:
    peer.registers.deaf = True
    outcome = connected.writer.write(WANTED)
    assert isinstance(outcome, WriteFailed)
    assert outcome.reason.startswith(f"{SUPPLY} (holding,0): asked for 21.078 degC, it holds 22.3")


def test_refused_write_is_told_and_the_switch_stays_off(peer: Unit, tmp_path: Path) -> None:
    text = site_text(peer)
    text["points"][SUPPLY]["register"] = "holding,900"
    connection = connect_bus(site(peer, tmp_path, points=text["points"]))
    outcome = connection.writer.write(WANTED)
    connection.view.site.close()
    assert outcome == WriteFailed(reason=f"{SUPPLY} (holding,900): illegal address")
    assert not peer.registers.enabled


def test_unit_that_is_gone_is_a_site_error_and_read_again_when_it_is_back(tmp_path: Path) -> None:
    with unit(BUILDING) as first:
        connection = connect_bus(site(first, tmp_path))
        connection.view.site.read()
    for outcome in (connection.writer.write(WANTED), connection.writer.relinquish(), connection.writer.beat()):
        assert isinstance(outcome, WriteFailed)
    with pytest.raises(SiteError, match=f"unit 1 at 127.0.0.1:{first.port}"):
        connection.view.site.read()
    with unit(BUILDING, port=first.port):
        assert connection.view.site.read()[INLET]
    connection.view.site.close()


def test_unit_that_accepts_and_says_nothing_is_bounded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, unit(BUILDING) as peer:
        text = site_text(peer)
        text["modbus"] |= {"port": silent.getsockname()[1], "timeout_s": 0.3}
        with pytest.raises(SiteError, match="does not answer"):
            watch_bus(site(peer, tmp_path, modbus=text["modbus"]))


def test_line_that_was_cut_is_left_for_a_new_one() -> None:
    register = parse_register("input,0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = ModbusClient("127.0.0.1", port, 1, word_order="big", timeout_s=0.3, retries=0)
        for _ in range(2):
            with pytest.raises(SilenceError, match="does not answer"):
                client.read([register])
        client.close()
        silent.settimeout(5.0)
        for _ in range(2):
            silent.accept()[0].close()


def test_answer_that_comes_late_is_not_taken_for_the_next_one(peer: Unit, tmp_path: Path) -> None:
    link = {**site_text(peer)["modbus"], "timeout_s": 0.3, "retries": 0}
    view = watch_bus(site(peer, tmp_path, modbus=link, write=[]))
    peer.registers.slow_s = 0.5
    with pytest.raises(SiteError, match="does not answer"):
        view.site.read()
    peer.registers.slow_s = 0.0
    peer.show(INLET, 21.75)
    assert view.site.read()[INLET] == 21.75
    view.site.close()


def test_heartbeat_counts_up_and_begins_anew(peer: Unit, connected: BusConnection) -> None:
    peer.registers.holding[-1] = BEATS - 2
    seen = []
    for _ in range(3):
        assert connected.writer.beat() == Written()
        seen.append(peer.registers.holding[-1])
    assert seen == [BEATS - 1, 0, 1]


def test_what_a_killed_controller_left_is_found_by_the_next(peer: Unit, tmp_path: Path) -> None:
    first = connect_bus(site(peer, tmp_path))
    first.writer.write(WANTED)
    first.view.site.close()
    second = connect_bus(site(peer, tmp_path))
    assert set(second.writer.ours()) == set(WANTED)
    assert second.writer.relinquish() == Written()
    second.view.site.close()


def test_machine_without_the_library_is_told_what_to_install(
    peer: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("modbus", "modbus_line"):
        monkeypatch.delitem(sys.modules, f"airhandler.deploy.connectors.{name}")
    monkeypatch.setitem(sys.modules, "pymodbus.client", None)
    with pytest.raises(UserError, match=r"pymodbus, which is not installed here: pip install .airhandler\[modbus\]"):
        watch_bus(site(peer, tmp_path))


@pytest.mark.parametrize(
    ("kind", "scale", "value", "shown"),
    [
        ("float32", 1.0, 21.3, float(np.float32(21.3))),
        ("float32", 0.1, 21.3, 21.3),
        ("int16", 0.1, 21.34, 21.3),
        ("int16", 0.01, -5.25, -5.25),
        ("uint16", 1.0, 40_000.0, 40_000.0),
        ("int32", 0.001, -1234.567, -1234.567),
        ("uint32", 1.0, 4e9, 4e9),
    ],
)
@pytest.mark.parametrize("order", ["big", "little"])
def test_value_is_what_registers_hold(kind: Any, scale: float, value: float, shown: float, order: str) -> None:
    register = Register(table="holding", address=0, kind=kind, scale=scale)
    held = register.encode(value, order)
    assert len(held) == register.words
    assert register.decode(held, order) == pytest.approx(shown, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "value"), [("int16", 40_000.0), ("uint16", -1.0), ("float32", 1e300), ("int16", math.nan)]
)
def test_value_that_registers_cannot_hold_is_refused(kind: Any, value: float) -> None:
    with pytest.raises(ValueError, match="does not fit into"):
        Register(table="holding", address=0, kind=kind).encode(value, "big")


def test_neighbours_are_read_together_and_no_gap_is_read() -> None:
    made = [parse_register(words) for words in ("input,4", "input,0", "input,2", "input,8", "holding,0", "coil,0")]
    assert [[str(r) for r in block] for block in blocks(made)] == [
        ["coil,0"],
        ["holding,0"],
        ["input,0", "input,2", "input,4"],
        ["input,8"],
    ]


def test_block_is_no_longer_than_a_request_may_be() -> None:
    made = [Register(table="input", address=2 * n) for n in range(120)]
    assert [sum(r.words for r in block) for block in blocks(made)] == [100, 100, 40]


def test_to_give_back_needs_no_time_of_the_unit(peer: Unit, tmp_path: Path) -> None:
    text = site_text(peer)
    settings = site(peer, tmp_path, clock="device", modbus=text["modbus"] | {"clock": "input,60000"})
    with pytest.raises((SiteError, UserError)):
        connect_bus(settings)
    with writer_of(settings) as writer:
        assert isinstance(writer.write(WANTED), Written)
        assert writer.ours()
        assert isinstance(writer.relinquish([SUPPLY]), Written)
        assert not writer.ours(), "there is one switch for all of them"


def test_unit_whose_time_counts_must_tell_it_at_the_start_and_in_each_reading(peer: Unit, tmp_path: Path) -> None:
    at = len(peer.registers.inputs)
    now = int(datetime.now(UTC).timestamp())
    peer.registers.inputs += [now >> 16, now & 0xFFFF]
    settings = site(peer, tmp_path, clock="device", modbus=site_text(peer)["modbus"] | {"clock": f"input,{at}"})
    view = watch_bus(settings)
    assert view.site.read().time.timestamp() == now
    peer.registers.inputs[at:] = [0, 0]  # its clock was not set since it started
    with pytest.raises(SiteError, match="does not say what time it is any more"):
        view.site.read()
    peer.registers.gaps.add(at)
    with pytest.raises(SiteError, match="does not say what time it is any more"):
        view.site.read()
    view.site.close()
    with pytest.raises(UserError, match="clock: device, and the device does not say what time it is: set"):
        watch_bus(settings)
