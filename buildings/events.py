"""Demand-response events: hours in which a grid asks for less power, by price or by a cap; listed or drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from .errors import UserError
from .known import Array
from .signals import DAY_S, DAYS, Months, Range, Year
from .strict import Strict


class Window(Strict):
    """One event.

    Attributes:
        start: MM-DD HH:MM, local standard time.
        hours: how long.
        price_multiplier: the tariff is multiplied by it.
        cap_kw: what the whole facility is asked to stay below.
    """

    start: str = Field(pattern=r"^\d\d-\d\d \d\d:\d\d$")
    hours: float = Field(gt=0, le=24)
    price_multiplier: float = Field(default=1.0, gt=0)
    cap_kw: float | None = Field(default=None, gt=0)


class DeclaredEvents(Strict):
    """Events that are listed.

    Attributes:
        notice_h: an event is announced so long before it begins.
    """

    kind: Literal["declared"]
    windows: tuple[Window, ...] = Field(strict=False, min_length=1)
    notice_h: int = Field(default=24, ge=0)

    @property
    def caps_kw(self) -> tuple[float, ...]:
        """The caps that there are."""
        return tuple(w.cap_kw for w in self.windows if w.cap_kw is not None)


class DrawnEvents(Strict):
    """Events that are drawn: so many different weekdays of each month, with one event each.

    Attributes:
        per_month: how many; a month of 28 days has 20 weekdays.
        hours: how long each is; it begins on a full hour.
        between_hours: they lie within these hours of a day, local standard time.
        months: 1 to 12; none named: all.
        price_multiplier, cap_kw, notice_h: as of events that are listed.
    """

    kind: Literal["drawn"]
    per_month: int = Field(ge=1, le=20)
    hours: float = Field(gt=0, le=24)
    between_hours: Range = (12.0, 20.0)
    months: Months = ()
    price_multiplier: float = Field(default=1.0, gt=0)
    cap_kw: float | None = Field(default=None, gt=0)
    notice_h: int = Field(default=24, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> DrawnEvents:
        begin, end = self.between_hours
        if begin < 0.0 or end > 24.0 or math.ceil(begin) + self.hours > end:
            raise ValueError(f"between_hours {[begin, end]}: an event of {self.hours:g} hours does not fit")
        return self

    @property
    def caps_kw(self) -> tuple[float, ...]:
        """The caps that there are."""
        return () if self.cap_kw is None else (self.cap_kw,)


Events = DeclaredEvents | DrawnEvents


def no_cap_kw(events: Events) -> float:
    """What the cap reads while none is asked for: twice the highest one, well out of the way."""
    return 2.0 * max(events.caps_kw)


@dataclass(frozen=True, kw_only=True, eq=False)
class EventYear:
    """The events of a year, step by step.

    Attributes:
        active: where an event is on [steps].
        price_multiplier: 1 where none is [steps].
        possible_multiplier: the same with an event wherever any draw may have one [steps].
        cap_kw: infinite where none is [steps].
    """

    active: NDArray[np.bool_]
    price_multiplier: Array
    possible_multiplier: Array
    cap_kw: Array


def event_year(events: Events, year: Year, rng: np.random.Generator) -> EventYear:
    """The events of a year. Raises UserError for a start that is no time of the year, and where two overlap."""
    windows = events.windows if isinstance(events, DeclaredEvents) else _draw(events, year, rng)
    active = np.zeros(year.steps, dtype=np.bool_)
    price, cap_kw = np.ones(year.steps), np.full(year.steps, math.inf)
    for window in windows:
        first = _start_s(window.start) // year.step_s
        on = slice(first, first + math.ceil(window.hours * 3600 / year.step_s))
        if on.stop > year.steps:
            raise UserError(f"events: {window.start}: {window.hours:g} hours pass the end of the year")
        if active[on].any():
            raise UserError(f"events: {window.start}: another event is still on")
        active[on], price[on] = True, window.price_multiplier
        cap_kw[on] = math.inf if window.cap_kw is None else window.cap_kw
    possible = price if isinstance(events, DeclaredEvents) else _possible_multiplier(events, year)
    return EventYear(active=active, price_multiplier=price, possible_multiplier=possible, cap_kw=cap_kw)


def _start_s(text: str) -> int:
    """MM-DD HH:MM as seconds from the begin of a year of 365 days. Raises UserError."""
    try:
        month, day, hour, minute = (int(part) for part in (text[0:2], text[3:5], text[6:8], text[9:11]))
        if not (hour < 24 and minute < 60):
            raise ValueError
        days = np.datetime64(f"2001-{month:02d}-{day:02d}") - np.datetime64("2001-01-01")
    except ValueError as error:
        raise UserError(f"events: start {text!r} is not a time of a 365-day year; write 07-15 16:00") from error
    return int(days.astype(int)) * DAY_S + hour * 3600 + minute * 60


def _possible_multiplier(events: DrawnEvents, year: Year) -> Array:
    begin, end = _first_hours(events)
    possible = (year.weekday < 5) & (year.hour >= begin) & (year.hour < end + events.hours)
    if events.months:
        possible &= np.isin(year.month, events.months)
    return np.where(possible, events.price_multiplier, 1.0)


def _first_hours(events: DrawnEvents) -> tuple[int, int]:
    """The first and the last hour of a day in which an event may begin."""
    return math.ceil(events.between_hours[0]), math.floor(events.between_hours[1] - events.hours)


def _draw(events: DrawnEvents, year: Year, rng: np.random.Generator) -> list[Window]:
    """Days without replacement, hours at random; a month draws even if it is not asked for, so that asking for fewer
    months leaves the events of the others where they are."""
    per_day = year.steps // DAYS
    month, weekday = year.month[::per_day], year.weekday[::per_day]
    begin, end = _first_hours(events)
    windows = []
    for number in range(1, 13):
        days = np.sort(rng.choice(np.flatnonzero((month == number) & (weekday < 5)), events.per_month, replace=False))
        hours = rng.integers(begin, end + 1, size=events.per_month)
        if events.months and number not in events.months:
            continue
        for day, hour in zip(days.tolist(), hours.tolist(), strict=True):
            windows.append(
                Window(
                    start=f"{year.time(day * per_day):%m-%d} {hour:02d}:00",
                    hours=events.hours,
                    price_multiplier=events.price_multiplier,
                    cap_kw=events.cap_kw,
                )
            )
    return windows
