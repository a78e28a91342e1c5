"""The site file that fits a twin: what somebody needs to read and command it on the bus."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

import yaml

from airhandler.buildings.catalog import Building
from airhandler.control.table import replacing

from .twin_board import CLOCK, ENABLE, HEARTBEAT
from .twin_servers import Address

_HEAD = """\
# The site file of a twin: `airhandler twin` wrote it. It may command every set-point, which is for a twin:
# for a real building begin with `stage: shadow` and no `write`.
"""


def bacnet_section(address: Address, device: int) -> dict[str, object]:
    """How a twin's BACnet device is reached, with the defaults that somebody may want to change."""
    return {
        "device": str(address),
        "device_id": device,
        "address": address.host,
        "priority": 10,
        "timeout_s": 2.0,
        "retries": 1,
        "batch": 20,
    }


def modbus_section(address: Address, registers: Mapping[str, str]) -> dict[str, object]:
    """How a twin's Modbus unit is reached."""
    return {
        "host": address.host,
        "port": address.port,
        "timeout_s": 2.0,
        "retries": 1,
        "enable": registers[ENABLE],
        "clock": registers[CLOCK],
    }


def beside(path: Path) -> Path:
    """Where the site file by Modbus is, beside the one by BACnet."""
    return path.with_stem(f"{path.stem}-modbus")


def write_site_file(
    path: Path,
    building: Building,
    *,
    offset: timedelta,
    speed: float,
    bus: Literal["bacnet", "modbus"],
    section: Mapping[str, object],
    places: Mapping[str, str],
) -> None:
    """Writes a site file. Raises UserError where it cannot be written.

    Args:
        path: the file; the site is called as it is.
        building: whose points they are.
        offset: from UTC, of simulated time.
        speed: simulated seconds per second.
        bus: the name of the section of the bus.
        section: what stands in it.
        places: the object or register of every point and of the heartbeat.
    """
    at, more = ("object", {}) if bus == "bacnet" else ("register", {"authority": {"ramp_days": 0}})
    declared = {
        "site": path.stem,
        "building": building.reference,
        "time_zone": zone_name(offset),
        "clock": "device",
        "speed": speed,
        "stage": "live",
        bus: dict(section),
        "points": {p.name: {at: places[p.name]} for p in building.points},
        "write": [p.name for p in building.setpoints],
        "heartbeat": places[HEARTBEAT],
        "lease_steps": 3,
        **more,
    }
    with replacing(path) as temporary:
        temporary.write_text(_HEAD + yaml.safe_dump(declared, sort_keys=False, width=120, default_flow_style=None))


def zone_name(offset: timedelta) -> str:
    """A time zone of a fixed offset: `Etc/GMT+6` is six hours behind UTC; a part of an hour has no such name."""
    hours, rest = divmod(offset, timedelta(hours=1))
    if not rest:
        return f"Etc/GMT{-hours:+d}" if hours else "Etc/UTC"
    minutes = int(offset.total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
