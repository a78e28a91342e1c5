"""The BACnet client against a real device over UDP: each way in which a device, or the library, lets one down."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import SiteError, UserError
from airhandler.deploy.connectors.answers import Refused, SilenceError
from airhandler.deploy.connectors.bacnet import BacnetClient
from airhandler.deploy.connectors.objects import (
    DEVICE,
    OBJECT_LIST,
    OBJECT_NAME,
    PRESENT_VALUE,
    PRIORITY_ARRAY,
    STATUS_FLAGS,
    ObjectId,
)
from tests.deploy.bacnet_device import NUMBER, Device, device

BUILDING = find_building("datacentre-dx")
INPUT, OUTPUT, GONE = ObjectId("analog-input", 1), ObjectId("analog-output", 1), ObjectId("analog-input", 999)
INPUTS = [ObjectId("analog-input", number) for number in range(1, 31)]


@pytest.fixture
def peer() -> Iterator[Device]:
    with device(BUILDING) as made:
        yield made


@pytest.fixture
def client() -> Iterator[BacnetClient]:
    made = BacnetClient(timeout_s=5.0, retries=1)
    yield made
    made.close()


@pytest.fixture
def hurried() -> Iterator[BacnetClient]:
    """One that waits for nobody."""
    made = BacnetClient(timeout_s=0.3, retries=1)
    yield made
    made.close()


def test_reads_values_arrays_names_and_flags(peer: Device, client: BacnetClient) -> None:
    peer.command(BUILDING.setpoints[0].name, 8, 21.5)
    found = client.read(
        peer.address,
        {INPUT: (PRESENT_VALUE, OBJECT_NAME, STATUS_FLAGS), OUTPUT: (PRIORITY_ARRAY, (PRIORITY_ARRAY, 8))},
    )
    assert found[INPUT, PRESENT_VALUE] == peer.objects["outdoor_air_temp_c"].presentValue
    assert found[INPUT, OBJECT_NAME] == "outdoor_air_temp_c"
    assert found[INPUT, STATUS_FLAGS] == bytes([4, 0])
    assert found[OUTPUT, PRIORITY_ARRAY] == (*[None] * 7, 21.5, *[None] * 8)
    assert found[OUTPUT, (PRIORITY_ARRAY, 8)] == 21.5


def test_error_of_one_object_is_a_value_and_no_exception(peer: Device, client: BacnetClient) -> None:
    """bacpypes3's errors derive from BaseException: `except Exception` would let them through."""
    found = client.read(peer.address, {INPUT: (PRESENT_VALUE,), GONE: (PRESENT_VALUE,)})
    assert isinstance(found[INPUT, PRESENT_VALUE], float)
    assert found[GONE, PRESENT_VALUE] == Refused("unknown-object")


def test_error_of_a_whole_request_is_a_value_too(peer: Device, client: BacnetClient) -> None:
    assert client.read(peer.address, {GONE: (PRESENT_VALUE,)}) == {(GONE, PRESENT_VALUE): Refused("unknown-object")}


def test_refused_write_is_a_value(peer: Device, client: BacnetClient) -> None:
    assert client.write(peer.address, INPUT, 20.0, 10) == Refused("write-access-denied")
    assert client.write(peer.address, GONE, 20.0, 10) == Refused("unknown-object")


def test_write_is_awaited_and_null_empties_the_slot(peer: Device, client: BacnetClient) -> None:
    name = BUILDING.setpoints[0].name
    assert client.write(peer.address, OUTPUT, 20.25, 10) is None
    assert peer.slot(name, 10) == 20.25
    assert client.write(peer.address, OUTPUT, None, 10) is None
    assert peer.slot(name, 10) is None


@pytest.mark.parametrize(("value", "shown"), [(1.0, 1), (0.0, 0)])
def test_what_is_on_or_off_is_written_as_such(peer: Device, client: BacnetClient, value: float, shown: int) -> None:
    lamp = ObjectId("binary-output", 1)
    assert client.write(peer.address, lamp, value, 10) is None
    assert client.read(peer.address, {lamp: (PRESENT_VALUE,)})[lamp, PRESENT_VALUE] == shown


