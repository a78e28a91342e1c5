"""A model prepared as Sinergym prepares it: its design days, site, run period and time step, no more.

What only writes files is left out, which changes no physics: the parity tests compare every variable.
Source: Sinergym 3.12.2, `config/modeling.py`, ModelJSON.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .design_days import FIELDS, DesignDays, typed
from .epjson import Epjson
from .errors import UserError
from .model import OUTPUT_FILES, Period
from .sinergym import model_path, weather_path
from .sinergym_config import SinergymId

_HEATING, _COOLING = "Ann Htg 99.6% Condns DB", "Ann Clg .4% Condns DB=>MWB"

_LOCATION = ("latitude", "longitude", "time_zone", "elevation")

# Sinergym spells these two without the underscore that ends them in EnergyPlus's schema, and EnergyPlus passes over
# fields that it does not know: equipment is sized under an optical depth of zero. With the two fields in force the
# five-zone model in Tucson uses 16 % more HVAC power in the same hour, so parity means to leave them out.
_LOST = (
    "ashrae_clear_sky_optical_depth_for_beam_irradiance_taub_",
    "ashrae_clear_sky_optical_depth_for_diffuse_irradiance_taud_",
)

# Objects that only write files. Kept: diagnostics and tolerances, which decide what variables exist and count.
_ONLY_FILES = (
    "Output:Constructions",
    "Output:EnergyManagementSystem",
    "Output:Meter",
    "Output:SQLite",
    "Output:Surfaces:",
    "Output:Table:",
    "Output:Variable",
    "OutputControl:Table:",
)

# Parts of programs inside the model that read and reckon, and act on nothing.
_ONLY_RECKON = {
    f"EnergyManagementSystem:{part}"
    for part in ("GlobalVariable", "OutputVariable", "Program", "ProgramCallingManager", "Sensor")
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """The days of a run period, divided into steps.

    Attributes:
        days: (month, day of month) of every day.
        steps_per_hour: steps in an hour.
    """

    days: tuple[tuple[int, int], ...]
    steps_per_hour: int

    @property
    def steps(self) -> int:
        """Steps of the whole period."""
        return len(self.days) * 24 * self.steps_per_hour

    def at(self, step: int) -> tuple[int, int, int]:
        """(month, day of month, hour 0..23) that a step belongs to; the first step is 1."""
        day, rest = divmod(step - 1, 24 * self.steps_per_hour)
        return *self.days[day], rest // self.steps_per_hour


def prepare_sinergym(environment: SinergymId, period: Period | None = None) -> tuple[Epjson, Calendar]:
    """The model that Sinergym would run, and its calendar; `period` replaces the model's run period.

    Raises UserError for a model or a weather that is not there.
    """
    model: Epjson = json.loads(model_path(environment.config.building_file).read_text())
    for kind in [kind for kind in model if kind.startswith(_ONLY_FILES)]:
        del model[kind]
    _remove_unread_programs(model, {s.name.lower() for s in environment.config.sensors.values()})
    model["OutputControl:Files"] = {"Files": {f"output_{kind}": "No" for kind in OUTPUT_FILES}}
    ddy = weather_path(environment.weather_file).with_suffix(".ddy")
    model["Site:Location"], model["SizingPeriod:DesignDay"] = site_and_design_days(ddy)
    building = environment.config.building_config
    steps = _only(model, "Timestep")
    if building and building.timesteps_per_hour:
        steps["number_of_timesteps_per_hour"] = building.timesteps_per_hour
    declared = building.days() if building else None
    days = _run_period(_only(model, "RunPeriod"), (period.first, period.last) if period else declared)
    return model, Calendar(days=days, steps_per_hour=steps["number_of_timesteps_per_hour"])


def site_and_design_days(ddy: Path) -> tuple[Epjson, DesignDays]:
    """`Site:Location` of a DDY file, and its first annual heating 99.6 % and cooling 0.4 % days.

    Sinergym takes the first location in the file and the first design day of each name.
    """
    location: dict[str, dict[str, Any]] = {}
    found: DesignDays = {}
    for item in re.sub(r"!.*", "", ddy.read_text(encoding="latin-1")).split(";"):
        kind, name, *values = [*(part.strip() for part in item.split(",")), ""]
        if kind.lower() == "site:location" and not location:
            location[name] = dict(zip(_LOCATION, map(float, values[:4]), strict=True))
        for wanted in (_HEATING, _COOLING):
            if kind.lower() == "sizingperiod:designday" and wanted in name and not any(wanted in n for n in found):
                fields = {f: typed(f, v) for f, v in zip(FIELDS, values, strict=False) if v and f not in _LOST}
                found[name] = fields
    if not location or len(found) != 2:
        raise UserError(f"{ddy}: must hold a Site:Location and the design days {_HEATING!r} and {_COOLING!r}")
    return location, dict(sorted(found.items(), key=lambda day: _COOLING in day[0]))


def _remove_unread_programs(model: Epjson, read: set[str]) -> None:
    """Removes the model's own programs where they act on nothing and nobody reads what they reckon.

    They cost a fiftieth of a step (docs/performance.md) and change no value: the parity tests hold that.
    """
    programs = {kind for kind in model if kind.startswith("EnergyManagementSystem:")}
    reckoned = {name.lower() for name in model.get("EnergyManagementSystem:OutputVariable", {})}
    if programs <= _ONLY_RECKON and not reckoned & read:
        for kind in programs:
            del model[kind]


def _only(model: Epjson, kind: str) -> dict[str, Any]:
    """The first object of a kind: the one that Sinergym changes."""
    return next(iter(model[kind].values()))


def _run_period(fields: dict[str, Any], days: tuple[dt.date, dt.date] | None) -> tuple[tuple[int, int], ...]:
    """Puts a run period in force, if one is given, and returns every (month, day) of the one in force."""
    if days is not None:
        for end, day in zip(("begin", "end"), days, strict=True):
            fields |= {f"{end}_year": day.year, f"{end}_month": day.month, f"{end}_day_of_month": day.day}
    first, last = (
        dt.date(fields[f"{end}_year"], fields[f"{end}_month"], fields[f"{end}_day_of_month"])
        for end in ("begin", "end")
    )
    every = [first + dt.timedelta(days=i) for i in range((last - first).days + 1)]
    if not every or any((day.month, day.day) == (2, 29) for day in every):
        raise UserError(f"run period {first} to {last}: must not end before it begins, nor hold 29 February")
    return tuple((day.month, day.day) for day in every)
