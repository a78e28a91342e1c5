"""The map from a historian's names to a building's points: `--map map.yaml`.

site: north-hall                  # what the site is called; by default the name of the recording's file
time: Timestamp                   # the column of times; by default `time`
time_zone: America/Chicago        # of times that carry no offset from UTC
time_format: "%m/%d/%Y %H:%M"     # by default ISO 8601; also epoch_s and epoch_ms
name: Tag                         # with `value`: a long file, a row a value; left out: a column a point
value: Reading
points:
  AHU1.SAT: {point: east_supply_air_temp_c, unit: degF}
  OAT: outdoor_air_temp_c         # in the unit of the point
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import load_yaml
from airhandler.buildings.strict import Strict

from .units import AIR_KG_M3, SAME, Conversion, convert

TIME, NAME, VALUE = "time", "name", "value"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """Where the values of one name go: a point, and how they become its unit."""

    point: str
    unit: Conversion = SAME


class PointOf(Strict):
    """The point of one name, and the unit that its values are in; by default the point's own."""

    point: str
    unit: str | None = None


class MapFile(Strict):
    """A map file; see the head of this file."""

    site: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+$")
    time: str = TIME
    time_zone: str | None = None
    time_format: str | None = None
    name: str | None = None
    value: str | None = None
    air_density_kg_m3: float = Field(default=AIR_KG_M3, ge=0.5, le=1.5)
    points: dict[str, PointOf] = Field(default_factory=dict)

    @field_validator("points", mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        """A bare name is a point in its own unit."""
        if not isinstance(given, dict):
            return given
        return {tag: {"point": said} if isinstance(said, str) else said for tag, said in given.items()}

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                zoneinfo.ZoneInfo(name)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError(f"{name!r} is no time zone; write one such as America/Chicago") from error
        return name

    @model_validator(mode="after")
    def _both_or_none(self) -> MapFile:
        if (self.name is None) != (self.value is None):
            raise ValueError("a long file needs both 'name' and 'value'")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordMap:
    """How a recording is read.

    Attributes:
        site: what the site is called; None: as the file is.
        time, name, value: columns; `name` and `value` are None where a file is to be looked at for them.
        zone: of times without an offset.
        time_format: None is ISO 8601.
        tags: a historian's name to a point; None: the names are the points' own, and none other is expected.
    """

    site: str | None = None
    time: str = TIME
    name: str | None = None
    value: str | None = None
    zone: zoneinfo.ZoneInfo | None = None
    time_format: str | None = None
    tags: Mapping[str, Tag] | None = field(default=None)


def load_map(path: Path | None, building: Building) -> RecordMap:
    """A map file for a building; None is a file in the building's own words. Raises UserError that names the field."""
    if path is None:
        return RecordMap()
    file = load_yaml(path, MapFile)
    tags = {tag: _tag(path, tag, said, building, file.air_density_kg_m3) for tag, said in file.points.items()}
    if twice := sorted({t.point for t in tags.values() if [o.point for o in tags.values()].count(t.point) > 1}):
        raise UserError(f"{path}: points: {', '.join(twice)}: two names for one point; leave one out")
    return RecordMap(
        site=file.site,
        time=file.time,
        name=file.name,
        value=file.value,
        zone=zoneinfo.ZoneInfo(file.time_zone) if file.time_zone else None,
        time_format=file.time_format,
        tags=tags or None,
    )


def _tag(path: Path, tag: str, said: PointOf, building: Building, air_kg_m3: float) -> Tag:
    try:
        point = building.point(said.point)
    except UserError as error:
        raise UserError(f"{path}: points.{tag}.point: {error}") from error
    if said.unit is None:
        return Tag(point=point.name)
    try:
        return Tag(point=point.name, unit=convert(said.unit, point.unit, air_kg_m3))
    except ValueError as error:
        raise UserError(f"{path}: points.{tag}.unit: {error}") from error
