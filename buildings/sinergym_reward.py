"""Sinergym's default reward: weighted power and degrees outside a seasonal comfort band.

R = -w lambda_E power - (1 - w) lambda_T sum(max(T_low - T, 0, T - T_high)), computed in Sinergym's own order of
operations so that the numbers are equal to the last bit.
Source: Sinergym 3.12.2, `utils/rewards.py`, LinearReward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from .known import Array
from .settings import Strict

_Band = Annotated[list[float], Field(min_length=2, max_length=2)]
_Day = Annotated[list[int], Field(min_length=2, max_length=2)]


class LinearRewardSettings(Strict):
    """`reward_kwargs` of a configuration; bands are [low, high] in degC, days are [month, day]."""

    temperature_variables: list[str]
    energy_variables: list[str]
    range_comfort_winter: _Band
    range_comfort_summer: _Band
    summer_start: _Day = Field(default=[6, 1])
    summer_final: _Day = Field(default=[9, 30])
    energy_weight: float = Field(default=0.5, ge=0, le=1)
    lambda_energy: float = 1.0
    lambda_temperature: float = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> LinearRewardSettings:
        if any(low > high for low, high in (self.range_comfort_winter, self.range_comfort_summer)):
            raise ValueError("range_comfort_winter, range_comfort_summer: low must not be above high")
        return self

    @property
    def variables(self) -> list[str]:
        """Every observation that the reward needs."""
        return self.temperature_variables + self.energy_variables


class RewardTerms(NamedTuple):  # made in each step: three times as fast as a frozen dataclass
    """A step's reward and what it is made of, as Sinergym names it."""

    reward: float
    energy_term: float
    comfort_term: float
    total_power_demand: float
    total_temperature_violation: float


class LinearReward:
    """The reward of values that stand in the order of `names`."""

    def __init__(self, settings: LinearRewardSettings, names: Sequence[str]) -> None:
        self._temperatures = [names.index(name) for name in settings.temperature_variables]
        self._energies = [names.index(name) for name in settings.energy_variables]
        self._winter, self._summer = tuple(settings.range_comfort_winter), tuple(settings.range_comfort_summer)
        self._summer_days = tuple(settings.summer_start), tuple(settings.summer_final)
        self._energy_factor = settings.lambda_energy * settings.energy_weight
        self._comfort_factor = settings.lambda_temperature * (1 - settings.energy_weight)

    def __call__(self, values: Array, month: int, day_of_month: int) -> RewardTerms:
        """The reward of one step's values [len(names)] on a day of the year."""
        low, high = self.band(month, day_of_month)
        value = values.item  # as Python's floats: quicker to reckon with
        power = sum([value(i) for i in self._energies])
        temperatures = [value(i) for i in self._temperatures]
        violation = sum([0.0 if low <= t <= high else max(low - t, 0.0, t - high) for t in temperatures])
        energy_term, comfort_term = self._energy_factor * -power, self._comfort_factor * -violation
        return RewardTerms(energy_term + comfort_term, energy_term, comfort_term, power, violation)

    def band(self, month: int, day_of_month: int) -> Sequence[float]:
        """Lowest and highest comfortable temperature [degC] on a day of the year."""
        first, last = self._summer_days
        return self._summer if first <= (month, day_of_month) <= last else self._winter
