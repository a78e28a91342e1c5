"""Forecasts of weather and signals, as honest as real ones: an error that grows with the lead, and none of it for free.

The error at a lead of h hours is an AR(1) process over the leads, beginning at 0: s_1 = first_sigma,
s_{h+1}^2 = a^2 s_h^2 + hourly_sigma^2, errors at leads g < h covary by a^(h-g) s_g^2. From one hour to the next the
whole forecast is revised: the processes that drive it forget all but 1 / e of themselves in `issue_tau_h`. The mean of
the error is 0 at every lead. For a relative quantity it multiplies the truth.
Source: Zheng, Zabala, Febres, Blum, Wang 2025, Journal of Building Performance Simulation, doi
10.1080/19401493.2025.2453537 (AR(1) over the horizon, fitted to forecasts for four sites); the revision is ours.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from .known import Array
from .noise import ornstein_uhlenbeck
from .quantities import CARBON, DEW_POINT, DRY_BULB, EVENT, TARIFF, WEATHER
from .strict import Strict

Model = Literal["noisy", "persistence", "yesterday", "published", "perfect-for-debugging"]

HOURS_A_DAY = 24


class ForecastError(Strict):
    """The error of a noisy forecast; sigmas in the quantity's unit, or as a share where it is relative.

    Attributes:
        first_sigma: standard deviation at a lead of one hour.
        hourly_correlation: what an error keeps of itself over one more hour of lead, 0 to below 1.
        hourly_sigma: standard deviation of what is new in one more hour of lead.
        issue_tau_h: how long a forecast and its successors share their error.
    """

    first_sigma: float = Field(ge=0)
    hourly_correlation: float = Field(ge=0, lt=1)
    hourly_sigma: float = Field(ge=0)
    issue_tau_h: float = Field(default=6.0, gt=0)

    def sigma(self, lead_h: int) -> float:
        """Standard deviation at a lead of so many hours; 0 at none."""
        if lead_h == 0:
            return 0.0
        kept = self.hourly_correlation ** (2 * (lead_h - 1))
        new = self.hourly_sigma**2 * (1.0 - kept) / (1.0 - self.hourly_correlation**2)
        return math.sqrt(kept * self.first_sigma**2 + new)


_TEMPERATURE = ForecastError(first_sigma=1.2, hourly_correlation=0.93, hourly_sigma=0.6)
_CARBON = ForecastError(first_sigma=0.05, hourly_correlation=0.93, hourly_sigma=0.033)

DEFAULT_ERRORS: Mapping[str, ForecastError] = MappingProxyType(
    {DRY_BULB.name: _TEMPERATURE, DEW_POINT.name: _TEMPERATURE, CARBON.name: _CARBON}
)
"""Errors of the quantities that there are figures for.