def test_batches_that_are_too_much_are_halved_and_stay_small(peer: Device, client: BacnetClient) -> None:
    peer.app.most = 7
    wanted = dict.fromkeys(INPUTS, (PRESENT_VALUE,))
    first = client.read(peer.address, wanted, batch=20)
    assert not [value for value in first.values() if isinstance(value, Refused)]
    before = peer.app.asked["ReadPropertyMultipleRequest"]
    assert client.read(peer.address, wanted, batch=20) == first
    assert peer.app.asked["ReadPropertyMultipleRequest"] - before == 6  # of 5 objects; nothing is aborted any more


def test_device_that_was_busy_once_is_not_asked_in_small_pieces_for_ever(peer: Device, client: BacnetClient) -> None:
    peer.app.busy = 1
    wanted = dict.fromkeys(INPUTS, (PRESENT_VALUE,))
    first = client.read(peer.address, wanted, batch=20)
    assert not [value for value in first.values() if isinstance(value, Refused)]
    before = peer.app.asked["ReadPropertyMultipleRequest"]
    client.read(peer.address, wanted, batch=20)
    assert peer.app.asked["ReadPropertyMultipleRequest"] - before == 2


def test_small_pieces_are_not_for_ever(peer: Device, client: BacnetClient) -> None:
    wanted = dict.fromkeys(INPUTS, (PRESENT_VALUE,))

    def asked() -> int:
        before = peer.app.asked.get("ReadPropertyMultipleRequest", 0)
        client.read(peer.address, wanted, batch=20)
        return peer.app.asked["ReadPropertyMultipleRequest"] - before

    peer.app.most = 7
    asked()
    peer.app.most = 10_000
    needed = [asked() for _ in range(100)]
    assert needed[:99] == [6] * 99
    assert needed[99] == 2


def test_device_that_takes_one_property_at_a_time_is_read_one_by_one(peer: Device, client: BacnetClient) -> None:
    peer.app.most = 1
    found = client.read(peer.address, {INPUT: (PRESENT_VALUE, OBJECT_NAME), OUTPUT: (PRESENT_VALUE,)})
    assert found[INPUT, OBJECT_NAME] == "outdoor_air_temp_c"
    assert peer.app.asked["ReadPropertyRequest"] == 3


def test_device_without_the_service_is_asked_singly_from_then_on(peer: Device, client: BacnetClient) -> None:
    peer.app.singly = True
    wanted = dict.fromkeys(INPUTS[:5], (PRESENT_VALUE,))
    for _ in range(2):
        assert all(isinstance(value, float) for value in client.read(peer.address, wanted).values())
    assert (peer.app.asked["ReadPropertyMultipleRequest"], peer.app.asked["ReadPropertyRequest"]) == (1, 10)


def test_silent_device_is_asked_as_often_as_was_said_and_then_given_up(hurried: BacnetClient) -> None:
    """The library's own bound is twelve seconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SilenceError, match=f"{address} does not answer"):
            hurried.read(address, {INPUT: (PRESENT_VALUE,)})
        assert _waiting(silent) == 2
        with pytest.raises(SilenceError):
            hurried.write(address, OUTPUT, 20.0, 10)
        assert _waiting(silent) == 2


def _waiting(receiver: socket.socket) -> int:
    """How many datagrams have come."""
    for count in itertools.count():
        try:
            receiver.recv(2000)
        except BlockingIOError:
            return count
    raise AssertionError


def test_answer_that_comes_late_is_not_taken_for_the_next_one(peer: Device, hurried: BacnetClient) -> None:
    peer.app.slow_s = 0.8
    with pytest.raises(SilenceError):
        hurried.read(peer.address, {INPUT: (PRESENT_VALUE,)})
    peer.app.slow_s = 0.0
    for _ in range(5):
        found = hurried.read(peer.address, {OUTPUT: (OBJECT_NAME,)})
        assert found == {(OUTPUT, OBJECT_NAME): BUILDING.setpoints[0].name}


def test_answer_that_cannot_be_read_is_bounded(hurried: BacnetClient) -> None:
    """A peer that answers every request with the same broken bytes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as broken:
        broken.bind(("127.0.0.1", 0))
        broken.settimeout(5.0)

        def answer() -> None:
            for _ in range(2):
                asked, where = broken.recvfrom(2000)
                invoke = asked[8]  # BVLC 4, NPCI 2, APDU type and lengths 2
                body = bytes([0x01, 0x00, 0x30, invoke, 0x0E, 0x0C, 0x00])
                broken.sendto(struct.pack(">BBH", 0x81, 0x0A, len(body) + 4) + body, where)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(SiteError):
            hurried.read(f"127.0.0.1:{broken.getsockname()[1]}", {INPUT: (PRESENT_VALUE,)})
        with pytest.raises(SiteError):
            hurried.read(f"127.0.0.1:{broken.getsockname()[1]}", {INPUT: (PRESENT_VALUE,)})
        thread.join()


