"""A set-point that the site file misreads: `check` says that it is wrong, and `live` writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from airhandler.buildings.errors import UserError
from airhandler.deploy.absurd import is_absurd
from airhandler.deploy.check_site import check_site
from airhandler.deploy.live_site import run_live_site
from airhandler.deploy.site_file import load_site
from airhandler.deploy.stop import Stop
from airhandler.deploy.twin_site_file import modbus_section, write_site_file
from tests.deploy import bacnet_device
from tests.deploy.scenes import settings
from tests.deploy.test_twin_modbus import Device, device
from tests.deploy.twins import BUILDING, SUPPLY

__all__ = ["device"]

FLOW = "east_supply_airflow_setpoint_kg_s"
Change = Callable[[dict[str, Any]], object]


def _tens(text: dict[str, Any]) -> None:
    text["points"][SUPPLY]["scale"] = 10.0


def _swapped(text: dict[str, Any]) -> None:
    text["modbus"]["word_order"] = "little"


def _fahrenheit(text: dict[str, Any]) -> None:
    text["points"][SUPPLY]["unit"] = "degF"


def _site_file(device: Device, folder: Path, change: Change) -> Path:
    """The twin's own, with a mistake in it."""
    path, registers = folder / "site.yaml", device.servers.registers
    section = modbus_section(device.address, registers)
    zone = timedelta(hours=-6)
    write_site_file(path, BUILDING, offset=zone, speed=1.0, bus="modbus", section=section, places=registers)
    text = yaml.safe_load(path.read_text()) | {"stage": "advisory"}
    change(text)
    path.write_text(yaml.safe_dump(text))
    return path


def _live(path: Path) -> None:
    """Begins, and ends before the first step: a start that is not refused would go on for ever."""
    stop = Stop()
    stop.ask("the test is over")
    chosen = settings(path.parent / "out", controller="outdoor-reset", site=str(path))
    run_live_site(chosen, load_site(path), watching=lambda site: lambda: None, stop=stop)


@pytest.mark.parametrize(("value", "absurd"), [(8.3, False), (8.1, True), (36.3, False), (36.5, True)])
def test_as_far_out_as_the_range_is_wide_is_a_control_of_its_own(value: float, absurd: bool) -> None:
    assert is_absurd(BUILDING.point(SUPPLY), value) == absurd  # 17.6 to 27


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_number_is_absurd(value: float) -> None:
    assert is_absurd(BUILDING.point(SUPPLY), value)


@pytest.mark.parametrize("change", [_tens, _swapped, _fahrenheit])
def test_modbus_that_is_misread_is_wrong_and_live_writes_nothing(
    device: Device, tmp_path: Path, change: Change
) -> None:
    path = _site_file(device, tmp_path, change)
    findings = [f for f in check_site(load_site(path)).findings if f.what == SUPPLY]
    assert [(f.severity, f.where) for f in findings] == [("wrong", device.registers[SUPPLY])]
    assert all(field in findings[0].mend for field in ("scale:", "word_order"))
    with pytest.raises(UserError, match=rf"points\.{SUPPLY}: .* far from 17.6 to 27: .*nothing is written.*check"):
        _live(path)
    assert (device.twin.writes, device.enabled) == ([], False)


def test_modbus_that_is_read_as_it_is_goes_live(device: Device, tmp_path: Path) -> None:
    _live(_site_file(device, tmp_path, lambda _: None))


@pytest.mark.parametrize(("own", "severity"), [(15.0, "remark"), (182.9, "wrong")])
def test_bacnet_too(tmp_path: Path, own: float, severity: str) -> None:
    with bacnet_device.device(BUILDING) as peer:
        peer.default(SUPPLY, own)
        path = tmp_path / "site.yaml"
        path.write_text(yaml.safe_dump(bacnet_device.site_text(peer, stage="advisory")))
        found = [f for f in check_site(load_site(path)).findings if f.what == SUPPLY]
        assert [f.severity for f in found] == [severity]
        if severity == "wrong":
            with pytest.raises(UserError, match=r"182\.9 degC, far from 17.6 to 27"):
                _live(path)
            assert "WritePropertyRequest" not in peer.app.asked
