"""Drills (docs/drills.md): the same building by Modbus TCP, which has one switch where BACnet has slots."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing

import pytest

from airhandler.deploy.journal_reading import verify
from tests.deploy.cable import Cable
from tests.deploy.drills import CYCLE, LEASE, Drill, cut, handed_over, needs_root

pytestmark = pytest.mark.slow


@pytest.fixture
def modbus(make_drill: Callable[..., Drill]) -> Drill:
    """A twin that is spoken to by Modbus."""
    return make_drill(bus="modbus")


def test_modbus_controller_killed(modbus: Drill, row: str) -> None:
    modbus.live()
    modbus.signal(signal.SIGKILL, "controller")
    took = modbus.until(modbus.empty)
    modbus.told_of(row, "switched off by the watchdog", took)
    assert took <= LEASE
    modbus.steps(2)
    assert modbus.empty()
    modbus.end()
    assert verify(modbus.state / "journal").broken is None


def test_modbus_both_killed(modbus: Drill, row: str) -> None:
    modbus.live()
    modbus.signal(signal.SIGKILL, "watchdog", "controller")
    took = modbus.until(modbus.empty)
    modbus.told_of(row, "switched off by the building's own watch on the heartbeat", took)
    assert any("heartbeat" in words for words in modbus.end()["events"])


@needs_root
def test_modbus_network_cut(make_drill: Callable[..., Drill], row: str) -> None:
    with closing(Cable()) as cable:
        drill = make_drill(bus="modbus", cable=cable)
        drill.live()
        cut(drill, cable, row)
        drill.end()


def test_modbus_operator_switches_remote_mode_off(modbus: Drill, row: str) -> None:
    modbus.live()
    modbus.fault("local")
    handed_over(modbus, row, "remote mode (coil,0) was switched off", CYCLE)
    modbus.end()
