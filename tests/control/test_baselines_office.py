"""The rules of an office, on given readings: numbers by hand; and controllers that do not fit."""

from __future__ import annotations

import datetime as dt

import pytest

from airhandler.buildings.catalog import Building, expand
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.control.baselines_office import reset_c
from airhandler.control.registry import BASELINES, find_controller, make_baseline
from airhandler.control.search import SPACES, Trial, find_space, search
from tests.fakes import BUILDING as CENTRE
from tests.offices import IDS, MEDIUM, MONDAY, SMALL, reading

BAND = {
    "heating_c": 21.0,
    "cooling_c": 24.0,
    "setback_heating_c": 15.0,
    "setback_cooling_c": 30.0,
    "lead_h": 1.5,
    "coast_h": 0.5,
}
SETBACK = {**BAND, "supply_c": 14.0}
TRIM = {**BAND, "request_k": 0.5, "trim_k": 0.4, "respond_k": 0.5, "respond_max_k": 1.2}
HEATING, COOLING, SUPPLY = "core_heating_setpoint_c", "core_cooling_setpoint_c", "supply_air_temp_setpoint_c"


def at(hour: float) -> dt.datetime:
    return MONDAY.replace(hour=0) + dt.timedelta(hours=hour)


@pytest.mark.parametrize("building", [SMALL, MEDIUM], ids=IDS)
@pytest.mark.parametrize("name", BASELINES["office"])
def test_rule_of_the_building_file_proposes_every_setpoint_within_its_limits(name: str, building: Building) -> None:
    controller = find_controller(name, building)
    assert controller is not None
    proposed = controller.propose(reading(building))
    assert list(proposed) == [p.name for p in building.setpoints]
    assert all(p.low <= proposed[p.name] <= p.high for p in building.setpoints)


def test_constant_is_the_same_by_day_and_by_night() -> None:
    controller = make_baseline("constant", SMALL, {"heating_c": 20.0, "cooling_c": 25.0, "supply_c": 14.0})
    noon, night = (controller.propose(reading(time=at(hour))) for hour in (12, 2))
    assert dict(noon) == dict(night)
    assert (noon[HEATING], noon[COOLING], noon[SUPPLY]) == (20.0, 25.0, 14.0)


@pytest.mark.parametrize(
    ("hour", "workday", "band"),
    [
        (6.25, 1.0, (15.0, 30.0)),
        (6.5, 1.0, (21.0, 24.0)),
        (20.25, 1.0, (21.0, 24.0)),
        (20.5, 1.0, (15.0, 30.0)),
        (12.0, 0.0, (15.0, 30.0)),
    ],
)
def test_setback_leads_and_coasts_on_workdays(hour: float, workday: float, band: tuple[float, float]) -> None:
    """People are expected from 8 to 21 h; the band begins 1.5 h before and ends 0.5 h before."""
    proposed = make_baseline("setback", SMALL, SETBACK).propose(reading(time=at(hour), workday_frac=workday))
    assert (proposed[HEATING], proposed[COOLING], proposed[SUPPLY]) == (*band, 14.0)


def test_setback_without_a_calendar_is_no_guess() -> None:
    with pytest.raises(KeyError, match="workday_frac"):
        make_baseline("setback", SMALL, SETBACK).propose(reading(workday_frac=None))
    with pytest.raises(UserError, match="'workday' must be given"):
        make_baseline("setback", expand(SMALL.file.model_copy(update={"workday": None})), SETBACK)


def test_trim_and_respond_ignores_two_requests() -> None:
    """Zones at 24.6 ask once, at 26.1 twice, at 27.1 three times; a step of 0.5 K for each beyond two."""
    controller = make_baseline("trim-respond", SMALL, TRIM)
    assert controller.propose(reading())[SUPPLY] == 18.0
    two = reading(south_operative_temp_c=26.1)
    assert controller.propose(two)[SUPPLY] == 18.0
    three = reading(south_operative_temp_c=26.1, east_operative_temp_c=24.6)
    assert controller.propose(three)[SUPPLY] == pytest.approx(17.5)
    six = reading(south_operative_temp_c=27.1, east_operative_temp_c=27.1)
    assert controller.propose(six)[SUPPLY] == pytest.approx(17.5 - 1.2)
    assert controller.propose(reading())[SUPPLY] == pytest.approx(17.5 - 1.2 + 0.4)
    controller.reset()
    assert controller.propose(reading())[SUPPLY] == 18.0


def test_trim_and_respond_speaks_to_each_air_handler_alone() -> None:
    controller = make_baseline("trim-respond", MEDIUM, TRIM)
    hot = {f"top_{side}_operative_temp_c": 27.5 for side in ("south", "west")}
    proposed = controller.propose(reading(MEDIUM, **hot))
    assert proposed["top_supply_air_temp_setpoint_c"] == pytest.approx(18.0 - 1.2)
    assert proposed["bot_supply_air_temp_setpoint_c"] == 18.0


@pytest.mark.parametrize(
    ("outdoor_c", "supply_c"), [(5.0, 17.0), (16.0, 17.0), (18.5, 14.5), (21.0, 12.0), (40.0, 12.0)]
)
def test_supply_air_is_reset_by_the_weather(outdoor_c: float, supply_c: float) -> None:
    assert reset_c(outdoor_c, 12.0, 17.0) == pytest.approx(supply_c)


@pytest.mark.parametrize(
    ("name", "building", "fits"),
    [
        ("outdoor-reset", SMALL, "stock, constant, setback, trim-respond"),
        ("setback", CENTRE, "stock, constant, outdoor-reset, trim-respond"),
    ],
)
def test_rule_for_another_kind_of_building_is_refused_with_what_fits(name: str, building: Building, fits: str) -> None:
    with pytest.raises(UserError, match=f"{name} does not fit {building.id}.*{fits}, or a bundle"):
        find_controller(name, building)


@pytest.mark.parametrize("kind", BASELINES)
def test_what_is_searched_is_what_a_rule_takes(kind: str) -> None:
    building = {"data centre": CENTRE, "office": SMALL}[kind]
    for name in SPACES[building.kind]:
        start = {key: values[0] for key, values in find_space(name, building).items()}
        assert make_baseline(name, building, start).name == name


def test_nothing_is_searched_for_a_rule_that_does_not_fit() -> None:
    with pytest.raises(UserError, match="no parameters to search on office-5zone; known: constant, setback"):
        find_space("outdoor-reset", SMALL)


@pytest.mark.slow
def test_days_without_people_have_no_best_parameters() -> None:
    trials: list[Trial] = []
    with pytest.raises(UserError, match="office-5zone: 1 day from 01-06: no cost is known: nobody is there"):
        search(
            "constant",
            SMALL.id,
            ["chicago"],
            Period(start=(1, 6), days=1),  # a Sunday
            rounds=1,
            processes=1,
            shielded=True,
            on_trial=lambda trial, is_best: trials.append(trial),
        )
    assert trials == []
