"""A starting building file for a user's own model: what is certain of it, measured ranges, and what to look at next."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import contract
from .catalog import Building, building_ids, expand
from .controllability import Effect, controllability
from .epjson import Epjson, objects
from .errors import SimulationError, UserError
from .fork import check_can_fork
from .inspection import inspect
from .instrumentation import InstrumentedRun
from .known import Array
from .model import Period
from .model_file import read_model
from .names import names_in
from .own_file import beside
from .points import Role
from .settings import BuildingFile, validate
from .starting_datacentre import AIRFLOW_SETPOINT, SERVER_AIRFLOW, datacentre_sections
from .starting_office import office_sections
from .starting_points import Raw
from .starting_text import written
from .weather import Weather

_SAMPLE_DAYS = ((1, 15), (7, 15))
_SAMPLE_LENGTH = 2

# Supply air acts at once, and servers that leak much do not survive its warm end for long; a thermostat acts when its
# room has drifted.
_TRIAL_H = {"data centre": 1, "office": 4}


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """A starting file.

    Attributes:
        text: the YAML, with comments.
        building: what it is.
        notes: what was left out, and why.
    """

    text: str
    building: Building
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ranges:
    """What the sample days showed.

    Attributes:
        least, mean, greatest: of each measured point [unit of the point].
        people_h: when the first come and the last have gone, hours from midnight [h].
    """

    least: Mapping[str, float]
    mean: Mapping[str, float]
    greatest: Mapping[str, float]
    people_h: tuple[float, float]


def start(path: Path, weather: Weather, out: Path) -> Started:
    """A building file for a model, for a file `out`: every name in it exists, and what a set-point does not do is said.

    EnergyPlus runs the model for a few days: for what exists, for the ranges, and for the effects. Set-points without
    any are left out or named; where the model fails under them, none is tried, which the file says.

    Raises UserError for a model that cannot be read or has nothing to control, SimulationError if it does not run.
    """
    if _id(out) in building_ids():
        raise UserError(f"out {out}: id {_id(out)!r} is one of the catalogue's: choose another name")
    model = read_model(path)
    found = inspect(model)
    names = names_in(model, weather)
    sections = datacentre_sections if found.kind == "data centre" else office_sections
    specific, notes = sections(model, found, names)
    raw = _whole(specific, model, path, weather, out)
    raw = _measured(raw, _building(raw, out), weather)
    tried = _tried(_building(raw, out), weather, notes)
    idle, kept = _idle(_building(raw, out), tried)
    if idle:
        notes.append(f"set-points that had no effect in the trials are left out: {', '.join(idle)}")
        raw = _without(raw, idle)
    if kept:
        notes.append(
            f"thermostats that had no effect in the trials (is there any heating, any cooling?): {', '.join(kept)}"
        )
    return Started(text=written(raw, found, notes, tried=bool(tried)), building=_building(raw, out), notes=tuple(notes))


def _building(raw: Raw, out: Path) -> Building:
    return expand(validate(beside(raw, out.resolve().parent), BuildingFile, where=str(out)))


def _whole(specific: Raw, model: Epjson, path: Path, weather: Weather, out: Path) -> Raw:
    """All sections, in the order of the file; ranges and scales are still to be measured."""
    edits = [*_silence(model), *standard_time(model), *specific.get("edits", [])]
    roles: Raw = {key: specific[key] for key in ("zone_roles", "comfort_roles", "workday") if key in specific}
    return {
        "id": _id(out),
        "title": f"{path.stem}, a starting file",
        "timesteps_per_hour": _steps_per_hour(model),
        "weather": [_relative(weather.name, out)],
        "incumbent": "the model's own control",
        "zones": specific["zones"],
        "parameters": specific.get("parameters", {}),
        **({"servers": specific["servers"]} if "servers" in specific else {}),
        "source": {"file": _relative(str(path), out), "edits": edits},
        "points": specific["points"],
        **roles,
        "outdoor_temp": "outdoor_air_temp_c",
        "meters": specific["meters"],
        "shield": specific["shield"],
        "reward": _reward(1000.0),
        "observations": [],
        "actions": _actions(specific["points"]),
        "baselines": specific["baselines"],
    }


def _id(out: Path) -> str:
    """The building's id, from the name of its file."""
    return re.sub(r"[^a-z0-9]+", "-", out.stem.lower()).strip("-") or "my-site"


