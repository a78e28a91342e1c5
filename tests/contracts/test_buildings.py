"""Every building of the catalogue, found by reflection, holds one contract; one that does not is refused, with a cause.

Here a day or two in every way of choosing set-points; `airhandler buildings check ID --year` runs the whole year.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from gymnasium.utils.env_checker import check_env

from airhandler.buildings.catalog import Building, building_ids, expand, find_building
from airhandler.buildings.contract import (
    Finding,
    check_building,
    given_up,
    idle,
    not_finite,
    refuse,
    severe,
    unbalanced,
    unbounded,
    unrepeatable,
    weeks,
    year_in,
)
from airhandler.buildings.controllability import controllability
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.settings import BuildingFile, validate
from airhandler.buildings.stretches import Stretch, stretch
from airhandler.buildings.warnings import Complaints
from airhandler.buildings.weather import find_weather

pytestmark = pytest.mark.forks

CRAC = find_building("datacentre-crac")
MANY_ZONES = 16  # from here on, one day instead of two, and no set-point is moved alone


@pytest.mark.slow
@pytest.mark.parametrize("name", building_ids())
def test_every_building_holds_its_contract(name: str) -> None:
    building = find_building(name)
    large = len(building.zones) >= MANY_ZONES
    winter, _, summer, _ = weeks(1)
    found = check_building(building, periods=[summer] if large else [winter, summer], with_effects=not large)
    refuse(building, found.findings)
    assert {one.way for one in found.stretches} == {"stock", "constant", "random", "extreme"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in building_ids() if len(find_building(name).zones) < MANY_ZONES])
def test_every_environment_is_one_as_gymnasium_defines_it(name: str) -> None:
    env = BuildingEnv(name, weather=find_building(name).file.weather[0], days=1)
    check_env(env, skip_render_check=True)
    env.close()


@pytest.fixture(scope="module")
def day() -> Stretch:
    return stretch(CRAC, find_weather("chicago"), "random", Period(start=(7, 10), days=1), seed=0)


def test_a_day_of_random_setpoints_holds(day: Stretch) -> None:
    assert day.steps == 24 * CRAC.file.timesteps_per_hour
    for check in (given_up, unbounded, not_finite, unbalanced, severe):
        assert check(CRAC, [day]) == []
    assert (
        unrepeatable(day, stretch(CRAC, find_weather("chicago"), "random", Period(start=(7, 10), days=1), seed=0)) == []
    )
    assert unrepeatable(day, stretch(CRAC, find_weather("chicago"), "random", Period(start=(7, 10), days=1), seed=1))


def only(findings: list[Finding]) -> str:
    (finding,) = findings
    return str(finding)


def test_each_breach_is_found_and_named(day: Stretch) -> None:
    inlet = CRAC.zones["main"].inlet_temp
    assert "main_inlet_temp_c was 99 degC (random from 07-10)" in only(
        unbounded(CRAC, [day, replace(day, high={**day.high, inlet: 99.0})])
    )
    assert inlet in only(unbounded(CRAC, [replace(day, low={**day.low, inlet: -60.0})]))
    assert "3 of 96 steps" in only(not_finite(CRAC, [replace(day, not_finite={inlet: 3})]))
    assert "differs by 0.60% " in only(unbalanced(CRAC, [replace(day, balance_frac=0.006)]))
    assert unbalanced(CRAC, [replace(day, balance_frac=-0.004)]) == []
    assert "it melted" in only(given_up(CRAC, [replace(day, failure="it melted")]))


def test_severe_errors_count_in_normal_operation_alone(day: Stretch) -> None:
    bad = replace(day, complaints=Complaints(kinds={"Severe: no air": 2, "Warning: x": 9}, warnings=9, severe=2))
    assert severe(CRAC, [bad]) == []
    assert "2 times 'Severe: no air'" in only(severe(CRAC, [replace(bad, way="constant")]))


def broken() -> Building:
    """The one-zone building as its source model is: a manager writes the supply air's set-point in every step."""
    raw: dict[str, Any] = CRAC.file.model_dump()
    node = {"component": "System Node Setpoint", "control": "Temperature Setpoint", "key": "Supply Outlet Node"}
    for point in raw["points"]:
        if point["name"] == "{zone}_supply_air_temp_setpoint_c":
            point["write"] = node
    return expand(validate(raw, BuildingFile, where="test"))


def test_a_building_with_an_action_without_effect_is_refused_with_its_name_and_the_cause() -> None:
    building = broken()
    findings = idle(building, controllability(building, steps=4, every_moment=False))
    with pytest.raises(UserError, match=r"controllability: main_supply_air_temp_setpoint_c moves neither.*manager"):
        refuse(building, findings)


def test_parts_of_a_year_follow_each_other_and_are_the_year() -> None:
    for parts in (1, 2, 5):
        periods = year_in(parts)
        assert sum(p.days for p in periods) == Period().days
        assert (periods[0].first, periods[-1].last) == (Period().first, Period().last)
        assert all((b.first - a.last).days == 1 for a, b in itertools.pairwise(periods))


@pytest.mark.parametrize("name", [name for name in building_ids() if len(find_building(name).zones) < MANY_ZONES])
def test_the_first_observation_is_whole_though_no_meter_has_measured_yet(name: str) -> None:
    env = BuildingEnv(name, weather=find_building(name).file.weather[0], days=1)
    first, _ = env.reset(seed=0)
    second, *_ = env.step(env.action_space.sample())
    env.close()
    assert env.observation_space.contains(first)
    assert env.observation_space.contains(second)
