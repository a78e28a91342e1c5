"""Strict records of a building file: YAML -> frozen pydantic models, with the path of every error.

Every building is one declarative file in `models/`. Names and texts may hold `{zone}` (the zone's id) and
`{Zone}` (its name in the source model): such an entry stands once and is written out for every zone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import UserError
from .points import Role


class Strict(BaseModel):
    """A frozen record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ReadFrom(Strict):
    """Where EnergyPlus has a point's value: an output variable (with key) or a meter (energy of a step).

    `scale` turns EnergyPlus's unit into the point's unit; a meter is first divided by the step's seconds.
    """

    variable: str | None = None
    key: str | None = None
    meter: str | None = None
    scale: float = 1.0

    @model_validator(mode="after")
    def _one_source(self) -> ReadFrom:
        if (self.variable is None) == (self.meter is None) or (self.variable is None) != (self.key is None):
            raise ValueError("give either 'variable' and 'key', or 'meter'")
        return self


class WriteTo(Strict):
    """Which EnergyPlus actuator carries a set-point."""

    component: str
    control: str
    key: str


class PointFile(Strict):
    """One point, with its source and, for a set-point, its actuator."""

    name: str
    unit: str
    role: Role = Field(strict=False)
    low: float
    high: float
    help: str = ""
    read: ReadFrom | None = None
    write: WriteTo | None = None
    sum_of: tuple[str, ...] = Field(default=(), strict=False)


class Edit(Strict):
    """One declared change of the source model, with its reason.

    `remove` lists object types, or `type: [names]`; `set` changes fields of objects that exist;
    `add` makes objects that do not.
    """

    why: str
    remove: dict[str, list[str]] = {}
    set: dict[str, dict[str, dict[str, Any]]] = {}
    add: dict[str, dict[str, dict[str, Any]]] = {}


class Source(Strict):
    """The model a building starts from, and what is done to it."""

    sinergym: str
    edits: tuple[Edit, ...] = Field(strict=False)


class SetpointRule(Strict):
    """Limits of one kind of set-point.

    Attributes:
        fallback: what the shield falls back to [unit].
        ramp_per_step: greatest change in one control step [unit].
    """

    fallback: float
    ramp_per_step: float = Field(gt=0)


class ShieldFile(Strict):
    """Configuration of the shield; see docs/vocabulary.md for the words."""

    setpoints: dict[str, SetpointRule]
    inlet_class: Literal["A1", "A2", "A3", "A4"] = "A1"
    inlet_margin_k: float = Field(ge=0)
    min_flow_ratio: float = Field(gt=0)
    load_step_frac: float = Field(ge=0)
    max_age_s: float = Field(gt=0)
    stuck_after_steps: int = Field(ge=2)
    stuck_points: tuple[str, ...] = Field(strict=False)


class ZoneRoles(Strict):
    """Which points play which part in each zone (templates)."""

    inlet_temp: str
    inlet_dew_point: str
    zone_temp: str
    supply_temp: str
    supply_flow: str
    server_flow: str
    supply_temp_setpoint: str
    supply_flow_setpoint: str


class MeterRoles(Strict):
    """Which points are the building's power meters [W] and its water meter [m3/s]."""

    total: str
    hvac: str
    fans: str
    it: str
    cpu: str
    server_fans: str
    ups: str
    other: str
    water: str


class ItFloor(Strict):
    """Server power that control cannot influence: `idle + per_load * load` [W]."""

    idle: float
    per_load: float


class RewardFile(Strict):
    """Coefficients of the reward; see reward.py."""

    power_scale_w: float = Field(gt=0)
    exceedance_weight_per_k: float = Field(ge=0)
    it_floor_w: ItFloor


class Observation(Strict):
    """One entry of the observation: a point (template), scaled so that low..high becomes -1..1."""

    point: str
    low: float
    high: float


class Action(Strict):
    """One entry of the action: a set-point (template); -1..1 becomes low..high, times `per` where that is given."""

    setpoint: str
    low: float
    high: float
    per: str | None = None


class BuildingFile(Strict):
    """One building, as declared."""

    id: str
    title: str
    source: Source
    parameters: dict[str, float]
    timesteps_per_hour: int = Field(ge=1, le=60)
    weather: tuple[str, ...] = Field(strict=False)
    incumbent: str
    zones: dict[str, str]
    points: tuple[PointFile, ...] = Field(strict=False)
    zone_roles: ZoneRoles
    outdoor_temp: str
    it_load: str
    meters: MeterRoles
    shield: ShieldFile
    reward: RewardFile
    observations: tuple[Observation, ...] = Field(strict=False)
    actions: tuple[Action, ...] = Field(strict=False)
    baselines: dict[str, dict[str, float]]


def load_yaml[T: Strict](path: Path, kind: type[T]) -> T:
    """Reads and validates one YAML file. Raises UserError with the file and the path of every error."""
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    return validate(raw, kind, where=str(path))


def validate[T: Strict](raw: object, kind: type[T], *, where: str) -> T:
    """Validates parsed input. Raises UserError that names each field, what it holds and what it must be."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']) or 'file'}: {e['msg']} (got {e['input']!r:.80})"
            for e in error.errors()
        )
        raise UserError(f"{where}: {problems}") from error
