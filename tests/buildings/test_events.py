"""Demand-response events: listed where they were listed, drawn as they were asked for."""

from __future__ import annotations

from datetime import timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airhandler.buildings.errors import UserError
from airhandler.buildings.events import DeclaredEvents, DrawnEvents, Window, event_year, no_cap_kw
from airhandler.buildings.signals import Year

YEAR = Year(number=1991, step_s=900, zone=timezone(timedelta(hours=-6)))
RNG = np.random.default_rng(0)


def listed(*windows: Window) -> DeclaredEvents:
    return DeclaredEvents(kind="declared", windows=windows)


def test_a_listed_event_is_where_it_was_listed() -> None:
    made = event_year(
        listed(
            Window(start="07-15 16:00", hours=1.5, price_multiplier=3.0),
            Window(start="01-02 00:15", hours=0.25, cap_kw=80.0),
        ),
        YEAR,
        RNG,
    )
    on = np.flatnonzero(made.active)
    july = (31 + 28 + 31 + 30 + 31 + 30 + 14) * 96 + 64
    assert on.tolist() == [97, *range(july, july + 6)]
    assert made.price_multiplier[on].tolist() == [1.0] + [3.0] * 6
    assert made.cap_kw[97] == 80.0
    assert np.isinf(np.delete(made.cap_kw, 97)).all()


@pytest.mark.parametrize("start", ["02-29 10:00", "13-01 10:00", "07-15 24:00", "07-15 10:60", "00-01 00:00"])
def test_a_start_that_is_no_time_is_refused(start: str) -> None:
    with pytest.raises(UserError, match=f"start '{start}' is not a time"):
        event_year(listed(Window(start=start, hours=1)), YEAR, RNG)


def test_events_that_overlap_or_pass_the_year_are_refused() -> None:
    with pytest.raises(UserError, match="07-15 17:00: another event is still on"):
        event_year(listed(Window(start="07-15 16:00", hours=2), Window(start="07-15 17:00", hours=1)), YEAR, RNG)
    with pytest.raises(UserError, match="pass the end of the year"):
        event_year(listed(Window(start="12-31 23:00", hours=2)), YEAR, RNG)


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 1000))
def test_drawn_events_keep_to_their_days_hours_and_number(per_month: int, hours: int, seed: int) -> None:
    asked = {"per_month": per_month, "hours": hours, "between_hours": (12, 20), "months": (1, 7), "price_multiplier": 3}
    made = event_year(DrawnEvents.model_validate({"kind": "drawn", **asked}), YEAR, np.random.default_rng(seed))
    active = made.active
    assert (made.possible_multiplier[active] == 3.0).all()
    assert set(YEAR.month[made.possible_multiplier == 3.0]) == {1, 7}
    starts = np.flatnonzero(active & ~np.roll(active, 1))
    assert (active.sum(), len(starts)) == (2 * per_month * hours * 4, 2 * per_month)
    assert set(YEAR.month[active]) == {1, 7}
    assert (YEAR.weekday[active] < 5).all()
    assert YEAR.hour[active].min() >= 12
    assert YEAR.hour[active].max() < 20


def test_the_events_of_a_month_do_not_hang_on_the_other_months() -> None:
    def july(months: tuple[int, ...]) -> list[int]:
        events = DrawnEvents(kind="drawn", per_month=3, hours=2, months=months)
        active = event_year(events, YEAR, np.random.default_rng(5)).active
        return np.flatnonzero(active & (YEAR.month == 7)).tolist()

    assert july(()) == july((7,)) != []


def test_hours_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationError, match="does not fit"):
        DrawnEvents(kind="drawn", per_month=1, hours=3, between_hours=(18, 20))


def test_no_cap_is_twice_the_highest() -> None:
    assert (
        no_cap_kw(listed(Window(start="07-15 16:00", hours=1, cap_kw=80), Window(start="07-16 16:00", hours=1))) == 160
    )
