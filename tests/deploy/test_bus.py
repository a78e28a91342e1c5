"""A BACnet site and its writer against a real device over UDP."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, Written
from airhandler.deploy.connectors.bacnet_line import BacnetLine
from airhandler.deploy.connectors.bacnet_writer import BacnetWriter, same
from airhandler.deploy.connectors.bus import BusConnection, connect_bus, watch_bus, writer_of
from airhandler.deploy.connectors.heartbeat import BEATS
from airhandler.deploy.connectors.objects import ObjectId
from airhandler.deploy.site_file import SiteSettings, load_site
from tests.deploy.bacnet_device import Device, device, site_text

BUILDING = find_building("datacentre-dx")
INLET, SUPPLY, FLOW = "east_inlet_temp_c", "east_supply_air_temp_setpoint_c", "east_supply_airflow_setpoint_kg_s"
WANTED = Setpoints({p.name: p.low + 0.37 * (p.high - p.low) for p in BUILDING.setpoints})


@pytest.fixture
def peer() -> Iterator[Device]:
    with device(BUILDING) as made:
        yield made


@pytest.fixture
def connected(peer: Device, tmp_path: Path) -> Iterator[BusConnection]:
    made = connect_bus(site(peer, tmp_path))
    yield made
    made.view.site.close()


def site(peer: Device, folder: Path, **changes: Any) -> SiteSettings:
    """The site file of a device, with some of it changed."""
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(site_text(peer, **changes)))
    return load_site(path)


def test_every_point_is_read_in_the_buildings_unit(peer: Device, tmp_path: Path) -> None:
    text = site_text(peer)
    text["points"][INLET]["unit"] = "degF"
    text["points"]["total_power_w"]["unit"] = "kW"
    text["points"]["east_supply_airflow_kg_s"]["unit"] = "cfm"
    peer.show(INLET, 71.6)
    peer.show("total_power_w", 120.5)
    peer.show("east_supply_airflow_kg_s", 10_000.0)
    view = watch_bus(site(peer, tmp_path, points=text["points"]))
    reading = view.site.read()
    view.site.close()
    assert reading[INLET] == pytest.approx(22.0, abs=1e-5)
    assert reading["total_power_w"] == 120_500.0
    assert reading["east_supply_airflow_kg_s"] == pytest.approx(10_000 * 0.3048**3 / 60 * 1.204)
    assert list(reading.values) == [p.name for p in BUILDING.points]
    assert None not in reading.values.values()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("fault", "over-range"), "in fault: over range"),
        (("fault", "no-sensor"), "in fault: no sensor"),
        (("overridden",), "overridden by hand"),
        (("out",), "out of service"),
    ],
)
def test_what_is_not_measured_is_absent_and_told_once(
    peer: Device, connected: BusConnection, flags: tuple[str, ...], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="airhandler")
    peer.flag(INLET, flags[0], why=flags[-1] if "-" in flags[-1] else "no-fault-detected")
    for _ in range(3):
        reading = connected.view.site.read()
        assert reading.values[INLET] is None
        assert None not in [value for name, value in reading.values.items() if name != INLET]
    peer.flag(INLET)
    assert connected.view.site.read().values[INLET] is not None
    told = [message for message in caplog.messages if INLET in message]
    assert told == [f"{INLET} (analog-input,6) is absent: {words}", f"{INLET} (analog-input,6) is there again"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_value_that_is_no_number_is_absent(peer: Device, connected: BusConnection, value: float) -> None:
    peer.show(INLET, value)
    assert connected.view.site.read().values[INLET] is None


def test_object_that_is_not_there_makes_one_point_absent(peer: Device, tmp_path: Path) -> None:
    text = site_text(peer)
    text["points"][INLET]["object"] = "analog-input,999"
    view = watch_bus(site(peer, tmp_path, points=text["points"]))
    absent = [name for name, value in view.site.read().values.items() if value is None]
    view.site.close()
    assert absent == [INLET]


def test_point_that_the_site_does_not_have_is_absent(peer: Device, tmp_path: Path) -> None:
    points = site_text(peer)["points"]
    view = watch_bus(site(peer, tmp_path, points={INLET: points[INLET]}, write=[]))
    reading = view.site.read()
    view.site.close()
    assert [name for name, value in reading.values.items() if value is not None] == [INLET]
    assert reading.incumbent is None


def test_alarm_says_nothing_against_a_value(peer: Device, connected: BusConnection) -> None:
    peer.flag(INLET, "alarm")
    assert connected.view.site.read().values[INLET] is not None


def test_silent_device_is_a_site_error_that_names_it_and_no_traceback(peer: Device, tmp_path: Path) -> None:
    connected = connect_bus(site(peer, tmp_path, bacnet=_hurried(peer)))
    peer.app.silent = True
    with pytest.raises(SiteError, match=f"device 4711 at {peer.address}: .*does not answer"):
        connected.view.site.read()
    assert isinstance(connected.writer.write(WANTED), WriteFailed)
    assert isinstance(connected.writer.relinquish(), WriteFailed)
    assert isinstance(connected.writer.beat(), WriteFailed)
    connected.view.site.close()


@pytest.mark.parametrize("words", ["download-in-progress", "non-operational"])
def test_device_that_does_not_control_is_no_site(peer: Device, connected: BusConnection, words: str) -> None:
    peer.status(words)
    with pytest.raises(SiteError, match="does not control"):
        connected.view.site.read()


def test_another_device_at_the_address_is_refused_at_the_start(peer: Device, tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=f"{peer.address}: device 4711 answers where 5 should"):
        watch_bus(site(peer, tmp_path, bacnet={"device": peer.address, "device_id": 5}))


def test_device_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with device(BUILDING) as peer:
        settings = site(peer, tmp_path, bacnet=_hurried(peer))
    with pytest.raises(SiteError, match=r"does not answer; `airhandler check` says more") as caught:
        watch_bus(settings)
    assert "\n" not in str(caught.value)


def test_incumbent_is_the_first_slot_after_ours_or_the_default(peer: Device, connected: BusConnection) -> None:
    def asked() -> float:
        incumbent = connected.view.site.read().incumbent
        assert incumbent is not None
        return incumbent[SUPPLY]

    peer.default(SUPPLY, 18.5)
    assert asked() == 18.5
    peer.command(SUPPLY, 16, 19.5)
    assert asked() == 19.5
    peer.command(SUPPLY, 12, 20.5)
    assert asked() == 20.5
    assert connected.writer.write(WANTED) == Written(in_force=_as_float32(WANTED))
    peer.command(SUPPLY, 8, 25.0)
    assert asked() == 20.5, "neither ours nor the operator's"


@pytest.mark.parametrize("slot", [8, 10, 12])
def test_who_holds_a_set_point_of_a_watched_site_is_its_own_control(peer: Device, tmp_path: Path, slot: int) -> None:
    view = watch_bus(site(peer, tmp_path))
    peer.default(SUPPLY, 18.5)
    peer.command(SUPPLY, 16, 19.5)
    peer.command(SUPPLY, slot, 25.0)
    incumbent = view.site.read().incumbent
    view.site.close()
    assert incumbent is not None
    assert incumbent[SUPPLY] == 25.0


def test_object_in_fault_is_asked_for_its_reliability_once(peer: Device, connected: BusConnection) -> None:
    for _ in range(2):
        peer.flag(INLET, "fault", why="no-sensor")
        connected.view.site.read()
        before = sum(peer.app.asked.values())
        connected.view.site.read()
        faulted = sum(peer.app.asked.values()) - before
        peer.flag(INLET)
        before = sum(peer.app.asked.values())
        connected.view.site.read()
        assert faulted == sum(peer.app.asked.values()) - before


def test_what_is_written_is_in_our_slot_and_read_back(peer: Device, connected: BusConnection) -> None:
    outcome = connected.writer.write(WANTED)
    assert outcome == Written(in_force=_as_float32(WANTED))
    for name, value in _as_float32(WANTED).items():
        assert [peer.slot(name, slot) for slot in range(1, 17)] == [*[None] * 9, value, *[None] * 6]
    assert connected.writer.ours() == _as_float32(WANTED).by_name
    assert connected.writer.relinquish() == Written()
    assert connected.writer.ours() == {}


def test_what_is_written_is_converted_and_read_back_in_its_unit(peer: Device, tmp_path: Path) -> None:
    text = site_text(peer)
    text["points"][SUPPLY]["unit"] = "degF"
    connection = connect_bus(site(peer, tmp_path, points=text["points"]))
    for celsius in np.linspace(18.0, 27.0, 40):
        outcome = connection.writer.write(Setpoints({**WANTED, SUPPLY: float(celsius)}))
        assert isinstance(outcome, Written)
        assert outcome.in_force is not None
        assert outcome.in_force[SUPPLY] == pytest.approx(celsius, abs=1e-5)
        assert peer.slot(SUPPLY, 10) == pytest.approx(celsius * 1.8 + 32.0, abs=1e-5)
    connection.view.site.close()


def test_device_that_rounds_is_understood_where_the_file_says_so(peer: Device, tmp_path: Path) -> None:
    peer.app.steps[SUPPLY] = 0.5
    text = site_text(peer)
    connection = connect_bus(site(peer, tmp_path))
    assert isinstance(connection.writer.write(WANTED), WriteFailed)
    connection.writer.relinquish()
    connection.view.site.close()
    text["points"][SUPPLY]["resolution"] = 0.5
    connection = connect_bus(site(peer, tmp_path, points=text["points"]))
    outcome = connection.writer.write(WANTED)
    connection.view.site.close()
    assert isinstance(outcome, Written)
    assert outcome.in_force is not None
    assert outcome.in_force[SUPPLY] == 21.0, "of 21.078: what stands there is the base of the next ramp"


def test_only_what_may_be_written_is_written(peer: Device, tmp_path: Path) -> None:
    connection = connect_bus(site(peer, tmp_path, write=[SUPPLY]))
    peer.default(FLOW, 4.0)
    outcome = connection.writer.write(WANTED)
    connection.view.site.close()
    assert isinstance(outcome, Written)
    assert outcome.in_force is not None
    assert (outcome.in_force[SUPPLY], outcome.in_force[FLOW]) == (np.float32(WANTED[SUPPLY]), 4.0)
    assert peer.slot(FLOW, 10) is None


@pytest.mark.parametrize("slot", [1, 8, 9])
def test_who_comes_before_us_overrides(peer: Device, connected: BusConnection, slot: int) -> None:
    peer.command(SUPPLY, slot, 19.0)
    outcome = connected.writer.write(WANTED)
    assert outcome == Overridden(reason=f"{SUPPLY} (analog-output,1) is held at 19 degC by slot {slot}")
    assert connected.writer.relinquish() == Written()
    assert peer.slot(SUPPLY, slot) == 19.0


@pytest.mark.parametrize(("flag", "words"), [("overridden", "overridden by hand"), ("out", "out of service")])
def test_one_who_turned_a_switch_by_hand_overrides(
    peer: Device, connected: BusConnection, flag: str, words: str
) -> None:
    peer.flag(SUPPLY, flag)
    assert connected.writer.write(WANTED) == Overridden(reason=f"{SUPPLY} (analog-output,1) is {words}")


def test_one_who_comes_after_us_does_not(peer: Device, connected: BusConnection) -> None:
    peer.command(SUPPLY, 11, 19.0)
    assert isinstance(connected.writer.write(WANTED), Written)


def test_refused_write_is_told_with_its_point_and_the_devices_words(peer: Device, connected: BusConnection) -> None:
    supply = BUILDING.point(SUPPLY)
    peer.app.refuses.add(SUPPLY)
    outcome = connected.writer.write(WANTED)
    stayed = _as_float32(Setpoints({**WANTED, SUPPLY: (supply.low + supply.high) / 2}))
    assert outcome == WriteFailed(reason=f"{SUPPLY} (analog-output,1): write-access-denied", in_force=stayed)
    assert connected.writer.ours().keys() == WANTED.by_name.keys() - {SUPPLY}


def test_confirmed_write_that_did_nothing_is_seen(peer: Device, connected: BusConnection) -> None:
    peer.app.ignores.add(SUPPLY)
    outcome = connected.writer.write(WANTED)
    assert isinstance(outcome, WriteFailed)
    assert outcome.reason.endswith("slot 10 holds nothing")


def test_write_without_effect_is_seen(peer: Device, connected: BusConnection) -> None:
    peer.app.deaf.add(SUPPLY)
    outcome = connected.writer.write(WANTED)
    assert isinstance(outcome, WriteFailed)
    assert "in force is 22.3" in outcome.reason


def test_relinquish_that_did_nothing_is_seen(peer: Device, connected: BusConnection) -> None:
    connected.writer.write(WANTED)
    peer.app.ignores.add(FLOW)
    outcome = connected.writer.relinquish()
    assert isinstance(outcome, WriteFailed)
    assert outcome.reason.startswith(f"slot 10 is still occupied: {FLOW} = ")
    assert set(connected.writer.ours()) == {FLOW}, "the others were let go"


def test_what_a_killed_controller_left_is_found_by_the_next(peer: Device, tmp_path: Path) -> None:
    for writes in (True, False):
        connection = connect_bus(site(peer, tmp_path))
        if writes:
            connection.writer.write(WANTED)
        else:
            assert connection.writer.ours() == _as_float32(WANTED).by_name
            assert connection.writer.relinquish() == Written()
        connection.view.site.close()


def test_restarted_device_has_lost_our_command_and_gets_it_again(tmp_path: Path) -> None:
    with device(BUILDING) as first:
        connection = connect_bus(site(first, tmp_path))
        connection.writer.write(WANTED)
    with device(BUILDING, port=first.port):
        assert connection.writer.ours() == {}
        assert isinstance(connection.writer.write(WANTED), Written)
        assert connection.writer.ours() == _as_float32(WANTED).by_name
    connection.view.site.close()


@pytest.fixture
def exchanged(tmp_path: Path) -> Iterator[tuple[SiteSettings, BusConnection, Device]]:
    """A site, a line to it that has written, and the device that stands at the address by now; slot 10 is its own."""
    with device(BUILDING) as first:
        settings = site(first, tmp_path)
        connection = connect_bus(settings)
        assert isinstance(connection.writer.write(WANTED), Written)
        assert connection.writer.beat() == Written()
    with device(BUILDING, port=first.port, number=4999) as other:
        other.command(FLOW, 10, 5.0)
        yield settings, connection, other
        connection.view.site.close()


def _untouched(other: Device) -> bool:
    """Whether nobody has tried to write to a device."""
    return "WritePropertyRequest" not in other.app.asked and (other.slot(SUPPLY, 10), other.slot(FLOW, 10)) == (None, 5)


def test_another_device_that_came_to_the_address_is_never_written_to(
    exchanged: tuple[SiteSettings, BusConnection, Device],
) -> None:
    settings, connection, other = exchanged
    words = f"{other.address}: device 4999 answers where 4711 should"
    for _ in range(2):
        assert connection.writer.write(WANTED) == WriteFailed(reason=f"nothing was written: {words}")
        assert connection.writer.relinquish() == WriteFailed(reason=f"nothing was written: {words}")
        assert connection.writer.relinquish([FLOW]) == WriteFailed(reason=f"nothing was written: {words}")
        assert connection.writer.beat() == WriteFailed(reason=f"heartbeat: {words}")
    with writer_of(settings) as giving_back:  # the watchdog's
        assert giving_back.relinquish() == WriteFailed(reason=f"nothing was written: {words}")
        assert giving_back.beat() == WriteFailed(reason=f"heartbeat: {words}")
    with pytest.raises(SiteError, match=words):
        connection.view.site.read()
    assert _untouched(other)


def test_another_device_that_says_nothing_more_is_not_written_to(tmp_path: Path) -> None:
    """It knows no device 4711, and is silent when it is asked which one it is."""
    with device(BUILDING, number=4999) as other:
        other.command(FLOW, 10, 5.0)
        other.app.answers = 1
        link = {"device": other.address, "device_id": 4711, "timeout_s": 2.0, "retries": 0}
        with writer_of(site(other, tmp_path, bacnet=link)) as writer:
            assert writer.relinquish() == WriteFailed(
                reason=f"nothing was written: {other.address}: another device answers where 4711 should"
            )
        assert _untouched(other)


def test_device_that_does_not_say_which_one_it_is_is_not_written_to(peer: Device, connected: BusConnection) -> None:
    assert isinstance(connected.writer.write(WANTED), Written)
    peer.app.nameless = True
    before, words = peer.app.asked["WritePropertyRequest"], "it does not say which device it is: read-access-denied"
    for outcome in (
        connected.writer.write(Setpoints({**WANTED, SUPPLY: 19.0})),
        connected.writer.relinquish(),
        connected.writer.beat(),
    ):
        assert isinstance(outcome, WriteFailed)
        assert outcome.reason.endswith(f"device 4711 at {peer.address}: {words}")
    assert peer.app.asked["WritePropertyRequest"] == before
    with pytest.raises(SiteError, match=words):
        connected.view.site.read()
    peer.app.nameless = False
    assert connected.writer.relinquish() == Written()


def test_to_be_sure_which_device_it_is_costs_one_small_request(peer: Device, connected: BusConnection) -> None:
    for does in (lambda: connected.writer.write(WANTED), connected.writer.relinquish):
        before = dict(peer.app.asked)
        assert isinstance(does(), Written)
        asked = {kind: count - before.get(kind, 0) for kind, count in peer.app.asked.items()}
        written, read_back = len(WANTED), 1
        assert (asked["WritePropertyRequest"], asked["ReadPropertyMultipleRequest"]) == (written, read_back)
        assert asked["ReadPropertyRequest"] == 1


def test_what_is_no_number_is_not_written(peer: Device, connected: BusConnection) -> None:
    outcome = connected.writer.write(Setpoints({**WANTED, FLOW: math.nan}))
    assert outcome == WriteFailed(reason=f"{FLOW}: nan is no number to write")
    assert peer.slot(SUPPLY, 10) is None


def test_heartbeat_counts_up_from_where_it_stands_and_begins_anew(peer: Device, connected: BusConnection) -> None:
    peer.show("heartbeat", float(BEATS - 2))
    seen = []
    for _ in range(3):
        assert connected.writer.beat() == Written()
        seen.append(float(peer.objects["heartbeat"].presentValue))
    assert seen == [BEATS - 1, 0, 1]


def test_heartbeat_that_is_gone_is_told(peer: Device, tmp_path: Path) -> None:
    connection = connect_bus(site(peer, tmp_path, heartbeat="analog-value,77"))
    assert connection.writer.beat() == WriteFailed(reason="heartbeat analog-value,77: unknown-object")
    connection.view.site.close()
    without = connect_bus(site(peer, tmp_path, heartbeat=None))
    assert without.writer.beat() == Written()
    without.view.site.close()


@pytest.mark.parametrize("priority", [0, 1, 8, 15, 16])
def test_writer_itself_refuses_a_priority_that_is_not_ours(peer: Device, tmp_path: Path, priority: int) -> None:
    settings = site(peer, tmp_path)
    assert settings.file.bacnet is not None
    link = settings.file.bacnet.model_copy(update={"priority": priority})
    with pytest.raises(UserError, match=f"priority {priority} is refused"):
        BacnetWriter(settings, BacnetLine(None, link))  # type: ignore[arg-type]


def test_site_without_a_point_to_write_gives_no_writer(peer: Device, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="names no point, so nothing may be written"):
        connect_bus(site(peer, tmp_path, write=[]))


def test_devices_time_counts_where_the_site_file_says_so(peer: Device, tmp_path: Path) -> None:
    peer.app.shown = lambda: datetime(2017, 7, 4, 13, 45, 0)  # noqa: DTZ001 - a device's time has no zone
    view = watch_bus(site(peer, tmp_path, clock="device", speed=60.0))
    assert view.clock.now().isoformat().startswith("2017-07-04T13:45:00")
    assert view.site.read().time.isoformat() == "2017-07-04T13:45:00-05:00"
    view.site.close()


UNSET = datetime(1900 + 255, 1, 1)  # noqa: DTZ001 - on the wire that year says: unspecified


def test_device_whose_time_counts_must_tell_it_at_the_start_and_in_each_reading(peer: Device, tmp_path: Path) -> None:
    settings = site(peer, tmp_path, clock="device")
    view = watch_bus(settings)
    assert view.site.read()[INLET] is not None
    peer.app.shown = lambda: UNSET
    with pytest.raises(
        SiteError, match="does not say what time it is any more: set the device's clock, or write clock"
    ):
        view.site.read()
    peer.app.shown = None
    assert view.site.read()[INLET] is not None
    view.site.close()
    peer.app.shown = lambda: UNSET
    with pytest.raises(UserError, match=r"site.yaml: clock: device, and the device does not say what time it is: set"):
        watch_bus(settings)
    ours = watch_bus(site(peer, tmp_path, clock="machine"))
    assert ours.site.read()[INLET] is not None
    ours.site.close()


def test_machines_time_has_the_sites_offset(peer: Device, tmp_path: Path) -> None:
    view = watch_bus(site(peer, tmp_path, time_zone="+05:30"))
    reading = view.site.read()
    view.site.close()
    assert reading.time.utcoffset() == timedelta(hours=5, minutes=30)
    assert abs(datetime.now(reading.time.tzinfo) - reading.time) < timedelta(minutes=1)


def test_float32_neighbours_are_the_same_and_others_are_not() -> None:
    class Analog:
        object, resolution = ObjectId("analog-output", 1), 0.0

    for asked in (18.3, 27.1, 0.1, 1e6 + 0.3, -5.7):
        near = float(np.float32(asked))
        assert same(asked, near, Analog())  # type: ignore[arg-type]
        far = float(np.nextafter(np.nextafter(np.float32(asked), np.float32(np.inf)), np.float32(np.inf)))
        assert not same(asked, far, Analog())  # type: ignore[arg-type]


def _as_float32(values: Setpoints) -> Setpoints:
    return Setpoints({name: float(np.float32(value)) for name, value in values.items()})


def _hurried(peer: Device) -> dict[str, Any]:
    """A link that waits for nobody."""
    return {"device": peer.address, "device_id": peer.number, "timeout_s": 0.3}


def test_to_give_back_needs_neither_the_devices_time_nor_that_it_is_well(peer: Device, tmp_path: Path) -> None:
    settings = site(peer, tmp_path, clock="device")
    for point in BUILDING.setpoints:
        peer.command(point.name, 10, WANTED[point.name])
    peer.app.shown = lambda: UNSET
    peer.status("non-operational")
    with pytest.raises(SiteError):
        connect_bus(settings)
    with writer_of(settings) as writer:
        assert set(writer.ours()) == set(WANTED)
        assert isinstance(writer.relinquish([SUPPLY]), Written)
        assert set(writer.ours()) == set(WANTED) - {SUPPLY}
        assert isinstance(writer.relinquish(), Written)
        assert not writer.ours()


def test_to_give_back_another_device_will_not_do(peer: Device, tmp_path: Path) -> None:
    settings = site(peer, tmp_path, bacnet={"device": peer.address, "device_id": 5})
    with writer_of(settings) as writer, pytest.raises(SiteError, match="device 4711 answers where 5 should"):
        writer.ours()