Sources: temperature: BOPTEST, forecast_uncertainty_params.json, medium: 1.2 K at one hour, 1.6 K at a day; forecasts of
the next day's maximum for Oklahoma City had 2.1 K (NOAA NSSL, by the National Weather Service; persistence had 5.1 K).
The dew point is given the same (secondary). Carbon: 9 % within two days: forecasts for Great Britain were off by 7.1 %,
mean of absolute values, 2017 to 2023 (N. Powell, Carbon intensity forecast tracking), times sqrt(pi / 2) if normal.
"""


class Forecast(Strict):
    """Forecasts of one quantity.

    Attributes:
        of: a quantity of the weather, or a signal, by its name.
        leads_h: how far ahead, in whole hours.
        model: `noisy`: the truth with an error; `persistence`: as it is now; `yesterday`: as it was at that hour a day
            before; `published`: exactly, for what is announced or under contract; `perfect-for-debugging`: the truth,
            which nobody has.
        error: of `noisy`; by default that of the quantity, where one is known.
    """

    of: str
    leads_h: tuple[Annotated[int, Field(ge=1, le=168)], ...] = Field(strict=False, min_length=1)
    model: Model
    error: ForecastError | None = None

    @model_validator(mode="after")
    def _possible(self) -> Forecast:
        if self.of not in (known := [*WEATHER, TARIFF.name, CARBON.name, EVENT.name]):
            raise ValueError(f"of: {self.of!r} must be one of {', '.join(known)}")
        if sorted(set(self.leads_h)) != list(self.leads_h):
            raise ValueError(f"leads_h {list(self.leads_h)}: must ascend, each once")
        if self.model != "noisy" and self.error is not None:
            raise ValueError(f"error: a {self.model} forecast has none that could be declared")
        if self.model == "noisy" and self.error is None and self.of not in DEFAULT_ERRORS:
            raise ValueError(f"error: must be declared: no default is known for {self.of}")
        if self.model == "published" and self.of in WEATHER:
            raise ValueError("model: nobody publishes the weather to come; use noisy")
        if self.of == EVENT.name and self.model not in ("published", "perfect-for-debugging"):
            raise ValueError("model: an event is announced: use published")
        return self

    @property
    def declared_error(self) -> ForecastError:
        """The error of a noisy forecast."""
        return self.error or DEFAULT_ERRORS[self.of]


def forecast(
    declared: Forecast, truth: Array, per_hour: int, rng: np.random.Generator, *, relative: bool
) -> dict[int, Array]:
    """What is foretold at each step of the year, by lead [steps]. The year repeats itself.

    Args:
        truth: at each step of the year [steps].
        per_hour: steps in an hour.
        relative: whether the error multiplies the truth.
    """
    ahead = {lead: np.roll(truth, -lead * per_hour) for lead in declared.leads_h}
    match declared.model:
        case "persistence":
            return {lead: truth.copy() for lead in ahead}
        case "yesterday":
            return {lead: np.roll(truth, -(lead - _days_before(lead)) * per_hour) for lead in ahead}
        case "noisy":
            errors = errors_by_lead(declared.declared_error, declared.leads_h, len(truth) // per_hour, rng)
            steps = {lead: np.repeat(errors[:, i], per_hour) for i, lead in enumerate(declared.leads_h)}
            return {lead: with_error(value, steps[lead], relative=relative) for lead, value in ahead.items()}
    return ahead  # published, perfect-for-debugging


def with_error(truth: Array, error: Array, *, relative: bool) -> Array:
    """The truth with an error added, or multiplied by 1 + error, never below none of it."""
    return np.asarray(truth * np.maximum(0.0, 1.0 + error) if relative else truth + error)


def errors_by_lead(error: ForecastError, leads_h: Sequence[int], hours: int, rng: np.random.Generator) -> Array:
    """Errors of the forecasts issued in each hour [hours, leads]; see the head of this file."""
    processes = ornstein_uhlenbeck(hours, len(leads_h), error.issue_tau_h, rng)
    return processes @ _mixing(error, tuple(leads_h)).T


@functools.lru_cache(maxsize=64)
def _mixing(error: ForecastError, leads_h: tuple[int, ...]) -> Array:
    """The lower triangle [leads, leads] that makes errors of the right covariance from independent ones.

    An AR(1) process needs no factorisation: the error at a lead is what is kept of that at the lead before, and
    something new.
    """
    mixing = np.zeros((len(leads_h), len(leads_h)))
    for i, lead in enumerate(leads_h):
        kept = 0.0
        if i:
            kept = error.hourly_correlation ** (lead - leads_h[i - 1])
            mixing[i] = kept * mixing[i - 1]
        new = error.sigma(lead) ** 2 - (kept * error.sigma(leads_h[i - 1]) if i else 0.0) ** 2
        mixing[i, i] = math.sqrt(max(0.0, new))
    return mixing


def _days_before(lead_h: int) -> int:
    """Hours of the whole days that have to be gone back, so that the hour foretold has been seen."""
    return math.ceil(lead_h / HOURS_A_DAY) * HOURS_A_DAY
