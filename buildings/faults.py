"""Faults by name and time: as they are written on the command line, and as a run has them.

`WHAT[@MM-DDTHH:MM][+HOURSh]`, where WHAT is an equipment fault of the building (`chiller-trip`), or a sensor's:
`POINT:KIND[=VALUE]`, such as `east_inlet_temp_c:bias=2`, `:dropout=0.05x3` (probability, and how many steps each
lasts), `:delay=3` (steps) or `:swap=west_inlet_temp_c`. Without a time it is there from the begin; without hours an
equipment fault lasts as long as its building says, or the whole run where it has no time either.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
from pydantic import Field

from .catalog import Building
from .errors import UserError
from .instrumentation import measured_points
from .known import Array
from .model import Period
from .sensor_faults import Kind, Mask, SensorFault, SensorFaults, TimedFault
from .settings import load_yaml, validate
from .strict import Strict

_WRITTEN = re.compile(r"(?P<what>[^@+]+?)(@(?P<begin>\d\d-\d\dT\d\d:\d\d))?(\+(?P<hours>\d+(\.\d+)?)h)?", re.ASCII)
_FORM = "must be WHAT[@MM-DDTHH:MM][+HOURSh], such as chiller-trip@07-15T12:00+2h or POINT:bias=2"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a run.

    Attributes:
        text: as it was written.
        equipment: the name of the building's fault; None for a sensor's.
        sensor: what is wrong with a sensor; None for equipment.
        begin: month, day, hour and minute of the building's clock; None: from the first step.
        hours: how long; None: to the end.
    """

    text: str
    equipment: str | None = None
    sensor: SensorFault | None = None
    begin: tuple[int, int, int, int] | None = None
    hours: float | None = None

    def active(self, period: Period, step_s: float, count: int) -> Mask:
        """The instants of a period, `count` of them from its begin, that have the fault [count]."""
        if self.begin is None:
            first_s = 0.0
        else:
            midnight = datetime(*period.first.timetuple()[:3])  # noqa: DTZ001 - the building's clock, without a zone
            begin = datetime(midnight.year, *self.begin)  # noqa: DTZ001
            first_s = (begin - midnight) / timedelta(seconds=1)
        after_s = step_s * np.arange(count) - first_s
        return np.asarray((after_s >= 0) & (after_s < (math.inf if self.hours is None else self.hours * 3600.0)))


class FaultList(Strict):
    """A file of faults, each as on the command line."""

    faults: tuple[str, ...] = Field(strict=False)


def load_faults(path: Path) -> tuple[str, ...]:
    """The faults of a YAML file, `faults: [...]`. Raises UserError with the path of every error."""
    return load_yaml(path, FaultList).faults


def read_faults(texts: Sequence[str], building: Building) -> tuple[Fault, ...]:
    """Faults as they are written. Raises UserError that says what is wrong and what there is."""
    return tuple(read_fault(text, building) for text in texts)


def read_fault(text: str, building: Building) -> Fault:
    """One fault as it is written. Raises UserError that says what is wrong and what there is."""
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise UserError(f"fault {text!r}: {_FORM}")
    begin = None if written["begin"] is None else _begin(text, written["begin"])
    hours = None if written["hours"] is None else float(written["hours"])
    if hours == 0.0:
        raise UserError(f"fault {text!r}: must last longer than 0 h")
    if ":" in written["what"]:
        return Fault(text=text, sensor=_sensor_fault(text, written["what"], building), begin=begin, hours=hours)
    name = written["what"]
    if name not in building.faults:
        raise UserError(f"fault {text!r}: {building.id} has: {', '.join(building.faults) or 'no equipment faults'}")
    lasts = building.faults[name].hours if begin is not None else None
    return Fault(text=text, equipment=name, begin=begin, hours=hours if hours is not None else lasts)


def check_within(faults: Sequence[Fault], building: Building, period: Period) -> None:
    """Raises UserError for a fault that no step of a period has."""
    steps = steps_of(building, period)
    for fault in faults:
        if not fault.active(period, building.step_s, steps).any():
            raise UserError(f"fault {fault.text!r}: outside the run of {period.words}")


def forced(faults: Sequence[Fault], building: Building, period: Period) -> dict[str, Array]:
    """What equipment faults force on set-points and drives, by name [steps]; NaN where nothing is forced."""
    steps = steps_of(building, period)
    done: dict[str, Array] = {}
    for fault in faults:
        if fault.equipment is None:
            continue
        active = fault.active(period, building.step_s, steps)
        for name, value in building.faults[fault.equipment].force.items():
            done.setdefault(name, np.full(steps, np.nan))[active] = value
    return done


def sensors_of(faults: Sequence[Fault], building: Building, period: Period, *, seed: int) -> SensorFaults | None:
    """The sensors of a run; None where nothing is wrong with them."""
    readings = steps_of(building, period) + 1
    timed = [
        TimedFault(fault=f.sensor, active=f.active(period, building.step_s, readings))
        for f in faults
        if f.sensor is not None
    ]
    return SensorFaults(timed, measured_points(building), step_s=building.step_s, seed=seed) if timed else None


def steps_of(building: Building, period: Period) -> int:
    """Control steps of a period."""
    return period.days * 24 * building.file.timesteps_per_hour


def _begin(text: str, begin: str) -> tuple[int, int, int, int]:
    try:
        known = datetime.strptime(f"{Period().first.year}-{begin}", "%Y-%m-%dT%H:%M")  # noqa: DTZ007
    except ValueError as error:
        raise UserError(f"fault {text!r}: no such time: {begin}") from error
    return known.month, known.day, known.hour, known.minute


def _sensor_fault(text: str, what: str, building: Building) -> SensorFault:
    point, _, rest = what.partition(":")
    kind, equals, value = rest.partition("=")
    if kind not in get_args(Kind):
        raise UserError(f"fault {text!r}: no kind {kind!r}; there is: {', '.join(get_args(Kind))}")
    raw: dict[str, object] = {"point": _measured(text, point, building), "kind": kind}
    if kind == "swap":
        if not value:
            raise UserError(f"fault {text!r}: swap needs the other point: POINT:swap=OTHER")
        raw["other"] = _measured(text, value, building)
    elif equals:
        number, times, steps = value.partition("x")
        try:
            if kind == "delay":
                raw["steps"] = int(value)
            else:
                raw |= {"value": float(number), **({"steps": int(steps)} if times else {})}
        except ValueError as error:
            raise UserError(f"fault {text!r}: {value!r} is not a number") from error
    return validate(raw, SensorFault, where=f"fault {text!r}")


def _measured(text: str, point: str, building: Building) -> str:
    names = [p.name for p in measured_points(building)]
    if point not in names:
        near = difflib.get_close_matches(point, names, n=3)
        raise UserError(f"fault {text!r}: {building.id} measures no {point!r}; nearest: {', '.join(near) or 'none'}")
    return point
