"""The building of a twin, in EnergyPlus: the incumbent where nobody commands, and who commands where somebody does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest

from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.scenario import Scenario
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.control.evaluate import evaluate
from airhandler.control.registry import find_controller
from airhandler.deploy.twin_board import Command, Shown
from airhandler.deploy.twin_building import TwinBuilding
from tests.deploy.twins import BUILDING, FLOW, SUPPLY

WEATHER, PERIOD = find_weather("chicago"), Period(start=(7, 1), days=1)
HALF = 48  # steps of half a day
WEST_SUPPLY = "west_supply_air_temp_setpoint_c"


@contextlib.contextmanager
def twin(incumbent: str = "stock") -> Iterator[TwinBuilding]:
    with contextlib.closing(SimulatedSite(BUILDING, WEATHER, PERIOD, breakable=True)) as site:
        yield TwinBuilding(site, BUILDING, find_controller(incumbent, BUILDING))


def _run(building: TwinBuilding, steps: int, commands: Mapping[str, Command] | None = None) -> list[Shown]:
    found = [building.step(commands or {}) for _ in range(steps)]
    return [shown for shown in found if shown is not None]


def _column(shown: Sequence[Shown], name: str) -> list[float | None]:
    return [one.values[name] for one in shown]


@pytest.mark.parametrize("incumbent", ["stock", "outdoor-reset"])
def test_left_alone_it_is_the_incumbents_building_bit_for_bit(incumbent: str) -> None:
    controller = find_controller(incumbent, BUILDING)
    table = evaluate(controller, BUILDING, WEATHER, PERIOD, shielded=False).table
    with twin(incumbent) as building:
        found = _run(building, HALF)
    for name in ("total_power_w", "east_inlet_temp_c", "west_supply_air_temp_c"):
        assert _column(found, name) == table.measured[name][1 : HALF + 1].tolist()


def test_a_rule_asks_for_what_it_would_command() -> None:
    controller = find_controller("outdoor-reset", BUILDING)
    assert controller is not None
    with twin("outdoor-reset") as building:
        (found,) = _run(building, 1)
        assert dict(found.incumbent) == dict(controller.propose(building.truth))


def test_what_is_commanded_is_in_force_and_the_rest_is_left_to_its_own_control() -> None:
    command = {SUPPLY: Command(value=24.0, priority=10)}
    with twin() as building:
        alone = _run(building, 8)
    with twin() as building:
        found = _run(building, 8, command)
    assert np.allclose(_column(found, "east_supply_air_temp_c")[2:], 24.0, atol=1.0)  # type: ignore[arg-type]
    assert np.allclose(_column(found, "west_supply_air_temp_c"), _column(alone, "west_supply_air_temp_c"), atol=0.2)  # type: ignore[arg-type]


def test_given_back_it_is_the_incumbents_again() -> None:
    with twin() as building:
        _run(building, 4, {FLOW: Command(value=2.0, priority=10)})
        held = building.shown.values["east_supply_airflow_kg_s"]
        _run(building, 4)
        free = building.shown.values["east_supply_airflow_kg_s"]
    assert held == pytest.approx(2.0)
    assert free != pytest.approx(2.0, abs=0.1)


def test_stock_asks_for_what_its_sensors_show_but_not_while_somebody_else_commands() -> None:
    with twin() as building:
        (before,) = _run(building, 1)
        (held,) = _run(building, 1, {SUPPLY: Command(value=24.0, priority=10)})
        (after,) = _run(building, 1)
    assert before.incumbent[SUPPLY] == before.values["east_supply_air_temp_c"]
    assert held.incumbent[SUPPLY] == before.incumbent[SUPPLY] != held.values["east_supply_air_temp_c"]
    assert held.incumbent[WEST_SUPPLY] == held.values["west_supply_air_temp_c"]
    assert after.incumbent[SUPPLY] == after.values["east_supply_air_temp_c"]


def test_equipment_breaks_while_it_runs_as_it_does_in_a_scenario() -> None:
    scenario = Scenario(faults=("dead-fan-east@07-01T01:00+1h",))
    table = evaluate(None, BUILDING, WEATHER, PERIOD, scenario=scenario).table
    with twin() as building:
        found = _run(building, 4)
        building.break_equipment(["dead-fan-east"])
        found += _run(building, 4)
        building.break_equipment([])
        found += _run(building, 8)
    for name in ("east_supply_airflow_kg_s", "east_inlet_temp_c"):
        assert _column(found, name) == table.measured[name][1:17].tolist()
    assert found[5].values["east_supply_airflow_kg_s"] == 0.0


def test_broken_equipment_does_not_care_who_commands() -> None:
    with twin() as building:
        building.break_equipment(["dead-fan-east", "compressor-trip-west"])
        (found,) = _run(building, 1, {FLOW: Command(value=5.0, priority=1)})
    assert found.values["east_supply_airflow_kg_s"] == 0.0


def test_equipment_that_it_does_not_have_is_a_users_mistake() -> None:
    with twin() as building, pytest.raises(UserError, match="dead-fan-east"):
        building.break_equipment(["flood"])


def test_at_the_end_of_its_period_it_ends() -> None:
    with twin() as building:
        assert len(_run(building, 100)) == 96
