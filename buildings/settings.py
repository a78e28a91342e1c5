"""Strict records of a building file: YAML -> frozen pydantic models, with the path of every error.

Every building is one declarative file in `models/`. Names and texts may hold `{zone}` (the zone's id) and
`{Zone}` (its name in the source model): such an entry stands once and is written out for every zone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from .errors import UserError
from .mistakes import told
from .points import Role
from .random_quantities import Randomise
from .single_keys import SingleKeys
from .strict import Strict as Strict
from .thermal_file import ThermalFile
from .world import World


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

    @model_validator(mode="after")
    def _one_source(self) -> PointFile:
        given = [name for name in ("read", "write", "sum_of") if getattr(self, name)]
        if self.role is Role.SETPOINT and given != ["write"]:
            raise ValueError(f"{self.name}: a set-point needs 'write', and has neither 'read' nor 'sum_of'")
        if self.role is not Role.SETPOINT and given not in (["read"], ["sum_of"]):
            raise ValueError(f"{self.name}: a {self.role.value} needs either 'read' or 'sum_of', and has no 'write'")
        return self


class Edit(Strict):
    """One declared change of the source model, with its reason.

    `remove` lists object types, or `type: [names]`; `duplicate` makes `type: {new name: name of the one it is like}`;
    `set` changes fields of objects that exist; `add` makes objects that do not.
    """

    why: str
    remove: dict[str, list[str]] = Field(default_factory=dict)
    duplicate: dict[str, dict[str, str]] = Field(default_factory=dict)
    set: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)
    add: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)


class Source(Strict):
    """The model a building starts from, and what is done to it.

    Attributes:
        sinergym: name of one of Sinergym's models.
        file: path of an IDF or epJSON file; in a building file relative to that file's folder.
        edits: declared changes, in order.
    """

    sinergym: str | None = None
    file: str | None = None
    edits: tuple[Edit, ...] = Field(default=(), strict=False)

    @property
    def model(self) -> str:
        """The model, by the name that it is declared with."""
        return self.file or self.sinergym or ""

    @model_validator(mode="after")
    def _one_model(self) -> Source:
        if (self.sinergym is None) == (self.file is None):
            raise ValueError("give either 'sinergym' or 'file'")
        return self


class DriveFile(Strict):
    """One input that the world has on the building, such as the servers' load: nobody but a scenario commands it."""

    name: str
    unit: str
    low: float
    high: float
    help: str = ""
    write: WriteTo


