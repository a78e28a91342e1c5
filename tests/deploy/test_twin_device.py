"""A twin on the bus, over UDP: what a client finds, may do, and meets in a drill."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator, Mapping

import pytest
from bacpypes3.primitivedata import Null, Real

from airhandler.buildings.errors import UserError
from airhandler.deploy.twin_board import HEARTBEAT
from airhandler.deploy.twin_servers import Address, Servers
from tests.deploy.twins import BUILDING, FREE, INLET, SUPPLY, AnsweredError, Client, Twin, patiently, served, shown

DEVICE = "device,4711"


@pytest.fixture
def twin() -> Twin:
    return Twin()


@pytest.fixture
def bus(twin: Twin) -> Iterator[tuple[Servers, Client, Mapping[str, str]]]:
    with served(twin) as found:
        yield found


@pytest.fixture
def servers(bus: tuple[Servers, Client, Mapping[str, str]]) -> Servers:
    return bus[0]


@pytest.fixture
def client(bus: tuple[Servers, Client, Mapping[str, str]]) -> Client:
    return bus[1]


@pytest.fixture
def at(bus: tuple[Servers, Client, Mapping[str, str]]) -> Mapping[str, str]:
    return bus[2]


def test_device_answers_who_is_and_lists_what_it_has(client: Client, at: Mapping[str, str]) -> None:
    (found,) = client.who_is()
    assert "{},{}".format(*found.iAmDeviceIdentifier) == DEVICE
    listed = {"{},{}".format(*one) for one in client.read(DEVICE, "object-list")}
    assert listed == {*at.values(), DEVICE}
    assert set(at) == {p.name for p in BUILDING.points} | {HEARTBEAT}


def test_objects_say_what_they_are(client: Client, at: Mapping[str, str]) -> None:
    point = BUILDING.point(INLET)
    asked = ["object-name", "description", "units", "min-pres-value", "max-pres-value", "out-of-service"]
    name, words, unit, low, high, off = client.batch({at[INLET]: asked})
    assert (name, words, str(unit), low, high, bool(off)) == (
        INLET,
        point.help,
        "degrees-celsius",
        point.low,
        point.high,
        False,
    )


def test_a_sensor_is_read_and_refuses_every_write(twin: Twin, client: Client, at: Mapping[str, str]) -> None:
    for attribute, value in (("present-value", Real(3.0)), ("out-of-service", True), ("object-name", "mine")):
        with pytest.raises(AnsweredError, match="write-access-denied"):
            client.write(at[INLET], value, attribute=attribute)
    assert client.read(at[INLET]) == 0.0
    assert [w.outcome for w in twin.writes] == ["write-access-denied"] * 3


def test_a_setpoint_is_commanded_and_given_back(twin: Twin, client: Client, at: Mapping[str, str]) -> None:
    client.write(at[SUPPLY], Real(23.5), 10)
    present, slot, default = client.batch(
        {at[SUPPLY]: ["present-value", "current-command-priority", "relinquish-default"]}
    )
    assert (present, slot.unsigned, default) == (23.5, 10, 18.0)
    slots = client.read(at[SUPPLY], "priority-array")
    assert [one.real for one in slots] == [None] * 9 + [23.5] + [None] * 6
    client.write(at[SUPPLY], Null(()), 10)
    assert client.read(at[SUPPLY]) == 18.0
    assert client.read(at[SUPPLY], "current-command-priority").null is not None
    assert [(w.point, w.priority, w.value, w.outcome) for w in twin.writes] == [
        (SUPPLY, 10, 23.5, "ok"),
        (SUPPLY, 10, None, "ok"),
    ]
    assert {w.source.rpartition(":")[0] for w in twin.writes} == {"127.0.0.1"}


def test_a_write_without_a_priority_is_the_last_one(twin: Twin, client: Client, at: Mapping[str, str]) -> None:
    client.write(at[SUPPLY], Real(23.5))
    assert twin.board.active(SUPPLY) == 16


def test_nobody_writes_the_default_or_the_whole_array(client: Client, at: Mapping[str, str]) -> None:
    with pytest.raises(AnsweredError, match="write-access-denied"):
        client.write(at[SUPPLY], Real(23.5), attribute="relinquish-default")


def test_what_is_no_number_is_out_of_range(client: Client, at: Mapping[str, str]) -> None:
    with pytest.raises(AnsweredError, match="value-out-of-range"):
        client.write(at[SUPPLY], Real(math.nan), 10)


def test_heartbeat_is_counted_up(twin: Twin, client: Client, at: Mapping[str, str]) -> None:
    client.write(at[HEARTBEAT], Real(5.0))
    assert client.read(at[HEARTBEAT]) == 5.0
    assert twin.board.heartbeat == 5.0


def test_device_has_the_time_of_the_simulation(client: Client) -> None:
    day, now, offset = client.batch({DEVICE: ["local-date", "local-time", "utc-offset"]})
    assert (str(day).split()[0], str(now)[:6], offset) == ("1991-7-1", "00:15:", 360)


def test_a_batch_is_of_one_instant(twin: Twin, servers: Servers, client: Client, at: Mapping[str, str]) -> None:
    """Each step shows its number everywhere: a batch that sees two has met an update."""
    names = [name for name in at if name.startswith(("east", "west")) and "setpoint" not in name]
    wanted = {at[name]: ["present-value"] for name in names}
    seen = set()
    for number in range(40):
        twin_shown = shown(number)
        servers._thread._loop.call_soon_threadsafe(twin.board.show, twin_shown)
        values = client.batch(wanted)
        assert len(set(values)) == 1
        seen.update(values)
    assert len(seen) > 1


def test_a_sensor_that_is_missing_says_so(twin: Twin, client: Client, at: Mapping[str, str]) -> None:
    asked = {at[INLET]: ["reliability", "status-flags"]}
    assert [str(v) for v in client.batch(asked)] == ["no-fault-detected", ""]
    twin.drill.do("missing", [INLET])
    assert [str(v) for v in client.batch(asked)] == ["no-sensor", "fault"]


def test_an_object_that_is_gone_and_one_that_breaks(twin: Twin, client: Client, at: Mapping[str, str]) -> None:
    twin.drill.do("gone", [INLET])
    twin.drill.do("broken", ["west_inlet_temp_c"])
    asked = {at[name]: ["present-value"] for name in (INLET, "west_inlet_temp_c", "east_zone_temp_c")}
    gone, broken, well = client.batch(asked)
    assert (str(gone.errorCode), str(broken.errorCode), well) == ("unknown-object", "operational-problem", 0.0)
    with pytest.raises(AnsweredError, match="unknown-object"):
        client.read(at[INLET])


@pytest.mark.parametrize("reason", ["segmentation-not-supported", "buffer-overflow"])
def test_a_request_for_too_much_is_aborted(twin: Twin, client: Client, at: Mapping[str, str], reason: str) -> None:
    twin.drill.do("abort", [reason, "2"])
    with pytest.raises(AnsweredError, match=reason):
        client.batch({at[INLET]: ["present-value", "units", "description"]})
    assert len(client.batch({at[INLET]: ["present-value", "units"]})) == 2


def test_answers_that_are_slow(twin: Twin, client: Client, at: Mapping[str, str]) -> None:
    twin.drill.do("slow", ["0.2"])
    began = time.monotonic()
    assert client.read(at[INLET]) == 0.0
    assert time.monotonic() - began >= 0.2


def test_a_device_that_is_silent_answers_again(twin: Twin, client: Client, at: Mapping[str, str]) -> None:
    twin.drill.do("silent", ["3600"])
    with pytest.raises(AnsweredError, match="no-response"):
        client.read(at[INLET])
    twin.drill.do("clear", [])
    assert client.read(at[INLET]) == 0.0


def test_a_property_that_nobody_has_is_unknown(client: Client, at: Mapping[str, str]) -> None:
    with pytest.raises(AnsweredError, match="unknown-property"):
        client.read(at[INLET], "priority-array")


def test_what_it_cannot_do_it_does_not_claim(client: Client) -> None:
    claimed = str(client.read(DEVICE, "protocol-services-supported"))
    assert "read-property-multiple" in claimed
    assert "subscribe-cov" not in claimed


def test_a_device_that_starts_anew_is_found_again_and_has_forgotten(
    twin: Twin, servers: Servers, client: Client, at: Mapping[str, str]
) -> None:
    client.write(at[SUPPLY], Real(23.5), 10)
    servers.call(lambda: servers.restart(0.5))
    assert patiently(lambda: not _answers(client, at))
    assert patiently(lambda: _answers(client, at))
    assert client.read(at[SUPPLY]) == 18.0
    assert twin.board.active(SUPPLY) is None


def _answers(client: Client, at: Mapping[str, str]) -> bool:
    try:
        client.read(at[SUPPLY])
    except AnsweredError:
        return False
    return True


def test_an_address_belongs_to_one_device_alone(twin: Twin) -> None:
    with served(twin) as (servers, _, _):
        address = servers._open[0].address  # type: ignore[attr-defined]
        second = Servers(Twin().board)
        try:
            with pytest.raises(UserError, match="cannot be listened on"):
                second.open_bacnet(address, 4712)
        finally:
            second.close()


def test_a_broadcast_is_heard_where_the_address_names_a_network(twin: Twin) -> None:
    who_is = bytes.fromhex("810b000c0120ffff00ff1008")  # to all. Source: ASHRAE 135, annex J and clause 16.10
    with served(twin, Address.read("127.0.0.1/8:0", "--bacnet")) as (servers, client, at):
        address = servers._open[0].address  # type: ignore[attr-defined]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            asking.settimeout(10)
            asking.sendto(who_is, ("127.255.255.255", address.port))
            answer, source = asking.recvfrom(1500)
        assert source == (address.host, address.port)
        assert b"\x10\x00\xc4" + (8 << 22 | 4711).to_bytes(4) in answer  # I-Am, device 4711
        servers.call(lambda: servers.restart(0.0))
        assert patiently(lambda: twin.events != [])
        assert patiently(lambda: _answers(client, at))


@pytest.mark.parametrize("text", ["47808", "localhost:47808", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", "1:2"])
def test_an_address_that_is_none_is_a_users_mistake(text: str) -> None:
    with pytest.raises(UserError, match="HOST:PORT"):
        Address.read(text, "--bacnet")


def test_a_free_port_is_told() -> None:
    servers = Servers(Twin().board)
    try:
        assert servers.open_bacnet(FREE, 4711).port > 0
    finally:
        servers.close()


def test_it_says_who_it_is_to_whoever_does_not_know_its_number(client: Client) -> None:
    assert client.read("device,4194303", "object-identifier")[1] == 4711
    assert client.batch({"device,4194303": ["object-name"]}) == [BUILDING.id]
