"""A first site file from what was found: what fits is a point, the rest is a comment, and nothing may be written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Point
from airhandler.control.table import replacing

from .connectors.units import convert
from .discover import FoundDevice, FoundObject

_HEAD = """\
# A first site file, from what device {id} ({name}) says. It reads and writes nothing: see docs/bacnet.md, and
# run `airhandler check` on it before anything else.
site: {site}
building: "{building}"
time_zone: "{zone}"  # better a name, like America/Chicago, that knows of summer time
stage: shadow
bacnet:
  device: "{address}"
  device_id: {id}
"""
_NO_HEARTBEAT = """\
# heartbeat: the object that we are to count up while in charge, such as an analog value that was made for it; the
#   building must watch it, and take its slots back when it stands still (docs/bacnet.md)"""


def write_site_file(path: Path, device: FoundDevice, building: Building) -> int:
    """Writes a site file, and says how many points are in it. Raises UserError where there is one, or no point.

    Args:
        path: the file.
        device: which device.
        building: whose points they could be.
    """
    if path.exists():
        raise UserError(f"{path}: is there already; name another with --out, or move it away")
    named = device.points(building)
    fitting = {name: one for name, one in named.items() if _unit(building.point(name), one) is not None}
    if not fitting:
        raise UserError(
            f"no object of device {device.device_id} is called like a point of {building.id}, such as "
            f"{building.points[0].name}: write the file by hand (docs/bacnet.md); --json lists the objects"
        )
    lines = [
        _HEAD.format(
            id=device.device_id,
            name=device.name,
            site=_identifier(device.name),
            building=building.reference,
            zone=_zone(device.utc_offset_min),
            address=device.address,
        )
        + "points:",
        *(_entry(building.point(name), one) for name, one in fitting.items()),
        *_heartbeat(device.heartbeat),
        *_comments(device, building, fitting),
    ]
    try:
        with replacing(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    return len(fitting)


def _entry(point: Point, one: FoundObject) -> str:
    unit = _unit(point, one)
    where = f'object: "{one.object}"' + ("" if unit == point.unit else f', unit: "{unit}"')
    doubt = "" if one.unit is not None or one.unit_number is None else f"; its unit is number {one.unit_number}: is it?"
    return f"  {point.name}: {{{where}}}  # {_value(one)}{doubt}"


def _unit(point: Point, one: FoundObject) -> str | None:
    """The unit of an object, for a point that it is called like; None where it cannot be converted."""
    if one.unit is None or (one.unit == "1" and point.unit != "1"):  # it says none, or "no units"
        return point.unit
    try:
        convert(one.unit, point.unit)
    except ValueError:
        return None
    return one.unit


def _heartbeat(found: FoundObject | None) -> Iterator[str]:
    """The object that we count up once we are in charge, or what to look for."""
    if found is None:
        yield _NO_HEARTBEAT
    else:
        yield f'heartbeat: "{found.object}"  # counted up while in charge; {found.description}'.rstrip("; ")


def _comments(device: FoundDevice, building: Building, fitting: dict[str, FoundObject]) -> Iterator[str]:
    missing = [p.name for p in building.points if p.name not in fitting]
    if missing:
        yield f"# Points of {building.id} that no object is called like:"
        yield from (f"#   {name} [{building.point(name).unit}]" for name in missing)
    rest = [one for one in device.objects if one.name not in fitting and one != device.heartbeat]
    if rest:
        yield "# Objects that are called like no point, or have a unit that does not fit:"
        yield from (f'#   "{one.object}"  {one.name}  {_value(one)}  {one.description}'.rstrip() for one in rest)


def _value(one: FoundObject) -> str:
    shown = "no value" if one.value is None else f"{one.value:g}"
    return f"{shown} {one.unit}" if one.unit not in (None, "1") else shown


def _identifier(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_") or "site"


def _zone(offset_min: int | None) -> str:
    if not offset_min:
        return "UTC" if offset_min is None else "+00:00"
    return f"{'-' if offset_min < 0 else '+'}{abs(offset_min) // 60:02d}:{abs(offset_min) % 60:02d}"
