"""Signals: tariff and carbon intensity over a simulated year: flat, by time of use, from a CSV, synthetic."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from .errors import UserError
from .known import Array
from .noise import ornstein_uhlenbeck
from .strict import Strict

Range = Annotated[tuple[float, float], Field(strict=False)]
Months = Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(strict=False)]

DAY_S = 86_400
DAYS = 365


@dataclass(frozen=True)
class Year:
    """The steps of a simulated year of 365 days, in local standard time.

    Attributes:
        number: the calendar year, which says what is a weekend.
        step_s: length of a step [s]; an hour holds a whole number of them.
        zone: local standard time.
    """

    number: int
    step_s: int
    zone: timezone

    @functools.cached_property
    def steps(self) -> int:
        """How many steps it has."""
        return DAYS * DAY_S // self.step_s

    @functools.cached_property
    def hour(self) -> Array:
        """Hour of the day at which each step begins, with its fraction [steps]."""
        return np.asarray(np.arange(self.steps) * self.step_s % DAY_S / 3600.0)

    @functools.cached_property
    def month(self) -> NDArray[np.int64]:
        """Month of each step, 1 to 12 [steps]."""
        months = self._days.astype("datetime64[M]").astype(np.int64) % 12 + 1
        return np.asarray(np.repeat(months, self.steps // DAYS))

    @functools.cached_property
    def weekday(self) -> NDArray[np.int64]:
        """Day of the week of each step, 0 is Monday [steps]."""
        days = (self._days.astype(np.int64) + 3) % 7  # 1 January 1970 was a Thursday
        return np.asarray(np.repeat(days, self.steps // DAYS))

    def index(self, time: datetime) -> int:
        """The step that a time lies in; the year repeats itself."""
        return int((time.timestamp() - self._begin_s) // self.step_s) % self.steps

    def time(self, index: int) -> datetime:
        """When a step begins."""
        return datetime(self.number, 1, 1, tzinfo=self.zone) + index * timedelta(seconds=self.step_s)

    @functools.cached_property
    def _begin_s(self) -> float:
        return self.time(0).timestamp()

    @property
    def _days(self) -> NDArray[np.datetime64]:
        return np.asarray(np.datetime64(f"{self.number}-01-01") + np.arange(DAYS).astype("timedelta64[D]"))


class Flat(Strict):
    """The same value all year [unit of the signal]."""

    kind: Literal["flat"]
    value: float


class Band(Strict):
    """Hours with a value of their own.

    Attributes:
        value: in these hours [unit of the signal].
        hours: from and to, in local standard time, 0 to 24; from above to passes midnight.
        days: all, weekday or weekend, by the day that an hour itself lies in.
        months: 1 to 12; none named: all.
    """

    value: float
    hours: Range
    days: Literal["all", "weekday", "weekend"] = "all"
    months: Months = ()

    @model_validator(mode="after")
    def _of_a_day(self) -> Band:
        if not all(0.0 <= hour <= 24.0 for hour in self.hours) or self.hours[0] == self.hours[1]:
            raise ValueError(f"hours {list(self.hours)}: must be two different hours of a day, 0 to 24")
        return self


class TimeOfUse(Strict):
    """Bands by hour, day and month; the first that applies counts, and `otherwise` where none does."""

    kind: Literal["time-of-use"]
    otherwise: float
    bands: tuple[Band, ...] = Field(strict=False, min_length=1)


class Series(Strict):
    """A column of a CSV; see signal_csv.py.

    Attributes:
        file: the CSV; relative to the file that names it.
        column: which column; by default the signal's own name.
        zone: of times that are written without an offset from UTC, by name (`Europe/Berlin`).
        begin: earlier rows are left out: YYYY-MM-DD, in local standard time.
        fill_h: a gap of up to so many hours keeps the value before it; at most a week.
        scale: turns the column's unit into the signal's.
    """

    kind: Literal["csv"]
    file: str
    column: str | None = None
    zone: str | None = None
    begin: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\d$")
    fill_h: float = Field(default=0.0, ge=0, le=168)
    scale: float = 1.0


class SyntheticCarbon(Strict):
    """A grid that is cleaner around noon, dirtiest in the evening, and swings over the year.

    Attributes:
        mean: of the year [kg/kWh].
        daily_frac: half the swing within a day, of the mean.
        cleanest_hour, dirtiest_hour: of a day.
        seasonal_frac: half the swing within a year, of the mean.
        dirtiest_month: of a year, 1 to 12.
        sigma_frac: standard deviation of its noise, of the mean.
        tau_h: hours after which the noise has forgotten all but 1 / e of what it was.

    Source: mean: United States 2022, 0.86 lb/kWh (U.S. Energy Information Administration, FAQ 74). The shape is
    declared, not measured: sun at noon and none in the evening (California ISO's "duck curve", 2013, secondary). For
    a grid of your own give a CSV.
    """

    kind: Literal["synthetic"]
    mean: float = Field(default=0.39, gt=0)
    daily_frac: float = Field(default=0.2, ge=0, lt=1)
    cleanest_hour: float = Field(default=12.5, ge=0, lt=24)
    dirtiest_hour: float = Field(default=20.0, ge=0, lt=24)
    seasonal_frac: float = Field(default=0.1, ge=0, lt=1)
    dirtiest_month: float = Field(default=1.0, ge=1, lt=13)
    sigma_frac: float = Field(default=0.08, ge=0)
    tau_h: float = Field(default=12.0, gt=0)

    @model_validator(mode="after")
    def _swings(self) -> SyntheticCarbon:
        if self.cleanest_hour == self.dirtiest_hour:
            raise ValueError("cleanest_hour and dirtiest_hour: must differ")
        return self


def in_band(band: Band, year: Year) -> NDArray[np.bool_]:
    """Where a band applies [steps]."""
    begin, end = band.hours
    after, before = year.hour >= begin, year.hour < end
    applies = after & before if begin < end else after | before
    if band.days != "all":
        applies &= (year.weekday >= 5) == (band.days == "weekend")
    if band.months:
        applies &= np.isin(year.month, band.months)
    return applies


def time_of_use(declared: TimeOfUse, year: Year) -> Array:
    """The value of each step [steps]."""
    values = np.full(year.steps, declared.otherwise)
    for band in reversed(declared.bands):  # the first is written last: it counts
        values[in_band(band, year)] = band.value
    return values


def synthetic_carbon(declared: SyntheticCarbon, year: Year, rng: np.random.Generator) -> Array:
    """mean max(0, 1 + daily D(hour) + seasonal cos(month) + sigma x(hour)) [steps], kg/kWh; x new each hour."""
    season = np.cos(math.tau * (np.arange(year.steps) / year.steps - (declared.dirtiest_month - 0.5) / 12.0))
    noise = ornstein_uhlenbeck(DAYS * 24, 1, declared.tau_h, rng)[:, 0]
    relative = 1.0 + declared.daily_frac * daily_shape(year.hour, declared.cleanest_hour, declared.dirtiest_hour)
    relative += declared.seasonal_frac * season + declared.sigma_frac * np.repeat(noise, 3600 // year.step_s)
    return np.asarray(declared.mean * np.maximum(0.0, relative))


def daily_shape(hour: Array, lowest_hour: float, highest_hour: float) -> Array:
    """-1 at the one hour, 1 at the other, half a cosine on each way between them [as `hour`]."""
    rise_h = (highest_hour - lowest_hour) % 24.0
    since_h = (hour - lowest_hour) % 24.0
    rising = np.minimum(since_h / rise_h, 1.0)
    falling = np.maximum(0.0, since_h - rise_h) / (24.0 - rise_h)
    return np.asarray(-np.cos(math.pi * (rising + falling)))


def check_range(values: Array, plausible: tuple[float, float], year: Year, where: str) -> Array:
    """The values themselves. Raises UserError with the first one that is outside, and when."""
    low, high = plausible
    outside = np.flatnonzero(~((values >= low) & (values <= high)))
    if len(outside):
        when, value = year.time(int(outside[0])), float(values[outside[0]])
        raise UserError(
            f"{where}: {value:g} at {when:%m-%d %H:%M} is outside its range {low:g} to {high:g}: "
            "check the unit, or declare a wider range"
        )
    return values
