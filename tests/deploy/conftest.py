"""A controller that does as it is told, `airhandler` as a process, and a watchdog with a clock that is set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airhandler.control.registry import STOCK
from airhandler.deploy import live, shadow
from tests.deploy.drills import Drill
from tests.deploy.foreign_client import installed
from tests.deploy.process import Airhandler
from tests.deploy.scenes import FakeController
from tests.deploy.watch_scene import Scene


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeController:
    """The controller that every name but `stock` means."""
    controller = FakeController()
    for module in (live, shadow):
        monkeypatch.setattr(module, "find_controller", lambda name, building: None if name == STOCK else controller)
    return controller


@pytest.fixture
def airhandler(tmp_path: Path) -> Iterator[type[Airhandler]]:
    """Starts `airhandler` processes; those that still run at the end of the test are killed."""
    started: list[Airhandler] = []

    class Started(Airhandler):
        def __init__(self, *words: str) -> None:
            super().__init__(*words, folder=tmp_path)
            started.append(self)

    yield Started
    for process in started:
        process.kill()


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a BACnet client of another make is installed."""
    return installed(tmp_path_factory.mktemp("foreign"))


@pytest.fixture
def make_drill(tmp_path: Path) -> Iterator[Callable[..., Drill]]:
    """Makes the one drill of a test, with the choices that it needs."""
    made: list[Drill] = []

    def make(**choices: Any) -> Drill:
        made.append(Drill(tmp_path, **choices))
        return made[-1]

    yield make
    for drill in made:
        drill.kill()


@pytest.fixture
def drill(make_drill: Callable[..., Drill]) -> Drill:
    """A twin under its own control."""
    return make_drill()


@pytest.fixture
def row(request: pytest.FixtureRequest) -> str:
    """The name of a drill, as docs/drills.md has it."""
    return str(request.node.name).removeprefix("test_")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A watchdog's site, controller and clock."""
    made = Scene(tmp_path)
    yield made
    if made.controller is not None:
        made.controller.release()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Puts the loggers back, for `set_up_logs` changes them."""
    root, ours = logging.getLogger(), [logging.getLogger(n) for n in ("airhandler", "airhandler.tick")]
    handlers, levels = list(root.handlers), [logger.level for logger in (root, *ours)]
    yield
    root.handlers[:] = handlers
    for logger, level in zip((root, *ours), levels, strict=True):
        logger.setLevel(level)