class FaultFile(Strict):
    """One fault of the equipment: set-points and drives (templates) that it forces, whoever commands them.

    Attributes:
        name: on the command line; with `{zone}` one for every zone.
        help: what breaks.
        force: what they are forced to [unit of each]; a set-point may leave its limits, as a fan that stands still.
        hours: how long it lasts where nobody says otherwise.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9{}-]*$")
    help: str
    force: dict[str, float] = Field(min_length=1)
    hours: float = Field(default=2.0, gt=0)


class SetpointRule(Strict):
    """Limits of one kind of set-point.

    Attributes:
        fallback: what the shield falls back to [unit].
        ramp_per_step: greatest change in one control step [unit].
        ramp_per_hour: greatest change within any hour [unit]; by default only the step's.
        dwell_s: least time between a change and one the other way [s]; by default none.
        held: where a rule-based controller holds it that has no rule for it [unit]; by default the fallback.
        held_above: the point (template) that `held` is counted from, so that it follows the weather, say.
        shown_by: the point that shows where it stands while the building's own control has it (template); by
            default the zone's supply air or airflow, and for any other set-point the fallback.
    """

    fallback: float
    ramp_per_step: float = Field(gt=0)
    ramp_per_hour: float | None = Field(default=None, gt=0)
    dwell_s: float | None = Field(default=None, gt=0, le=86_400)
    held: float | None = None
    held_above: str | None = None
    shown_by: str | None = None

    @model_validator(mode="after")
    def _an_hour_has_a_step(self) -> SetpointRule:
        if self.ramp_per_hour is not None and self.ramp_per_hour < self.ramp_per_step:
            raise ValueError(f"ramp_per_hour must be at least ramp_per_step ({self.ramp_per_step:g})")
        return self


class InletChange(Strict):
    """Greatest change at a server inlet between any two moments of a stretch of time.

    Attributes:
        max_k: the change [K].
        within_s: the stretch [s].
    """

    max_k: float = Field(gt=0)
    within_s: float = Field(gt=0, le=86_400)


class ShieldFile(Strict):
    """Configuration of the shield; see docs/vocabulary.md for the words.

    The inlet entries, the airflow and the load step belong to server zones; comfort, from how many people on it counts
    in a zone, and the dead band to occupied ones. What is None is not guarded.

    Attributes:
        inlet_margin_k: how far the predicted inlet stays below the recommended limit, at least [K].
        widest_bound_k: an error bound of the predicted inlet beyond this is told in every verdict [K].
        dew_point_margin_k: supply air of a server zone at least this much above the dew point at its inlets [K].
        neighbour_difference_k: greatest difference between the supply-air set-points of server zones that follow each
            other in the file [K].
        inlet_humidity: which of the class's ranges of humidity the supply air keeps the inlets in, as far as its
            temperature can.
        inlet_changes: how fast the inlets may change, as far as the supply air can keep them from it.
        fan_power_cap_w: what the supply fans may draw in all, as far as the servers need no more air [W].
        confident_from: confidence from which a policy's proposal is taken as it is, 0..1; with less it is drawn towards
            the fallback.
        cooling_power_cap_w: above which the supply air is made no cooler, unless an inlet needs it [W].
    """

    setpoints: dict[str, SetpointRule]
    inlet_class: Literal["A1", "A2", "A3", "A4"] = "A1"
    inlet_margin_k: float = Field(default=0.3, ge=0)
    widest_bound_k: float = Field(default=1.5, gt=0)
    min_flow_ratio: float = Field(default=1.0, gt=0)
    load_step_frac: float = Field(default=0.25, ge=0)
    dew_point_margin_k: float | None = Field(default=None, ge=0)
    neighbour_difference_k: float | None = Field(default=None, gt=0)
    inlet_humidity: Literal["recommended", "allowable"] | None = None
    inlet_changes: tuple[InletChange, ...] = Field(default=(), strict=False)
    fan_power_cap_w: float | None = Field(default=None, gt=0)
    cooling_power_cap_w: float | None = Field(default=None, gt=0)
    confident_from: float | None = Field(default=None, gt=0, le=1)
    comfort_category: Literal["I", "II", "III", "IV"] = "II"
    occupied_from: float = Field(default=1.0, gt=0)
    deadband_k: float = Field(default=1.0, ge=0)
    max_age_s: float = Field(gt=0)
    stuck_after_steps: int = Field(ge=2)
    stuck_points: tuple[str, ...] = Field(strict=False)


_OF_SERVER_ZONES = (
    "dew_point_margin_k",
    "neighbour_difference_k",
    "inlet_humidity",
    "inlet_changes",
    "fan_power_cap_w",
    "cooling_power_cap_w",
)


class Roles(Strict):
    """Which points play which part; a part that nothing plays is None."""

    def named(self) -> dict[str, str]:
        """The points that there are, by the part they play."""
        return {part: name for part, name in self if name is not None}


class ZoneRoles(Roles):
    """Which points play which part in each server zone (templates); `it_load` may be one point for all zones."""

    it_load: str
    inlet_temp: str
    inlet_dew_point: str
    zone_temp: str
    supply_temp: str
    supply_flow: str
    server_flow: str
    supply_temp_setpoint: str
    supply_flow_setpoint: str


class ComfortRoles(Roles):
    """Which points play which part in each occupied zone (templates); zones may share all but the first two.

    `zone_temp` is the operative temperature where the building has it, else the air's. A zone without an air handler
    whose supply temperature can be set has no such set-point.
    """

    zone_temp: str
    occupants: str
    heating_setpoint: str
    cooling_setpoint: str
    supply_temp_setpoint: str | None = None


class MeterRoles(Roles):
    """Which points are the building's power meters [W] and its water meter [m3/s].

    Total is all electricity: hvac + it + other. A building without servers has no IT meters; one that burns no
    gas has no gas meter [W of gas], and one that evaporates no water no water meter.
    """

    total: str
    hvac: str
    fans: str
    it: str | None = None
    cpu: str | None = None
    server_fans: str | None = None
    ups: str | None = None
    other: str | None = None
    gas: str | None = None
    water: str | None = None


class RewardFile(Strict):
    """Coefficients of the reward; see reward.py."""

    power_scale_w: float = Field(gt=0)
    exceedance_weight_per_k: float = Field(ge=0)


class WorkdayFile(Strict):
    """When people are expected in an office.

    Attributes:
        point: a signal that is 1 on days when they come, else 0.
        begin_h: when the first come, hours from midnight of the building's clock [h].
        end_h: when the last have gone [h].
    """

    point: str
    begin_h: float = Field(ge=0, le=24)
    end_h: float = Field(ge=0, le=24)

    @model_validator(mode="after")
    def _in_order(self) -> WorkdayFile:
        if self.begin_h >= self.end_h:
            raise ValueError("begin_h must be before end_h")
        return self


class Observation(Strict):
    """One entry of the observation: a point (template), scaled so that low..high becomes -1..1."""

    point: str
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> Observation:
        _check_range(self.low, self.high)
        return self


class Action(Strict):
    """One entry of the action: a set-point (template); -1..1 becomes low..high, times `per` where that is given."""

    setpoint: str
    low: float
    high: float
    per: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Action:
        _check_range(self.low, self.high)
        return self


class Generate(Strict):
    """A family of buildings that differ in their number of zones; see generate.py.

    Attributes:
        sizes: numbers of zones that the catalogue lists; any other from `least` to `most` can be asked for.
        zone: id of a zone, with `{number}`.
        name: its name in the model, with `{number}`.
    """

    sizes: tuple[int, ...] = Field(strict=False, min_length=1)
    zone: str
    name: str
    least: int = Field(default=2, ge=1)
    most: int = Field(default=256, ge=1)


class BuildingFile(Strict):
    """One building, as declared; `servers` names a type of servers.yaml.

    `water_side_economiser` says whether an exchanger can cool chilled water by tower water, past the chiller. A shadow
    run prices water temperatures only where it is known that none can.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str
    source: Source
    servers: str | None = None
    parameters: dict[str, float]
    timesteps_per_hour: int = Field(ge=1, le=60)
    weather: tuple[str, ...] = Field(strict=False, min_length=1)
    incumbent: str
    zones: dict[str, str]
    groups: dict[str, dict[str, list[str]]] = Field(default_factory=dict)
    points: tuple[PointFile, ...] = Field(strict=False)
    drives: tuple[DriveFile, ...] = Field(default=(), strict=False)
    faults: tuple[FaultFile, ...] = Field(default=(), strict=False)
    randomise: Randomise | None = None
    zone_roles: ZoneRoles | None = None
    comfort_roles: ComfortRoles | None = None
    outdoor_temp: str
    water_side_economiser: bool | None = None
    workday: WorkdayFile | None = None
    meters: MeterRoles
    shield: ShieldFile
    reward: RewardFile
    observations: tuple[Observation, ...] = Field(strict=False)
    actions: tuple[Action, ...] = Field(strict=False)
    baselines: dict[str, dict[str, float]]
    world: World | None = None
    thermal: ThermalFile = Field(default_factory=ThermalFile)

    @field_validator("timesteps_per_hour")
    @classmethod
    def _divides_the_hour(cls, value: int) -> int:
        """Of 7, EnergyPlus makes 6, with a warning in its error file alone. Source: EnergyPlus 25.1, that warning."""
        if 60 % value:
            raise ValueError("must divide 60")
        return value

    @model_validator(mode="after")
    def _groups_part_the_zones(self) -> BuildingFile:
        for grouping, groups in self.groups.items():
            if wrong := _not_parted(groups, self.zones):
                raise ValueError(f"groups.{grouping}: every zone must be in one group; see {', '.join(wrong)}")
        return self

    @model_validator(mode="after")
    def _one_kind(self) -> BuildingFile:
        if (self.zone_roles is None) == (self.comfort_roles is None):
            raise ValueError("give either 'zone_roles' (server zones) or 'comfort_roles' (occupied zones)")
        if (self.zone_roles is None) != (self.meters.it is None):
            raise ValueError("meters.it belongs to a building with zone_roles (server zones)")
        if self.servers is not None and self.zone_roles is None:
            raise ValueError("servers belong to a building with zone_roles (server zones)")
        for setting in _OF_SERVER_ZONES:
            if getattr(self.shield, setting) not in (None, ()) and self.zone_roles is None:
                raise ValueError(f"shield.{setting} belongs to a building with zone_roles (server zones)")
        return self


def _check_range(low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"low {low:g} must be below high {high:g}, both finite")


def _not_parted(groups: Mapping[str, Sequence[str]], zones: Collection[str]) -> list[str]:
    """Zones that are not in exactly one group, and names in groups that are no zones."""
    placed = [zone for members in groups.values() for zone in members]
    return sorted({zone for zone in {*placed, *zones} if zone not in zones or placed.count(zone) != 1})


def load_yaml[T: Strict](path: Path, kind: type[T]) -> T:
    """Reads and validates one YAML file. Raises UserError with the file and the path of every error."""
    return validate(read_yaml(path), kind, where=str(path))


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises UserError for one that cannot be read."""
    try:
        return yaml.load(path.read_text(), SingleKeys)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error


def validate[T: Strict](raw: object, kind: type[T], *, where: str) -> T:
    """Validates parsed input. Raises UserError that names each field, what it holds and what it must be."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise UserError(f"{where}: {'; '.join(told(problem, kind) for problem in error.errors())}") from error
