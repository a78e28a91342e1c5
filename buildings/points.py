"""The nouns: Point, Reading, Setpoints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .errors import AbsentError, UserError


class Role(StrEnum):
    """What a point is for."""

    SENSOR = "sensor"
    METER = "meter"
    SETPOINT = "setpoint"
    SIGNAL = "signal"


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One named quantity of a building.

    Attributes:
        name: `where_what_unit`, for example `east_inlet_temp_c`.
        unit: physical unit as written for people, for example `degC`.
        role: sensor, meter, set-point or signal.
        low: least plausible value (sensors, meters, signals) or least permitted (set-points) [unit].
        high: greatest plausible or permitted value [unit].
        help: one line for dashboards and `--help`.
    """

    name: str
    unit: str
    role: Role
    low: float
    high: float
    help: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise UserError(f"point name {self.name!r}: must be letters, digits and underscores")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UserError(f"point {self.name}: low {self.low} must be below high {self.high}, both finite")


@dataclass(frozen=True, slots=True)
class Setpoints(Mapping[str, float]):
    """Values for the set-point points [unit of each point]."""

    by_name: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """All sensors, meters and signals at one instant.

    Attributes:
        time: when it was taken, timezone-aware.
        values: point name to value [unit of the point]; `None` is an absent value, never a guess.
        age_s: seconds since each value was measured; a name that is not listed is fresh (0 s).
        incumbent: what the building's own control asks for, in force or not; None where the site does not tell.
    """

    time: datetime
    values: Mapping[str, float | None]
    age_s: Mapping[str, float] = field(default_factory=dict)
    incumbent: Setpoints | None = None

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise ValueError("a Reading's time must be timezone-aware")

    def __getitem__(self, name: str) -> float:
        """The value of a point. Raises KeyError if it is unknown, AbsentError (a KeyError, too) if it is absent."""
        value = self.values[name]
        if value is None:
            raise AbsentError(f"{name} is absent in the reading of {self.time.isoformat()}")
        return value

    def get(self, name: str) -> float | None:
        """The value of a point, or None if it is unknown or absent."""
        return self.values.get(name)
