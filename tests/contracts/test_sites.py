"""What every Site must do, whatever is behind it: simulated, recorded, BACnet, Modbus."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import SiteError
from airhandler.deploy.connectors.connect import watch
from airhandler.deploy.connectors.connection import View
from airhandler.deploy.settings import RunSettings
from tests.deploy import bacnet_device, modbus_device
from tests.deploy.scenes import record

BUILDING = find_building("datacentre-dx")
INLET = "east_inlet_temp_c"
_WRITING = ("write", "writer", "relinquish", "command", "authority", "beat", "ours")


@dataclass
class Scene:
    """A view of a site.

    Attributes:
        view: what is looked at.
        lose: makes the inlet's value absent; None where that cannot be done to it.
    """

    view: View
    lose: Callable[[], None] | None = None


def _simulated(folder: Path, stack: ExitStack) -> Scene:
    return Scene(watch(RunSettings(controller="stock", out=folder, days=1), BUILDING))


def _recorded(folder: Path, stack: ExitStack) -> Scene:
    path = record(folder / "recorded.csv", 3)
    rows = path.read_text().splitlines()
    column = rows[0].split(",").index(INLET)
    cells = rows[1].split(",")
    cells[column] = ""
    path.write_text("\n".join([rows[0], ",".join(cells), *rows[2:]]) + "\n")
    return Scene(watch(RunSettings(controller="stock", out=folder, site=str(path)), BUILDING), lambda: None)


def _bacnet(folder: Path, stack: ExitStack) -> Scene:
    peer = stack.enter_context(bacnet_device.device(BUILDING))
    view = _on_bus(folder, bacnet_device.site_text(peer))
    return Scene(view, lambda: peer.flag(INLET, "fault", why="no-sensor"))


def _modbus(folder: Path, stack: ExitStack) -> Scene:
    peer = stack.enter_context(modbus_device.unit(BUILDING))
    view = _on_bus(folder, modbus_device.site_text(peer))
    return Scene(view, lambda: peer.show(INLET, math.nan))


def _on_bus(folder: Path, text: dict[str, object]) -> View:
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(text))
    return watch(RunSettings(controller="stock", out=folder, site=str(path)), BUILDING)


def _made(request: pytest.FixtureRequest, folder: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        made = request.param(folder, stack)
        yield made
        made.view.site.close()


@pytest.fixture(params=[pytest.param(_simulated, marks=pytest.mark.slow), _recorded, _bacnet, _modbus])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    yield from _made(request, tmp_path)


# A simulated sensor is lost by a scenario: tests/buildings/test_sensor_faults.py.
@pytest.fixture(params=[_recorded, _bacnet, _modbus])
def losing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    yield from _made(request, tmp_path)


def test_every_point_of_the_building_is_listed(scene: Scene) -> None:
    assert tuple(scene.view.site.points) == BUILDING.points


def test_reading_is_of_known_points_and_of_a_time_with_an_offset(scene: Scene) -> None:
    reading = scene.view.site.read()
    assert reading.time.utcoffset() is not None
    assert set(reading.values) <= {p.name for p in BUILDING.points}
    assert {name for name, value in reading.values.items() if value is not None} >= {
        "outdoor_air_temp_c",
        "it_load_frac",
    }
    assert all(math.isfinite(value) for value in reading.values.values() if value is not None)
    assert all(math.isfinite(value) for value in (reading.incumbent or {}).values())
    assert all(age_s >= 0.0 for age_s in reading.age_s.values())


def test_absent_value_is_none_and_no_guess(losing: Scene) -> None:
    assert losing.lose is not None
    losing.lose()
    reading = losing.view.site.read()
    assert reading.values[INLET] is None
    assert reading.get("west_inlet_temp_c") is not None


def test_time_does_not_go_back(scene: Scene) -> None:
    first, second = scene.view.site.read().time, scene.view.site.read().time
    assert first <= second


def test_closed_site_is_a_site_error_and_closing_twice_is_none(scene: Scene) -> None:
    scene.view.site.close()
    scene.view.site.close()
    with pytest.raises(SiteError):
        scene.view.site.read()


def test_watched_site_has_nothing_to_write_with(scene: Scene) -> None:
    for made in (scene.view, scene.view.site, scene.view.clock):
        assert not [name for name in dir(made) if not name.startswith("_") and name in _WRITING]


def test_stop_ends_its_time(scene: Scene) -> None:
    clock = scene.view.clock
    clock.stop()
    assert not clock.sleep_until(clock.now() + timedelta(seconds=BUILDING.step_s))
