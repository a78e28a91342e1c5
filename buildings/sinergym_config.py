"""Sinergym's environments as it registers them: one YAML file a building, one environment for each weather.

Source: Sinergym 3.12.2, `sinergym/__init__.py` and `convert_conf_to_env_parameters` in `utils/common.py`.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from .energyplus import Actuator, Meter, Variable
from .errors import UserError
from .settings import Strict, load_yaml, validate
from .sinergym import PREFIX, configuration_paths
from .sinergym_demo import DEMO, DEMO_WEATHER
from .sinergym_reward import LinearRewardSettings
from .sinergym_spaces import Bounds, Choices, bounds, choices

_Texts = str | list[str]
_OuParameters = Annotated[list[float | list[float]], Field(min_length=3, max_length=4)]


class VariableEntry(Strict):
    """Observations of one output variable; one name for several keys gets each key before it."""

    variable_names: _Texts
    keys: _Texts

    @model_validator(mode="after")
    def _paired(self) -> VariableEntry:
        if isinstance(self.variable_names, list) and (
            not isinstance(self.keys, list) or len(self.keys) != len(self.variable_names)
        ):
            raise ValueError(f"{len(self.variable_names)} variable_names must have as many keys, not {self.keys}")
        return self

    def keys_by_name(self) -> list[tuple[str, str]]:
        """(observation, EnergyPlus key), in order."""
        if isinstance(self.variable_names, list):
            return list(zip(self.variable_names, self.keys, strict=True))
        if isinstance(self.keys, str):
            return [(self.variable_names, self.keys)]
        return [(f"{key.lower().replace(' ', '_')}_{self.variable_names}", key) for key in self.keys]


class ActuatorEntry(Strict):
    """One entry of the action."""

    variable_name: str
    element_type: str
    value_type: str


class WeatherEntry(Strict):
    """The weather files, and what each is called in the environments' ids."""

    weather_files: list[str] = Field(min_length=1)
    keys: list[str]

    @model_validator(mode="after")
    def _paired(self) -> WeatherEntry:
        if len(self.keys) != len(self.weather_files):
            raise ValueError(f"{len(self.weather_files)} weather_files must have as many keys, not {len(self.keys)}")
        return self


class BuildingEntry(Strict):
    """What is changed in the model: steps in an hour, and the first and last day, each as day, month, year."""

    timesteps_per_hour: int | None = Field(default=None, ge=1, le=60)
    runperiod: list[int] | None = Field(default=None, min_length=6, max_length=6)

    @model_validator(mode="after")
    def _dates(self) -> BuildingEntry:
        self.days()
        return self

    def days(self) -> tuple[dt.date, dt.date] | None:
        """First and last day of the run period, where it is given."""
        if self.runperiod is None:
            return None
        first, last = (dt.date(*reversed(part)) for part in (self.runperiod[:3], self.runperiod[3:]))
        return first, last


class SinergymConfig(Strict):
    """One configuration file, as declared; actuators and meters are by EnergyPlus's name."""

    id_base: str
    building_file: str
    weather_specification: WeatherEntry
    building_config: BuildingEntry | None = None
    weather_variability: dict[str, _OuParameters] | None = None
    max_ep_store: int = 0
    time_variables: list[Literal["month", "day_of_month", "hour"]]
    variables: dict[str, VariableEntry]
    meters: dict[str, str]
    actuators: dict[str, ActuatorEntry]
    context: dict[str, ActuatorEntry] = Field(default={})
    initial_context: list[float] | None = None
    action_space: Annotated[Bounds, BeforeValidator(bounds)]
    action_space_discrete: Annotated[Choices, BeforeValidator(choices)] | None = None
    only_discrete: bool = False
    reward: Literal["sinergym.utils.rewards:LinearReward"]
    reward_kwargs: LinearRewardSettings

    @model_validator(mode="after")
    def _consistent(self) -> SinergymConfig:
        names = self.observation_names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"variables, meters: {', '.join(twice)} stands twice")
        if len(self.action_space.low) != len(self.commands):
            raise ValueError(f"action_space: {len(self.action_space.low)} bounds for {len(self.commands)} actuators")
        if unknown := [v for v in self.reward_kwargs.variables if v not in names]:
            raise ValueError(f"reward_kwargs: {', '.join(unknown)}: not among the observations")
        if self.context:
            raise ValueError("context: values of a running context are not supported")
        return self

    @property
    def sensors(self) -> dict[str, Variable | Meter]:
        """What is read, by the observation's name: variables, then meters."""
        found: dict[str, Variable | Meter] = {
            observation: Variable(name, key)
            for name, entry in self.variables.items()
            for observation, key in entry.keys_by_name()
        }
        return found | {observation: Meter(name) for name, observation in self.meters.items()}

    @property
    def observation_names(self) -> list[str]:
        """Every entry of the observation, in order: time, variables, meters."""
        variables = [name for entry in self.variables.values() for name, _ in entry.keys_by_name()]
        return [*self.time_variables, *variables, *self.meters.values()]

    @property
    def commands(self) -> dict[str, Actuator]:
        """What is written, by the action's name, in order."""
        return {a.variable_name: Actuator(a.element_type, a.value_type, key) for key, a in self.actuators.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class SinergymId:
    """One registered environment.

    Attributes:
        id: Sinergym's id.
        config: its building.
        weather_file: file name of its weather.
        stochastic: whether each episode adds noise to the weather (`config.weather_variability`).
        discrete: whether actions are choices from a table.
    """

    id: str
    config: SinergymConfig
    weather_file: str
    stochastic: bool = False
    discrete: bool = False

    @property
    def catalogue_id(self) -> str:
        """The id in our catalogue: Sinergym's with a prefix."""
        return PREFIX + self.id


def find_sinergym(name: str) -> SinergymId:
    """One of Sinergym's environments by its id, with the catalogue's prefix or without.

    Raises UserError with the nearest ids for an unknown one.
    """
    known, wanted = sinergym_ids(), name.removeprefix(PREFIX)
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=3)
        raise UserError(f"Sinergym has no environment {wanted!r}; nearest: {', '.join(near) or 'none'}")
    return known[wanted]


@functools.cache
def sinergym_ids() -> dict[str, SinergymId]:
    """Every environment that Sinergym registers, by id."""
    demo = validate(DEMO, SinergymConfig, where="Sinergym's demonstration")
    found = {"Eplus-demo-v1": SinergymId(id="Eplus-demo-v1", config=demo, weather_file=DEMO_WEATHER)}
    for path in configuration_paths():
        found |= read_ids(path)
    return found


def read_ids(path: Path) -> dict[str, SinergymId]:
    """The environments of one configuration file, by id. Raises UserError that names the file and the field."""
    config = load_yaml(path, SinergymConfig)
    weathers = zip(config.weather_specification.keys, config.weather_specification.weather_files, strict=True)
    return {
        item.id: item
        for key, weather_file in weathers
        for discrete in ([] if config.only_discrete else [False]) + ([True] if config.action_space_discrete else [])
        for stochastic in [False, True][: 2 if config.weather_variability else 1]
        for item in [_id(config, key, weather_file, stochastic=stochastic, discrete=discrete)]
    }


def _id(config: SinergymConfig, key: str, weather_file: str, *, stochastic: bool, discrete: bool) -> SinergymId:
    kind = ("discrete" if discrete else "continuous") + ("-stochastic" if stochastic else "")
    return SinergymId(
        id=f"Eplus-{config.id_base}-{key}-{kind}-v1",
        config=config,
        weather_file=weather_file,
        stochastic=stochastic,
        discrete=discrete,
    )