def _silence(model: Epjson) -> list[Raw]:
    """The edit that removes the model's own reports, where it has any."""
    reports = sorted({kind for kind, _, _ in objects(model, "Output:*", "OutputControl:Table:Style")})
    why = "Nothing but the readings that are asked for; EnergyPlus's own reports cost time."
    return [{"why": why, "remove": {kind: [] for kind in reports}}] if reports else []


def standard_time(model: Epjson) -> list[Raw]:
    """The edit that takes daylight saving time out, the model's own and the weather file's; none where it is out."""
    edit: Raw = {}
    if own := [kind for kind, _, _ in objects(model, "RunPeriodControl:DaylightSavingTime")]:
        edit["remove"] = {kind: [] for kind in own}
    field, periods = "use_weather_file_daylight_saving_period", list(objects(model, "RunPeriod"))
    if following := [(kind, name) for kind, name, fields in periods if fields.get(field) != "No"]:
        edit["set"] = {kind: {name: {field: "No"} for _, name in following} for kind, _ in following}
    elif not periods:
        edit["add"] = {"RunPeriod": {"Run Period": {field: "No"}}}
    return [{"why": "The site's clock shows standard time all year, as its readings do.", **edit}] if edit else []


def _steps_per_hour(model: Epjson) -> int:
    """The model's own, but at least four, and a number that divides the hour."""
    own = [int(f.get("number_of_timesteps_per_hour", 6)) for _, _, f in objects(model, "Timestep")]
    return next(n for n in range(max(4, *own) if own else 6, 61) if 60 % n == 0)


def _relative(name: str, out: Path) -> str:
    """A path as seen from the folder of `out`; a name that is no path stays."""
    path = Path(name).expanduser()
    return os.path.relpath(path.resolve(), out.resolve().parent) if path.is_file() else name


def _reward(scale_w: float) -> Raw:
    return {"power_scale_w": scale_w, "exceedance_weight_per_k": 0.5}


def _actions(points: Sequence[Raw]) -> list[Raw]:
    """Every set-point over its whole range; an airflow as a multiple of what the zone's servers draw."""
    actions = []
    for point in points:
        if point["role"] == "setpoint":
            action = {"setpoint": point["name"], "low": point["low"], "high": point["high"]}
            if point["name"].endswith(AIRFLOW_SETPOINT):
                drawn = point["name"].replace(AIRFLOW_SETPOINT, SERVER_AIRFLOW)
                action |= {"per": drawn, "low": 1.0, "high": 1.6}
            actions.append(action)
    return actions


def _tried(building: Building, weather: Weather, notes: list[str]) -> tuple[Effect, ...]:
    """What each set-point does; nothing, and a note, where EnergyPlus does not survive the ends of their ranges.

    Raises SimulationError where this process cannot fork: an untried file would look like a tried one.
    """
    check_can_fork()
    hours = _TRIAL_H[building.kind]
    try:
        return controllability(
            building, weather, steps=hours * building.file.timesteps_per_hour, every_moment=False, processes=1
        )
    except SimulationError as error:
        notes.append(f"NOT tried: at one end of a set-point's range the model fails: narrow the ranges ({error})")
        return ()


def _idle(building: Building, tried: Sequence[Effect]) -> tuple[list[str], list[str]]:
    """Of set-points without effect, those that can be left out, and those that an occupied zone needs.

    Raises UserError, with the likely cause, for one that a zone with servers needs: that zone cannot be controlled.
    """
    idle = {effect.setpoint: effect for effect in tried if not effect.counts}
    of_servers = {name for roles in building.zones.values() for _, name in roles}
    contract.refuse(building, contract.idle(building, [e for e in idle.values() if e.setpoint in of_servers]))
    of_people = {name for roles in building.comfort_zones.values() for _, name in roles}
    return [name for name in idle if name not in of_people], [name for name in idle if name in of_people]


