"""People's comfort in the reward, by hand; and building files that cannot keep it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from airhandler.buildings.catalog import Building, expand
from airhandler.buildings.comfort import COMFORT
from airhandler.buildings.errors import UserError
from airhandler.buildings.instrumentation import measured_points
from airhandler.buildings.points import Role
from airhandler.buildings.reward import Reward, Terms
from tests.offices import IDS, MEDIUM, SMALL, values


def terms(building: Building, **changes: float) -> Terms:
    """The terms of a step with comfort everywhere, 2 kW of HVAC and no gas, but for what is changed."""
    meters = building.file.meters
    quiet = {**values(building), meters.hvac: 2000.0, **({meters.gas: 0.0} if meters.gas else {})}
    points = measured_points(building)
    return Reward(building, points)(np.array([{**quiet, **changes}[p.name] for p in points], dtype=float))


def test_categories_are_wider_the_less_is_expected() -> None:
    ranges = list(COMFORT.values())
    assert all(b.low_c < a.low_c and a.high_c < b.high_c for a, b in itertools.pairwise(ranges))


def test_comfort_costs_only_energy() -> None:
    assert terms(SMALL) == Terms(
        reward=pytest.approx(-2000 / 5000), controllable_w=2000.0, exceedance_k=0, over_cap_kw=0
    )


def test_kelvins_outside_are_added_up_over_the_zones_with_people() -> None:
    outside = terms(
        SMALL,
        south_operative_temp_c=27.5,
        east_operative_temp_c=19.0,
        north_operative_temp_c=5.0,
        north_occupants=0.0,
        west_operative_temp_c=40.0,
        west_occupants=0.5,
    )
    assert outside.exceedance_k == pytest.approx(1.5 + 1.0)
    assert outside.reward == pytest.approx(-2000 / 5000 - 0.5 * 2.5)


def test_gas_counts_as_electricity_does() -> None:
    assert terms(MEDIUM, heating_gas_w=7000.0).controllable_w == pytest.approx(9000.0)


def test_few_people_count_where_the_file_says_so() -> None:
    assert terms(MEDIUM, bot_core_operative_temp_c=30.0, bot_core_occupants=2.9).exceedance_k == 0.0
    assert terms(MEDIUM, bot_core_operative_temp_c=30.0, bot_core_occupants=3.0).exceedance_k == pytest.approx(4.0)


def test_limits_that_let_heating_pass_cooling_are_refused() -> None:
    """EnergyPlus ends a run in which they cross."""
    file = SMALL.file
    points = tuple(p.model_copy(update={"high": 23.0}) if "heating_setpoint" in p.name else p for p in file.points)
    with pytest.raises(UserError, match=r"south_heating_setpoint_c goes up to 23 and south_cooling_setpoint_c down to"):
        expand(file.model_copy(update={"points": points}))


@pytest.mark.parametrize("building", [SMALL, MEDIUM], ids=IDS)
def test_every_setpoint_shows_where_it_stands(building: Building) -> None:
    sensors = {p.name for p in building.points if p.role is Role.SENSOR}
    assert {rule.shown_by for rule in building.rules} <= sensors
