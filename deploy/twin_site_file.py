"""The site file that fits a twin: what somebody needs to read and command it on the bus."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import yaml

from airhandler.buildings.catalog import Building
from airhandler.control.table import replacing

from .twin_board import HEARTBEAT

_HEAD = """\
# The site file of a twin: `airhandler twin` wrote it. It may command every set-point, which is for a twin:
# for a real building begin with `stage: shadow` and no `write`.
"""


def write_site_file(
    path: Path,
    building: Building,
    *,
    offset: timedelta,
    speed: float,
    bus: Mapping[str, object],
    objects: Mapping[str, str],
) -> None:
    """Writes a site file. Raises UserError where it cannot be written.

    Args:
        offset: from UTC, of simulated time.
        speed: simulated seconds per second.
        bus: the section of the bus, by its name.
        objects: the object of every point and of the heartbeat.
    """
    declared = {
        "site": path.stem,
        "building": building.reference,
        "time_zone": zone_name(offset),
        "clock": "device",
        "speed": speed,
        "stage": "live",
        **bus,
        "points": {p.name: {"object": objects[p.name]} for p in building.points},
        "write": [p.name for p in building.setpoints],
        "heartbeat": objects[HEARTBEAT],
        "lease_steps": 3,
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
