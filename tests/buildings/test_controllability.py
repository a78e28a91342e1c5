"""Controllability: what moves is measured, what moves nothing is refused with its name and the likely cause."""

from __future__ import annotations

from typing import Any

import pytest

from airhandler.buildings.catalog import Building, expand, find_building
from airhandler.buildings.contract import idle, refuse
from airhandler.buildings.controllability import Effect, controllability
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import BuildingFile, validate

pytestmark = pytest.mark.forks

CRAC = find_building("datacentre-crac")
SUPPLY, AIRFLOW = (p.name for p in CRAC.setpoints)


def changed(edit: dict[str, Any], **points: dict[str, Any]) -> Building:
    """The one-zone building with one more edit of its model, and other actuators for some points."""
    raw = CRAC.file.model_dump()
    raw["source"]["edits"] = [*raw["source"]["edits"], {"why": "a test", **edit}]
    for point in raw["points"]:
        point["write"] = points.get(point["name"].replace("{zone}", "main"), point["write"])
    return expand(validate(raw, BuildingFile, where="test"))


def effect(setpoint: str = SUPPLY, *, energy_frac: float = 0.0, temperature_k: float = 0.0) -> Effect:
    return Effect(
        setpoint=setpoint,
        energy_frac=energy_frac,
        energy_day="01-15",
        temperature_k=temperature_k,
        temperature_point="main_inlet_temp_c",
        temperature_day="01-15",
    )


def test_energy_or_a_temperature_above_noise_is_enough() -> None:
    assert effect(energy_frac=0.001).counts
    assert effect(temperature_k=0.1).counts
    assert not effect(energy_frac=1e-5, temperature_k=0.01).counts


def test_a_building_that_moves_is_not_refused() -> None:
    assert idle(CRAC, [effect(SUPPLY, energy_frac=0.01), effect(AIRFLOW, temperature_k=1.0)]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["datacentre-cw", "datacentre-crac"])
def test_every_setpoint_moves_energy_or_an_inlet(name: str) -> None:
    building = find_building(name)
    effects = controllability(building)
    assert [e.setpoint for e in effects] == [p.name for p in building.setpoints]
    assert idle(building, effects) == []


def test_a_schedule_that_nobody_reads_moves_nothing_and_is_named() -> None:
    unread = {"component": "Schedule:Constant", "control": "Schedule Value", "key": "Idle"}
    building = changed(
        {"add": {"Schedule:Constant": {"Idle": {"schedule_type_limits_name": "Any Number", "hourly_value": 18.0}}}},
        main_supply_air_temp_setpoint_c=unread,
    )
    effects = controllability(building, steps=4, every_moment=False)
    assert (effects[0].energy_frac, effects[0].temperature_k) == (0.0, 0.0)
    assert effects[1].counts
    with pytest.raises(UserError, match=r"main_supply_air_temp_setpoint_c moves neither.*reads the schedule 'Idle'"):
        refuse(building, idle(building, effects))


def test_a_node_that_a_manager_writes_again_is_refused_with_that_cause() -> None:
    node = {"component": "System Node Setpoint", "control": "Temperature Setpoint", "key": "Supply Outlet Node"}
    building = changed({}, main_supply_air_temp_setpoint_c=node)
    effects = controllability(building, steps=4, every_moment=False)
    with pytest.raises(UserError, match=r"main_supply_air_temp_setpoint_c moves neither.*manager writes"):
        refuse(building, idle(building, effects))


def test_servers_that_take_their_own_air_are_the_likely_cause() -> None:
    method = {"Data Center Servers": {"air_flow_calculation_method": "FlowControlWithApproachTemperatures"}}
    building = changed({"set": {"ElectricEquipment:ITE:AirCooled": method}})
    with pytest.raises(UserError, match=r"main_supply_airflow_setpoint_kg_s.*FlowFromSystem"):
        refuse(building, idle(building, [effect(AIRFLOW)]))
