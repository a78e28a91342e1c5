"""Tariff and carbon over a year: bands, shapes, ranges."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airhandler.buildings.errors import UserError
from airhandler.buildings.signals import (
    Band,
    SyntheticCarbon,
    TimeOfUse,
    Year,
    check_range,
    daily_shape,
    in_band,
    synthetic_carbon,
    time_of_use,
)

ZONE = timezone(timedelta(hours=-6))
YEAR = Year(number=1991, step_s=900, zone=ZONE)


def at(values: np.ndarray, month: int, day: int, hour: int, minute: int = 0) -> float:
    return float(values[YEAR.index(datetime(1991, month, day, hour, minute, tzinfo=ZONE))])


@given(st.integers(0, 365 * 96 - 1), st.integers(0, 899))
def test_hour_weekday_and_month_of_a_step_are_those_of_its_time(index: int, seconds: int) -> None:
    time = YEAR.time(index)
    assert YEAR.index(time + timedelta(seconds=seconds)) == index
    assert YEAR.hour[index] == time.hour + time.minute / 60
    assert YEAR.weekday[index] == time.weekday()
    assert YEAR.month[index] == time.month


def test_a_time_in_another_zone_is_the_same_step_and_the_year_repeats_itself() -> None:
    noon = datetime(1991, 7, 1, 12, tzinfo=ZONE)
    assert YEAR.index(noon.astimezone(timezone(timedelta(hours=2)))) == YEAR.index(noon)
    assert YEAR.index(datetime(1992, 1, 1, tzinfo=ZONE)) == 0


def test_the_first_band_that_applies_counts_and_otherwise_where_none_does() -> None:
    tariff = TimeOfUse(
        kind="time-of-use",
        otherwise=0.1,
        bands=(
            Band(value=0.5, hours=(16, 21), days="weekday", months=(6, 7, 8, 9)),
            Band(value=0.2, hours=(8, 22), days="weekday"),
            Band(value=0.05, hours=(23, 5)),
        ),
    )
    values = time_of_use(tariff, YEAR)
    assert at(values, 7, 2, 16) == at(values, 7, 2, 20, 45) == 0.5  # a Tuesday
    assert at(values, 7, 2, 21) == at(values, 7, 2, 15, 45) == 0.2
    assert at(values, 1, 8, 16) == 0.2
    assert at(values, 7, 6, 16) == 0.1  # a Saturday
    assert at(values, 7, 6, 23) == at(values, 7, 7, 4, 45) == 0.05
    assert at(values, 7, 7, 5) == 0.1


@given(st.floats(0, 24), st.floats(0, 24))
def test_a_band_and_its_opposite_share_the_day(begin: float, end: float) -> None:
    if begin == end:
        return
    there, back = (in_band(Band(value=1, hours=hours), YEAR) for hours in ((begin, end), (end, begin)))
    assert (there != back).all()


@pytest.mark.parametrize("hours", [(5, 5), (-1, 3), (3, 25)])
def test_hours_that_are_none_of_a_day_are_refused(hours: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="two different hours of a day"):
        Band(value=1, hours=hours)


@given(st.floats(0, 23.9), st.floats(0, 23.9))
def test_the_daily_shape_is_lowest_and_highest_where_it_should_be(low: float, high: float) -> None:
    if abs(low - high) < 0.1:
        return
    shape = daily_shape(np.array([low, high, *np.linspace(0, 24, 49)]), low, high)
    assert shape[:2] == pytest.approx([-1.0, 1.0])
    assert (np.abs(shape) <= 1.0).all()


def test_synthetic_carbon_swings_as_declared() -> None:
    declared = SyntheticCarbon(
        kind="synthetic", mean=0.4, daily_frac=0.3, seasonal_frac=0.2, dirtiest_month=1.0, sigma_frac=0.0
    )
    values = synthetic_carbon(declared, YEAR, np.random.default_rng(0))
    month = [values[YEAR.month == m].mean() for m in (1, 7)]
    assert month[0] - month[1] == pytest.approx(2 * 0.2 * 0.4, rel=0.05)
    day = values[:96]
    assert (np.argmin(day) / 4, np.argmax(day) / 4) == (12.5, 20.0)
    assert day.max() - day.min() == pytest.approx(2 * 0.3 * 0.4, rel=0.01)


def test_noise_of_synthetic_carbon_is_new_each_hour_and_never_below_zero() -> None:
    declared = SyntheticCarbon(kind="synthetic", daily_frac=0.0, seasonal_frac=0.0, sigma_frac=0.5, tau_h=1.0)
    values = synthetic_carbon(declared, YEAR, np.random.default_rng(0))
    hours = values.reshape(-1, 4)
    assert (hours == hours[:, :1]).all()
    assert values.min() == 0.0
    assert len(np.unique(values)) > 5000


def test_a_value_outside_its_range_is_named_with_its_time() -> None:
    values = np.full(YEAR.steps, 0.1)
    values[96 * 31 + 4 * 13] = 7.0
    with pytest.raises(UserError, match=r"tariff: 7 at 02-01 13:00 is outside its range 0 to 1"):
        check_range(values, (0.0, 1.0), YEAR, "tariff")
    values[96 * 31 + 4 * 13] = np.nan
    with pytest.raises(UserError, match="nan"):
        check_range(values, (0.0, 1.0), YEAR, "tariff")
