"""From a building file and a weather file to the epJSON that EnergyPlus runs: declared edits, nothing by hand."""

from __future__ import annotations

import copy
import datetime as dt
import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .epjson import Epjson, objects
from .errors import UserError
from .server_model import put_servers
from .servers import find_servers
from .settings import BuildingFile, Edit
from .sinergym import model_path
from .templates import fill
from .weather import Weather


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The stretch of the weather year that is simulated.

    Attributes:
        start: first day as (month, day).
        days: number of days, 1 to 365; the period may not pass the end of the year.
    """

    start: tuple[int, int] = (1, 1)
    days: int = 365

    def __post_init__(self) -> None:
        try:
            first = dt.date(_YEAR, *self.start)
        except ValueError as error:
            raise UserError(f"start {self.start[0]:02d}-{self.start[1]:02d}: not a day of a 365-day year") from error
        if not 1 <= self.days <= 365 or (first + dt.timedelta(days=self.days - 1)).year != _YEAR:
            most = (dt.date(_YEAR, 12, 31) - first).days + 1
            raise UserError(f"days {self.days}: must be 1 to {most} from {first:%m-%d} to the end of the year")

    @property
    def words(self) -> str:
        """It as readers know it: `7 days from 01-01`."""
        return f"{in_days(self.days)} from {self.first:%m-%d}"

    @property
    def first(self) -> dt.date:
        """First day."""
        return dt.date(_YEAR, *self.start)

    @property
    def last(self) -> dt.date:
        """Last day, included."""
        return self.first + dt.timedelta(days=self.days - 1)


def in_days(days: int) -> str:
    """A number of days as readers know it."""
    return "1 day" if days == 1 else f"{days} days"


def parse_month_day(text: str) -> tuple[int, int]:
    """MM-DD as (month, day). Raises UserError."""
    try:
        month, day = (int(part) for part in text.split("-"))
    except ValueError as error:
        raise UserError(f"start {text!r}: must be MM-DD, for example 07-01") from error
    return month, day


_YEAR = 1991  # a 365-day year that begins on a Tuesday, as in the source models


def prepare(building: BuildingFile, weather: Weather, period: Period) -> Epjson:
    """The model of a building in a weather, ready to run.

    Equipment is sized for the weather's design days; a user's own model keeps its own where no DDY file is beside it.

    Raises UserError if an edit does not fit the source model, with the nearest names that exist.
    """
    model = edited(building)
    model["Timestep"] = {"Timestep": {"number_of_timesteps_per_hour": building.timesteps_per_hour}}
    model["OutputControl:Files"] = {"Files": {f"output_{kind}": "No" for kind in OUTPUT_FILES}}
    if building.source.file is None or weather.has_ddy or not any(objects(model, "SizingPeriod:*")):
        model = {kind: named for kind, named in model.items() if not kind.startswith("SizingPeriod:")}
        model["SizingPeriod:DesignDay"] = copy.deepcopy(weather.design_days)
    model["Site:Location"] = {weather.place: weather.location}
    model["RunPeriod"] = run_period(model, period)
    model["SimulationControl"] = weather_run(model)
    return model


def edited(building: BuildingFile) -> Epjson:
    """The source model of a building with its declared edits and its servers.

    Raises UserError if an edit does not fit the source model, with the nearest names that exist.
    """
    model = source_model(building)
    for number, edit in enumerate(building.source.edits):
        _apply(model, edit, building, where=f"{building.id}: source.edits.{number}")
    if building.servers is not None:
        put_servers(model, find_servers(building.servers))
    return model


def source_model(building: BuildingFile) -> Epjson:
    """The model that a building starts from, before any edit. Raises UserError if it cannot be read."""
    if building.source.file is not None:
        from .model_file import read_model  # which needs EnergyPlus: the live side does without

        return read_model(Path(building.source.file))
    model: Epjson = json.loads(model_path(building.source.model).read_text())
    return model


def weather_run(model: Epjson) -> dict[str, dict[str, Any]]:
    """The model's simulation control, with the weather run and no sizing period run for its own sake."""
    name, declared = next(iter(model.get("SimulationControl", {"Simulation Control": {}}).items()))
    wanted = {"run_simulation_for_sizing_periods": "No", "run_simulation_for_weather_file_run_periods": "Yes"}
    return {name: {**declared, **wanted}}


def run_period(model: Epjson, period: Period) -> dict[str, dict[str, Any]]:
    """The model's own run period, or an empty one, moved to a stretch of the year: holidays and the like stay."""
    name, declared = next(iter(model.get("RunPeriod", {"Run Period": {}}).items()))
    first, last = period.first, period.last
    return {
        name: {
            **declared,
            "begin_year": first.year,
            "begin_month": first.month,
            "begin_day_of_month": first.day,
            "end_year": last.year,
            "end_month": last.month,
            "end_day_of_month": last.day,
            "day_of_week_for_start_day": f"{first:%A}",
        }
    }


# Every field of OutputControl:Files. Source: EnergyPlus 25.1 Input Output Reference, OutputControl:Files.
OUTPUT_FILES = [
    "audit",
    "bnd",
    "csv",
    "dbg",
    "delightdfdmp",
    "delighteldmp",
    "delightin",
    "dfs",
    "dxf",
    "edd",
    "eio",
    "end",
    "eso",
    "extshd",
    "glhe",
    "json",
    "mdd",
    "mtd",
    "mtr",
    "perflog",
    "rdd",
    "sci",
    "screen",
    "shd",
    "sln",
    "space_sizing",
    "sqlite",
    "system_sizing",
    "tabular",
    "tarcog",
    "wrl",
    "zone_sizing",
]


def _apply(model: Epjson, edit: Edit, building: BuildingFile, *, where: str) -> None:
    for kind, names in edit.remove.items():
        objects = _existing(model, kind, f"{where}.remove")
        for name in fill(names, building) if names else list(objects):
            _existing(objects, name, f"{where}.remove.{kind}")
            del objects[name]
        if not objects:
            del model[kind]
    for kind, copies in edit.duplicate.items():
        objects = _existing(model, kind, f"{where}.duplicate")
        for name, like in fill(copies, building).items():
            _put(
                objects,
                name,
                copy.deepcopy(_existing(objects, like, f"{where}.duplicate.{kind}")),
                f"{where}.duplicate.{kind}",
            )
    for kind, changes in edit.set.items():
        objects = _existing(model, kind, f"{where}.set")
        for name, fields in fill(changes, building).items():
            _existing(objects, name, f"{where}.set.{kind}").update(fields)
    for kind, additions in edit.add.items():
        objects = model.setdefault(kind, {})
        for name, fields in fill(additions, building).items():
            _put(objects, name, fields, f"{where}.add.{kind}")


def _put(objects: dict[str, Any], name: str, fields: dict[str, Any], where: str) -> None:
    if name in objects:
        raise UserError(f"{where}: {name!r} is already in the source model; use 'set'")
    objects[name] = fields


def _existing(within: dict[str, Any], name: str, where: str) -> Any:
    if name in within:
        return within[name]
    near = difflib.get_close_matches(name, within, n=3)
    raise UserError(f"{where}: {name!r} is not in the source model; nearest: {', '.join(near) or 'none'}")