def _without(raw: Raw, idle: Sequence[str]) -> Raw:
    """The file without some set-points."""
    shield = raw["shield"]
    rules = {name: rule for name, rule in shield["setpoints"].items() if name not in idle}
    gone = {*idle, *(shield["setpoints"].get(name, {}).get("shown_by") for name in idle)}
    return {
        **raw,
        "points": [p for p in raw["points"] if p["name"] not in gone],
        "shield": {**shield, "setpoints": rules},
        "actions": [a for a in raw["actions"] if a["setpoint"] not in idle],
    }


def _measured(raw: Raw, building: Building, weather: Weather) -> Raw:
    """The file with observations and the reward's scale from a few days under the model's own control.

    Meters are no observations: they have no value before the first step, and a policy needs all that it sees.
    """
    ranges = _sample(building, weather)
    meters = building.file.meters
    used_w = sum(ranges.mean[name] for name in (meters.hvac, meters.gas) if name is not None)
    observed = [
        {"point": p.name, **_scale(ranges.least[p.name], ranges.greatest[p.name], p.unit)}
        for p in building.points
        if p.role in (Role.SENSOR, Role.SIGNAL) and not p.name.endswith("_in_force_c")
    ]
    reward = _reward(rounded(max(used_w, 100.0)))
    points = [_airflow(p, ranges) if p["name"].endswith(AIRFLOW_SETPOINT) else p for p in raw["points"]]
    measured = {"points": points, "reward": reward, "observations": observed}
    if "workday" in raw:
        begin_h, end_h = ranges.people_h
        measured["workday"] = {**raw["workday"], "begin_h": begin_h, "end_h": end_h}
    return {**raw, **measured}


def _airflow(point: Raw, ranges: _Ranges) -> Raw:
    """An airflow set-point that goes down to what the servers draw at their least, less a fifth."""
    drawn = point["name"].replace(AIRFLOW_SETPOINT, SERVER_AIRFLOW)
    return {**point, "low": min(point["low"], rounded(0.8 * ranges.least[drawn]))}


def _sample(building: Building, weather: Weather) -> _Ranges:
    """Runs the sample days under the model's own control."""
    rows = []
    for day in _SAMPLE_DAYS:
        run = InstrumentedRun(building, weather, Period(start=day, days=_SAMPLE_LENGTH))
        try:
            run.start()
            own = run.array(None)
            rows += [row for _ in range(run.total_steps) if (row := run.step(own)) is not None]
        finally:
            run.close()
    values = np.array(rows)
    names = [p.name for p in run.measured]
    stats = [dict(zip(names, f(values, axis=0).tolist(), strict=True)) for f in (np.min, np.mean, np.max)]
    return _Ranges(least=stats[0], mean=stats[1], greatest=stats[2], people_h=_people_h(building, values, names))


def _people_h(building: Building, values: Array, names: Sequence[str]) -> tuple[float, float]:
    """When people are in the building, of values [steps, names] that begin at midnight; the whole day without any."""
    columns = [names.index(roles.occupants) for roles in building.comfort_zones.values()]
    per_day = 24 * building.file.timesteps_per_hour
    people = values[:, columns].sum(axis=1).reshape(-1, per_day).max(axis=0)
    steps = np.flatnonzero(people > 0.2 * people.max(initial=0.0))
    if not len(steps):
        return 0.0, 24.0
    hours = building.file.timesteps_per_hour
    return round(float(steps[0]) / hours, 2), round(float(steps[-1] + 1) / hours, 2)


_LEAST_SPAN = {"degC": 10.0, "1": 1.0, "kg/s": 1.0, "W": 100.0, "m3/s": 0.001}


def _scale(least: float, greatest: float, unit: str) -> dict[str, float]:
    """A range for an observation: what was seen in a few days, with half as much again at either end."""
    middle, half = (least + greatest) / 2, max((greatest - least), _LEAST_SPAN.get(unit, 1.0))
    low, high = middle - half, middle + half
    if unit != "degC" and least >= 0:
        low = 0.0
    return {"low": rounded(low), "high": rounded(high)}


def rounded(value: float, digits: int = 2) -> float:
    """A number to so many significant digits: 1234 -> 1200."""
    if not value or not math.isfinite(value):
        return 0.0
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))