def test_noise_on_our_port_changes_nothing(peer: Device, client: BacnetClient) -> None:
    host, port = client.address.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        for data in (b"", b"\x81", b"\x81\x0a\x00\x04", bytes(range(256)) * 5, b"\x81\x0a\x00\x08\x01\x00\x30\xff"):
            noise.sendto(data, (host, int(port)))
    assert isinstance(client.read(peer.address, {INPUT: (PRESENT_VALUE,)})[INPUT, PRESENT_VALUE], float)


def test_port_is_not_shared_with_a_second_client() -> None:
    """With SO_REUSEPORT, as the library binds, two would share it and each lose half of the answers, silently."""
    first = BacnetClient()
    try:
        with pytest.raises(UserError, match=f"address {first.address}: cannot be taken for BACnet.*another process"):
            BacnetClient(first.address)
    finally:
        first.close()
    BacnetClient(first.address).close()


def test_port_is_not_shared_with_one_who_would(client: BacnetClient) -> None:
    host, port = client.address.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind((host, int(port)))


@pytest.mark.parametrize("address", ["nowhere", "203.0.113.9", "127.0.0.1:99999", "127.0.0.1/99"])
def test_address_that_is_not_ours_is_a_users_mistake(address: str) -> None:
    with pytest.raises(UserError, match=f"address {address}: cannot be taken"):
        BacnetClient(address)


def test_nobody_reads_or_writes_us(client: BacnetClient) -> None:
    """The client of the library is a device that can be written to; ours is not."""
    other = BacnetClient(timeout_s=5.0, retries=0)
    us = ObjectId(DEVICE, 4194302)
    try:
        assert other.read(client.address, {us: (OBJECT_NAME,)}) == {
            (us, OBJECT_NAME): Refused("rejected: unrecognized-service", "reject")
        }
    finally:
        other.close()


def test_device_is_found_by_its_address(peer: Device, client: BacnetClient) -> None:
    (found,) = client.who_is(peer.address, wait_s=10.0)
    assert (found.address, found.device_id, found.vendor) == (peer.address, NUMBER, 999)
    assert client.who_is("127.0.0.1:9", wait_s=0.2) == []


def test_device_is_found_by_broadcast() -> None:
    with device(BUILDING, broadcast=True) as peer:
        client = BacnetClient("127.0.0.1/8")
        try:
            assert client.who_is(None, wait_s=2.0, port=peer.port)
        finally:
            client.close()


def test_broadcast_without_a_mask_is_a_users_mistake(client: BacnetClient) -> None:
    with pytest.raises(
        UserError, match=r"a broadcast needs our own address with its mask, not 127.0.0.1: --address 192"
    ):
        client.who_is(None, wait_s=0.1)


def test_restarted_device_is_read_again(client: BacnetClient, hurried: BacnetClient) -> None:
    with device(BUILDING) as first:
        client.read(first.address, {INPUT: (PRESENT_VALUE,)})
        port = first.port
    with pytest.raises(SilenceError):
        hurried.read(first.address, {INPUT: (PRESENT_VALUE,)})
    with device(BUILDING, port=port) as second:
        second.show("outdoor_air_temp_c", 7.0)
        assert client.read(second.address, {INPUT: (PRESENT_VALUE,)}) == {(INPUT, PRESENT_VALUE): 7.0}


def test_object_list_is_read_by_index(peer: Device, client: BacnetClient) -> None:
    own = ObjectId(DEVICE, NUMBER)
    count = client.read(peer.address, {own: ((OBJECT_LIST, 0),)})[own, (OBJECT_LIST, 0)]
    assert count == len(peer.objects) + 1
    assert client.read(peer.address, {own: ((OBJECT_LIST, 2),)})[own, (OBJECT_LIST, 2)] == INPUT


def test_closed_client_says_so_and_leaves_no_thread(peer: Device) -> None:
    before = threading.active_count()
    client = BacnetClient()
    client.close()
    client.close()
    assert threading.active_count() == before
    with pytest.raises(SiteError, match="closed"):
        client.read(peer.address, {INPUT: (PRESENT_VALUE,)})
