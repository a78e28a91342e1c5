"""Discovery against a real device: what is found, and the first site file."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.deploy import cli_site
from airhandler.deploy.connectors import bacnet
from airhandler.deploy.site_file import load_site
from tests.deploy.bacnet_device import NUMBER, Device, device

BUILDING = find_building("datacentre-dx")


@pytest.fixture
def peer() -> Iterator[Device]:
    with device(BUILDING) as made:
        yield made


def _run(*words: str) -> Any:
    return CliRunner().invoke(
        cli_site.app, ["discover", "--wait", "0.3", "--timeout", "0.3", *words], catch_exceptions=False
    )


def test_objects_are_found_with_what_they_say(peer: Device) -> None:
    (found,) = json.loads(_run("--device", peer.address, "--json").stdout)
    assert (found["address"], found["device_id"], found["others"]) == (peer.address, NUMBER, 1)
    objects = {one["name"]: one for one in found["objects"]}
    assert set(objects) == set(peer.objects)
    assert objects["total_power_w"]["unit"] == "W"
    assert objects["total_power_w"]["description"] == BUILDING.point("total_power_w").help
    assert objects["outdoor_air_temp_c"]["value"] == 5.0
    commandable = {name for name, one in objects.items() if one["commandable"]}
    assert commandable == {*(p.name for p in BUILDING.setpoints), "lamp"}


def test_table_is_for_people(peer: Device) -> None:
    shown = _run("--device", peer.address).stdout
    assert f"device {NUMBER} at {peer.address}" in shown
    assert "analog-output,4" in shown


def test_nothing_is_written_to_the_device(peer: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was written")

    monkeypatch.setattr(bacnet.BacnetClient, "write", refuse)
    _run("--device", peer.address, "--building", "datacentre-dx", "--out", str(tmp_path / "site.yaml"))
    assert "WritePropertyRequest" not in peer.app.asked


def test_first_site_file_has_every_point_and_can_write_nothing(peer: Device, tmp_path: Path) -> None:
    out = tmp_path / "site.yaml"
    done = _run("--device", peer.address, "--building", "datacentre-dx", "--out", str(out))
    assert f"39 of 39 points of datacentre-dx in {out}" in done.output
    made = load_site(out)
    assert (made.file.stage, made.file.write, made.file.heartbeat) == ("shadow", (), "analog-value,1")
    assert list(made.places) == [p.name for p in BUILDING.points]
    assert made.file.bacnet is not None
    assert (made.file.bacnet.device, made.file.bacnet.device_id) == (peer.address, NUMBER)
    text = out.read_text()
    assert "# heartbeat:" not in text
    assert "heartbeat  " not in text
    assert '#   "binary-output,1"  lamp' in text


@pytest.mark.parametrize(("called", "kind"), [("Watchdog_1", "analog-value,1"), ("heartbeat", "binary-output,1")])
def test_heartbeat_that_is_in_doubt_is_a_comment(peer: Device, tmp_path: Path, called: str, kind: str) -> None:
    def rename() -> None:
        peer.objects["heartbeat"].objectName = "a count" if kind == "binary-output,1" else called
        peer.objects["lamp"].objectName = called if kind == "binary-output,1" else "lamp"

    peer.do(rename)
    out = tmp_path / "site.yaml"
    _run("--device", peer.address, "--building", "datacentre-dx", "--out", str(out))
    assert load_site(out).file.heartbeat is None
    text = out.read_text()
    assert "# heartbeat: the object that we are to count up while in charge" in text
    assert f'#   "{kind}"  {called}' in text


def test_units_that_differ_are_written_and_those_that_do_not_fit_are_left_out(peer: Device, tmp_path: Path) -> None:
    from bacpypes3.basetypes import EngineeringUnits

    def change() -> None:
        peer.objects["total_power_w"].units = EngineeringUnits(48)
        peer.objects["east_inlet_temp_c"].units = EngineeringUnits(48)
        peer.objects["west_inlet_temp_c"].units = EngineeringUnits(9999)

    peer.do(change)
    out = tmp_path / "site.yaml"
    _run("--device", peer.address, "--building", "datacentre-dx", "--out", str(out))
    made = load_site(out)
    assert made.places["total_power_w"].unit == "kW"
    assert "east_inlet_temp_c" not in made.places
    assert "#   east_inlet_temp_c [degC]" in out.read_text()
    assert "its unit is number 9999" in out.read_text()


def test_what_a_device_says_of_itself_cannot_break_the_file(peer: Device, tmp_path: Path) -> None:
    peer.do(lambda: setattr(peer.objects["lamp"], "description", 'x\nwrite: [total_power_w]\n"\x07\x85evil'))
    out = tmp_path / "site.yaml"
    _run("--device", peer.address, "--building", "datacentre-dx", "--out", str(out))
    assert load_site(out).file.write == ()


def test_device_that_sends_little_at_a_time_is_read_all_the_same(peer: Device) -> None:
    peer.app.most = 3
    (found,) = json.loads(_run("--device", peer.address, "--json").stdout)
    assert len(found["objects"]) == len(peer.objects)


def test_device_that_does_not_answer_who_is_is_asked_who_it_is(peer: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(peer.app), "do_WhoIsRequest", lambda self, apdu: _nothing())
    (found,) = json.loads(_run("--device", peer.address, "--wait", "0.3", "--json").stdout)
    assert found["device_id"] == NUMBER


async def _nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--device", "kettle"], "--device kettle: must be an IPv4 address"),
        (["--address", "203.0.113.9"], "address 203.0.113.9: cannot be taken"),
        (["--out", "x.yaml"], "--out: needs --building"),
        (["--building", "no-such"], "building 'no-such' is not known"),
        ([], "no device is named, and a broadcast needs our own address with its mask, not 127.0.0.1: --address 192"),
        (["--address", "127.0.0.1:0"], "with its mask, not 127.0.0.1:0: "),
        (["--address", "127.0.0.1/8"], "no device answered a broadcast within 0.3 s"),
    ],
)
def test_mistake_is_one_line(words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        _run("--wait", "0.3", *words)
    assert "\n" not in str(caught.value)


def test_silent_device_is_one_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UserError, match=f"--device {address}: .*does not answer: is the address right"):
            _run("--device", address, "--wait", "0.3", "--timeout", "0.3")


def test_site_file_that_is_there_is_not_written_over(peer: Device, tmp_path: Path) -> None:
    out = tmp_path / "site.yaml"
    out.write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        _run("--device", peer.address, "--building", "datacentre-dx", "--out", str(out))
    assert out.read_text() == "mine"


def test_device_of_another_building_is_told(peer: Device, tmp_path: Path) -> None:
    def rename() -> None:
        for name, one in peer.objects.items():
            one.objectName = f"AHU-1 {name}"

    peer.do(rename)
    with pytest.raises(UserError, match=r"no object of device 4711 is called like a point of datacentre-dx, such as"):
        _run("--device", peer.address, "--building", "datacentre-dx", "--out", str(tmp_path / "site.yaml"))
