"""Shadow on a bus, from the site file to the summary, as a user starts it."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Role
from airhandler.control.table import TickTable
from airhandler.deploy import cli
from airhandler.deploy.connectors import bacnet
from airhandler.deploy.connectors.connect import connect, watch
from airhandler.deploy.run import TICKS_FILE
from airhandler.deploy.settings import RunSettings
from tests.deploy.bacnet_device import Device, device, site_text
from tests.deploy.scenes import values

BUILDING = find_building("datacentre-dx")
SPEED = 45_000.0  # a step in 20 ms


def _paced(peer: Device) -> None:
    """The device's time goes on at SPEED."""
    begin, since = datetime(2017, 7, 4, 12, 0), time.monotonic()  # noqa: DTZ001 - a device's time has no zone
    peer.app.shown = lambda: begin + timedelta(seconds=(time.monotonic() - since) * SPEED)
    for point in BUILDING.points:
        if point.role is not Role.SETPOINT:
            peer.show(point.name, values()[point.name] or 0.0)


def _site(peer: Device, folder: Path, **changes: object) -> Path:
    path = folder / "site.yaml"
    text = site_text(peer, **{"clock": "device", "speed": SPEED, "stage": "shadow", "write": [], **changes})
    path.write_text(yaml.safe_dump(text))
    return path


def test_shadow_watches_a_device_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was written")

    monkeypatch.setattr(bacnet.BacnetClient, "write", refuse)
    out = tmp_path / "out"
    with device(BUILDING) as peer:
        _paced(peer)
        words = ["shadow", "trim-respond", "--site", str(_site(peer, tmp_path)), "--days", "1", "--port", "0"]
        done = CliRunner().invoke(cli.app, [*words, "--out", str(out), "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert "WritePropertyRequest" not in peer.app.asked
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["stage"], summary["why"], summary["given_back"]) == ("shadow", "the site's time is over", None)
    table = TickTable.load(out / TICKS_FILE, BUILDING)
    assert len(table) == summary["ticks"] > 1  # steps that a slow machine misses are left out
    assert sum(summary["verdicts"].values()) == len(table)
    name = BUILDING.setpoints[0].name
    assert set(table.incumbent[name]) == {float(np.float32(peer.objects[name].relinquishDefault))}


def test_view_of_a_bus_has_nothing_to_write_with(tmp_path: Path) -> None:
    with device(BUILDING) as peer:
        settings = RunSettings(controller="stock", out=tmp_path / "out", site=str(_site(peer, tmp_path)))
        view = watch(settings, BUILDING)
        public = [name for made in (view, view.site) for name in dir(made) if not name.startswith("_")]
        assert not [name for name in public if name in ("write", "writer", "relinquish", "command", "authority")]
        assert view.ticks is None
        view.site.close()


def test_site_file_is_of_its_building_and_at_its_own_pace(tmp_path: Path) -> None:
    with device(BUILDING) as peer:
        path = str(_site(peer, tmp_path))
    for words, told in (
        (["--speed", "900"], "--speed 900: the pace of"),
        (["--building", "datacentre-cw"], "--building datacentre-cw: .*is datacentre-dx; leave it out"),
        (["--stress", "1"], "leave out --site"),
    ):
        with pytest.raises(UserError, match=told):
            CliRunner().invoke(cli.app, ["shadow", "stock", "--site", path, *words], catch_exceptions=False)


@pytest.mark.parametrize("ask", [watch, connect])
def test_run_for_another_building_is_refused(tmp_path: Path, ask: object) -> None:
    with device(BUILDING) as peer:
        path = _site(peer, tmp_path)
    settings = RunSettings(controller="stock", out=tmp_path, site=str(path), building="datacentre-cw")
    with pytest.raises(UserError, match="building datacentre-dx, but the run is for datacentre-cw"):
        ask(settings, find_building("datacentre-cw"))  # type: ignore[operator]


def test_site_with_nothing_to_write_is_not_connected(tmp_path: Path) -> None:
    with device(BUILDING) as peer:
        settings = RunSettings(controller="stock", out=tmp_path, site=str(_site(peer, tmp_path)))
        with pytest.raises(UserError, match="write: names no point"):
            connect(settings, BUILDING)
