"""A BACnet client of another make (tests/deploy/foreign) on a twin: it discovers, reads, overrides, and lets go."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airhandler.deploy.twin_control import truth
from tests.deploy.foreign_client import ask_foreign
from tests.deploy.process import Airhandler
from tests.deploy.twins import BUILDING, SUPPLY, patiently

pytestmark = pytest.mark.slow

Ask = Callable[..., Any]


@pytest.fixture
def twin(airhandler: type[Airhandler], tmp_path: Path) -> dict[str, Any]:
    """Where a twin serves."""
    words = (
        "--bacnet",
        "127.0.0.1:0",
        "--speed",
        "9000",
        "--start",
        "07-01",
        "--out",
        "twin",
        "--heartbeat-steps",
        "9999",
    )
    airhandler("twin", BUILDING.id, *words).wait_for("faults: airhandler twin-fault")  # type: ignore[call-arg]
    told: dict[str, Any] = json.loads((tmp_path / "twin/twin.json").read_text())
    return told


@pytest.fixture
def ask(foreign: Path, twin: dict[str, Any]) -> Ask:
    """What the client prints to a command."""
    return functools.partial(ask_foreign, foreign, twin["bacnet"])


def test_foreign_client_discovers_and_reads(ask: Ask, twin: dict[str, Any]) -> None:
    assert ask("discover") == twin["device"]
    named = ask("list", twin["device"])
    assert set(named.values()) == {p.name for p in BUILDING.points} | {"heartbeat"}
    values = ask("batch", *named)
    assert len(values) == len(named)
    by_name = dict(zip(named.values(), values, strict=True))
    assert 0.0 < by_name["east_inlet_temp_c"] < 60.0


def test_foreign_client_overrides_at_an_operators_priority_and_lets_go(ask: Ask, twin: dict[str, Any]) -> None:
    at = next(one for one, name in ask("list", twin["device"]).items() if name == SUPPLY)
    assert ask("write", at, 20, 10) == "ok"
    assert ask("write", at, 26, 8) == "ok"
    assert ask("array", at) == [None] * 7 + [26, None, 20] + [None] * 6
    assert ask("batch", at) == [26]
    assert patiently(lambda: truth(twin["control"])["values"]["east_supply_air_temp_c"] > 25.0)
    assert ask("write", at, "null", 8) == "ok"
    assert ask("array", at) == [None] * 9 + [20] + [None] * 6


def test_foreign_client_may_not_write_a_sensor(ask: Ask) -> None:
    assert "WRITE_ACCESS_DENIED" in ask("write", "analog-input,1", 3, 8)["error"]
