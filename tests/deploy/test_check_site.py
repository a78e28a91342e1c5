"""`airhandler check` against a real device: each thing that may be wrong is named, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from bacpypes3.app import Application
from typer.testing import CliRunner

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.control.identity import building_sha256
from airhandler.control.promotion import Check, Promotion, write_promotion
from airhandler.deploy import cli_site
from airhandler.deploy.check_site import Finding, SiteCheck, check_site
from airhandler.deploy.connectors import bacnet
from airhandler.deploy.site_file import load_site
from tests.deploy import bacnet_device, modbus_device
from tests.deploy.bacnet_device import Device, device
from tests.deploy.modbus_device import unit
from tests.deploy.scenes import values

BUILDING = find_building("datacentre-dx")
INLET, SUPPLY, FLOW = "east_inlet_temp_c", "east_supply_air_temp_setpoint_c", "east_supply_airflow_setpoint_kg_s"


@pytest.fixture
def peer() -> Iterator[Device]:
    with device(BUILDING) as made:
        for name, value in values().items():
            made.show(name, value or 0.0)
        made.app.shown = lambda: datetime.now(UTC).replace(tzinfo=None)
        yield made


def _check(peer: Device, folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> SiteCheck:
    text = bacnet_device.site_text(peer, time_zone="UTC", stage="advisory")
    change(text)
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(text))
    return check_site(load_site(path))


def _wrong(found: SiteCheck) -> list[tuple[str, str]]:
    return [(f.what, f.words) for f in found.findings if f.severity == "wrong"]


def _remarks(found: SiteCheck) -> list[Finding]:
    return [f for f in found.findings if f.severity == "remark"]


def test_sound_site_has_nothing_to_say(peer: Device, tmp_path: Path) -> None:
    found = _check(peer, tmp_path)
    assert found.findings == ()
    assert not found.wrong
    assert [s.place.point.name for s in found.shown] == [p.name for p in BUILDING.points]


def test_nothing_is_ever_written(peer: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was written")

    monkeypatch.setattr(bacnet.BacnetClient, "write", refuse)
    _check(peer, tmp_path)
    assert "WritePropertyRequest" not in peer.app.asked


def test_sensor_in_fault_is_named_with_its_reason(peer: Device, tmp_path: Path) -> None:
    peer.flag(INLET, "fault", why="open-loop")
    assert _wrong(_check(peer, tmp_path)) == [(INLET, "absent: in fault: open loop")]


def test_object_that_is_not_there_is_named(peer: Device, tmp_path: Path) -> None:
    found = _check(peer, tmp_path, lambda t: t["points"][INLET].update(object="analog-input,999"))
    assert _wrong(found) == [(INLET, "absent: unknown-object")]


def test_wrong_unit_is_named_with_the_line_that_mends_it(peer: Device, tmp_path: Path) -> None:
    found = _check(peer, tmp_path, lambda t: t["points"]["total_power_w"].update(unit="kW"))
    (finding,) = found.findings
    assert (finding.what, finding.words) == ("total_power_w", "the device has it in W, the file says kW")
    assert finding.mend == 'the site file must say unit: "W"'


def test_range_is_judged_by_the_unit_that_the_device_says(peer: Device, tmp_path: Path) -> None:
    def wrong_unit(text: dict[str, Any]) -> None:
        text["points"][INLET].update(unit="degF")

    peer.show(INLET, 20.0)
    assert [f.words for f in _check(peer, tmp_path, wrong_unit).findings] == [
        "the device has it in degC, the file says degF"
    ]
    peer.show(INLET, 235.0)
    findings = [(f.words, f.mend) for f in _check(peer, tmp_path, wrong_unit).findings]
    assert findings == [
        ("the device has it in degC, the file says degF", 'the site file must say unit: "degC"'),
        (
            "235 degC is not between 0 and 60",
            "the device says that it is degC: does it scale its values, or is the sensor wrong?",
        ),
    ]


def test_unit_of_another_quantity_asks_for_the_object(peer: Device, tmp_path: Path) -> None:
    from bacpypes3.basetypes import EngineeringUnits

    peer.do(lambda: setattr(peer.objects[INLET], "units", EngineeringUnits("kilowatts")))
    peer.show(INLET, 235.0)
    (finding,) = _check(peer, tmp_path).findings
    assert finding.words == "the device has it in kW, the file says degC"
    assert finding.mend == "that is another quantity: is it the right object?"


def test_value_out_of_range_with_the_right_unit_is_scaled_or_wrong(peer: Device, tmp_path: Path) -> None:
    peer.show(INLET, 71.6)
    (finding,) = _check(peer, tmp_path).findings
    assert (finding.what, finding.severity) == (INLET, "wrong")
    assert finding.words == "71.6 degC is not between 0 and 60"
    assert finding.mend == "the device says that it is degC: does it scale its values, or is the sensor wrong?"


def test_setpoint_outside_our_limits_is_a_remark(peer: Device, tmp_path: Path) -> None:
    peer.default(SUPPLY, 15.0)
    (finding,) = _remarks(_check(peer, tmp_path))
    assert (finding.what, finding.words) == (SUPPLY, "15 degC is not between 17.6 and 27")


def test_unit_that_nobody_knows_is_a_remark(peer: Device, tmp_path: Path) -> None:
    from bacpypes3.basetypes import EngineeringUnits

    peer.do(lambda: setattr(peer.objects[INLET], "units", EngineeringUnits(9999)))
    peer.do(lambda: setattr(peer.objects["west_inlet_temp_c"], "units", EngineeringUnits(95)))
    words = [f.words for f in _remarks(_check(peer, tmp_path))]
    assert words == ["its unit has the number 9999, which we do not know", "the device says that it has no unit"]


def test_two_points_that_were_exchanged_are_named(peer: Device, tmp_path: Path) -> None:
    def exchange(text: dict[str, Any]) -> None:
        points = text["points"]
        points[INLET], points["west_inlet_temp_c"] = points["west_inlet_temp_c"], points[INLET]

    assert _wrong(_check(peer, tmp_path, exchange)) == [
        (INLET, "the device calls it west_inlet_temp_c"),
        ("west_inlet_temp_c", "the device calls it east_inlet_temp_c"),
    ]


def test_setpoint_that_cannot_be_commanded_is_named(peer: Device, tmp_path: Path) -> None:
    found = _check(peer, tmp_path, lambda t: (t["points"][SUPPLY].update(object="analog-value,1"), t.pop("heartbeat")))
    assert (SUPPLY, "it shows no priority array: it cannot be commanded") in _wrong(found)


def test_who_holds_a_setpoint_is_named(peer: Device, tmp_path: Path) -> None:
    peer.command(SUPPLY, 8, 19.0)
    peer.command(FLOW, 10, 4.0)
    found = _check(peer, tmp_path)
    assert _wrong(found) == [(SUPPLY, "slot 8 holds it at 19")]
    assert [(f.what, f.words) for f in _remarks(found)] == [(FLOW, "our slot 10 holds 4")]


def test_setpoint_out_of_service_is_named(peer: Device, tmp_path: Path) -> None:
    peer.flag(SUPPLY, "out")
    assert (SUPPLY, "it is out of service") in _wrong(_check(peer, tmp_path))


def test_limits_that_the_device_does_not_take_are_named(peer: Device, tmp_path: Path) -> None:
    def narrow() -> None:
        peer.objects[SUPPLY].minPresValue, peer.objects[SUPPLY].maxPresValue = 17.6, 25.0
        peer.objects[FLOW].minPresValue, peer.objects[FLOW].maxPresValue = 2.0, 6.5

    peer.do(narrow)
    assert _wrong(_check(peer, tmp_path)) == [(SUPPLY, "it takes 17.6 to 25 degC, our limits are 17.6 to 27")]


def test_steps_of_a_setpoint_are_a_remark_until_the_file_has_them(peer: Device, tmp_path: Path) -> None:
    peer.do(lambda: setattr(peer.objects[SUPPLY], "resolution", 0.5))
    (finding,) = _remarks(_check(peer, tmp_path))
    assert (finding.words, finding.mend) == (
        "it has steps of 0.5 degC",
        "if it rounds what is written: resolution: 0.5",
    )
    assert _check(peer, tmp_path, lambda t: t["points"][SUPPLY].update(resolution=0.5)).findings == ()


def test_points_that_the_shield_needs_are_named_where_the_file_has_them_not(peer: Device, tmp_path: Path) -> None:
    found = _check(peer, tmp_path, lambda t: (t["points"].pop(INLET), t["points"].pop("total_power_w")))
    assert _wrong(found) == [("points", f"not in the file: {INLET}")]
    assert [f.words for f in _remarks(found)] == ["not in the file: total_power_w"]


def test_clock_that_is_another_one_is_a_remark(peer: Device, tmp_path: Path) -> None:
    peer.app.shown = lambda: datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=6)
    (finding,) = _remarks(_check(peer, tmp_path))
    assert finding.words == "the device's clock is 6 hours behind this machine's"
    assert "time_zone UTC" in finding.mend
    assert _check(peer, tmp_path, lambda t: t.update(clock="device")).findings == ()


def test_heartbeat_that_is_not_there_is_named(peer: Device, tmp_path: Path) -> None:
    found = _check(peer, tmp_path, lambda t: t.update(heartbeat="analog-value,9"))
    assert _wrong(found) == [("heartbeat", "unknown-object")]


def test_silent_or_other_device_is_a_finding_and_no_traceback(peer: Device, tmp_path: Path) -> None:
    other = _check(peer, tmp_path, lambda t: t["bacnet"].update(device_id=5))
    (finding,) = [f for f in other.findings if f.what == "device"]
    assert finding.words == f"{peer.address}: device {bacnet_device.NUMBER} answers where 5 should"
    assert finding.mend.startswith(f"device_id: {bacnet_device.NUMBER} if this is the one that is meant")
    peer.app.silent = True
    silent = _check(peer, tmp_path, lambda t: t["bacnet"].update(timeout_s=0.3))
    assert "does not answer" in _wrong(silent)[0][1]
    assert silent.shown == ()


def test_device_that_knows_no_anyone_is_asked_who_is_there_and_one_that_says_nothing_is_another(
    peer: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other() -> Finding:
        found = _check(peer, tmp_path, lambda t: t["bacnet"].update(device_id=5))
        return next(f for f in found.findings if f.what == "device")

    monkeypatch.setattr(type(peer.app), "get_object_id", Application.get_object_id)  # the library's own forgets it
    assert f"device {bacnet_device.NUMBER} answers where 5 should" in other().words

    async def nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(type(peer.app), "do_WhoIsRequest", nothing)
    assert ("another device answers where 5 should" in other().words, other().mend) == (True, "is the address right?")


def _promoted(path: Path, *, site: str = "hall", passed: bool = True) -> None:
    write_promotion(
        path,
        Promotion(
            site=site,
            building=BUILDING.reference,
            building_sha256=building_sha256(BUILDING),
            controller="outdoor-reset",
            controller_sha256="0" * 64,
            begin="2026-07-01T00:00:00+00:00",
            end="2026-07-15T00:00:00+00:00",
            checks=(Check(name="length", passed=passed, evidence="14.0 days", wanted="7 days at least"),),
            created="2026-07-15T01:00:00+00:00",
        ),
    )


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (None, "is not there"),
        ({"site": "south-hall"}, "is of another site (south-hall, here hall)"),
        ({"passed": False}, "does not pass: length: 14.0 days"),
    ],
)
def test_promotion_that_live_would_refuse_is_named(
    peer: Device, tmp_path: Path, kept: dict[str, Any] | None, words: str
) -> None:
    if kept is not None:
        _promoted(tmp_path / "p.json", **kept)
    live = _check(peer, tmp_path, lambda t: t.update(stage="live", promotion="p.json"))
    (finding,) = live.findings
    assert (finding.what, finding.severity) == ("promotion", "wrong")
    assert words in finding.words
    (finding,) = _check(peer, tmp_path, lambda t: t.update(promotion="p.json")).findings
    assert (finding.what, finding.severity) == ("promotion", "remark")


def test_promotion_that_holds_has_nothing_to_say_and_live_without_one_is_a_remark(peer: Device, tmp_path: Path) -> None:
    _promoted(tmp_path / "p.json")
    assert _check(peer, tmp_path, lambda t: t.update(stage="live", promotion="p.json")).findings == ()
    (finding,) = _check(peer, tmp_path, lambda t: t.update(stage="live")).findings
    assert (finding.what, finding.severity) == ("promotion", "remark")
    assert "airhandler live` refuses" in finding.words


def test_command_prints_and_ends_with_what_it_found(peer: Device, tmp_path: Path) -> None:
    _check(peer, tmp_path)
    path = str(tmp_path / "site.yaml")
    good = CliRunner().invoke(cli_site.app, ["check", path])
    assert good.exit_code == 0
    assert "39 of 39 points have a value" in good.stdout
    assert "nothing is wrong" in good.stdout
    _check(peer, tmp_path, lambda t: t.update(stage="live"))
    refused = CliRunner().invoke(cli_site.app, ["check", path])
    assert refused.exit_code == 0
    assert "nothing is wrong" not in refused.stdout
    assert "`airhandler live` would refuse to start: promotion: is missing" in refused.stdout
    _check(peer, tmp_path)
    peer.flag(INLET, "fault")
    bad = CliRunner().invoke(cli_site.app, ["check", path])
    assert bad.exit_code == 1
    assert "absent: in fault" in bad.stdout
    told = CliRunner().invoke(cli_site.app, ["check", path, "--json"])
    assert told.exit_code == 1
    found = json.loads(told.stdout)
    assert (found["wrong"], found["findings"][0]["what"]) == (True, INLET)
    with pytest.raises(UserError, match="cannot be read"):
        CliRunner().invoke(cli_site.app, ["check", str(tmp_path / "nowhere.yaml")], catch_exceptions=False)


def test_modbus_is_checked_too(tmp_path: Path) -> None:
    with unit(BUILDING) as peer:
        for name, value in values().items():
            peer.show(name, value or 0.0)
        path = tmp_path / "site.yaml"
        path.write_text(yaml.safe_dump(modbus_device.site_text(peer, stage="advisory")))
        assert check_site(load_site(path)).findings == ()
        peer.show(INLET, float("nan"))
        peer.registers.enabled = True
        found = check_site(load_site(path))
        assert _wrong(found) == [(INLET, "absent: its value is no number")]
        assert [f.words for f in _remarks(found)] == ["remote mode is on"]
    assert "cannot be connected to" in _wrong(check_site(load_site(path)))[0][1]


def test_address_that_is_not_ours_is_said_with_the_file_and_the_field(peer: Device, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"site\.yaml: bacnet\.address 192\.0\.2\.5: cannot be taken"):
        _check(peer, tmp_path, lambda t: t["bacnet"].update(address="192.0.2.5"))
