"""What an inspection lists, of models that ship and of small ones made here."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.epjson import Epjson
from airhandler.buildings.floors import floor_areas_m2, polygon_area_m2
from airhandler.buildings.inspection import inspect
from airhandler.buildings.topology import nodes, served_zones, zones
from airhandler.buildings.traps import leakage_per_k, traps

from .own_models import CRAC, hall

ITE = "ElectricEquipment:ITE:AirCooled"


def test_a_data_centre_is_listed_with_what_its_file_says() -> None:
    found = inspect(hall())
    assert found.kind == "data centre"
    east = next(z for z in found.zones if z.name == "East Zone")
    assert (east.it_equipment, east.air_loop) == (("EastDataCenter_Equip",), "East Zone Air System")
    assert east.thermostat == "East Zone Thermostat"
    assert {(p.name, p.within) for p in found.fans} >= {("East Zone Supply Fan", "East Zone Air System")}
    assert {(p.name, p.within) for p in found.water_side} >= {("Chiller", "Chilled Water Loop")}
    (scheduled,) = [m for m in found.setpoint_managers if m.schedule]
    assert scheduled.schedule == "CW Loop Temp Schedule"
    assert scheduled.controls == ("supply of PlantLoop Chilled Water Loop",)
    (cooling,) = {t.cooling_schedules for t in found.thermostats}
    assert cooling == ("Cooling Setpoints",)
    users = next(s.used_by for s in found.schedules if s.name == "Cooling Setpoints")
    assert users == ("ThermostatSetpoint:DualSetpoint Temperature Setpoints",)


def test_an_air_loop_serves_the_zones_behind_splitters_and_terminals_only() -> None:
    model = hall("5ZoneAutoDXVAV")
    loop = model["AirLoopHVAC"]["VAV Sys 1"]
    assert set(served_zones(model, loop)) == {f"SPACE{n}-1" for n in range(1, 6)}
    del model["AirLoopHVAC:ZoneSplitter"]["Zone Supply Air Splitter 1"]["nodes"][0]
    assert len(served_zones(model, loop)) == 4


def test_names_are_found_in_any_case() -> None:
    model = hall()
    model["AirLoopHVAC"]["East Zone Air System"]["demand_side_inlet_node_names"] = "EAST ZONE EQUIPMENT INLET NODE"
    assert served_zones(model, model["AirLoopHVAC"]["East Zone Air System"]) == ("East Zone",)
    assert nodes(model, "EAST ZONE INLETS") == ("East Zone Inlet Node",)


SMALL: Epjson = {
    "Zone": {"North": {}, "South": {"floor_area": 12.0}},
    "ZoneList": {"All": {"zones": [{"zone_name": "NORTH"}, {"zone_name": "South"}]}},
    "Space": {"Desk": {"zone_name": "North"}},
    "SpaceList": {"Desks": {"spaces": [{"space_name": "desk"}]}},
    "Floor:Adiabatic": {"Slab": {"zone_name": "North", "length": 5.0, "width": 4.0}},
}


@pytest.mark.parametrize(
    ("name", "found"), [("south", ("South",)), ("ALL", ("North", "South")), ("Desks", ("North",)), ("Attic", ())]
)
def test_zones_are_found_behind_lists_and_spaces(name: str, found: tuple[str, ...]) -> None:
    assert zones(SMALL, name) == found


@pytest.mark.parametrize(
    ("people", "north", "south"),
    [
        ({"number_of_people": 3}, 3.0, 3.0),
        ({"number_of_people_calculation_method": "People/Area", "people_per_floor_area": 0.1}, 2.0, 1.2),
        ({"number_of_people_calculation_method": "Area/Person", "floor_area_per_person": 4.0}, 5.0, 3.0),
    ],
)
def test_people_are_counted_by_each_method(people: dict[str, Any], north: float, south: float) -> None:
    everyone = {"zone_or_zonelist_or_space_or_spacelist_name": "All", **people}
    found = inspect({**SMALL, "People": {"Everyone": everyone}})
    assert [z.people for z in found.zones] == pytest.approx([north, south])
    assert [z.floor_area_m2 for z in found.zones] == [20.0, 12.0]


@given(
    width=st.floats(0.1, 100),
    depth=st.floats(0.1, 100),
    angle=st.floats(0, 2 * math.pi),
    tilt=st.floats(0, math.pi / 2),
    x=st.floats(-50, 50),
)
def test_the_area_of_a_rectangle_is_width_times_depth_however_it_lies(
    width: float, depth: float, angle: float, tilt: float, x: float
) -> None:
    flat = [(0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth)]
    turned = [(u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)) for u, v in flat]
    corners = [(x + u, v * math.cos(tilt), 3.0 + v * math.sin(tilt)) for u, v in turned]
    assert polygon_area_m2(corners) == pytest.approx(width * depth, rel=1e-6)


def test_a_zone_without_a_floor_has_no_area() -> None:
    assert floor_areas_m2({"Zone": {"Void": {}}}) == {}
    assert polygon_area_m2([]) == 0.0


# --- traps ------------------------------------------------------------------------------------------------------


def words(model: Epjson) -> str:
    return "\n".join(f"{trap.where}: {trap.what}" for trap in traps(model))


def test_the_stock_data_centre_has_the_traps_that_were_measured_in_it() -> None:
    said = words(hall())
    assert "SetpointManager:SingleZone:Cooling East System Setpoint manager (supply of AirLoopHVAC" in said
    assert "computes its set-point anew" in said
    assert "6.7 % per kelvin" in said
    assert "its fans take 40 %" in said
    assert "above 23.0 degC" in said
    assert "SetpointManager:Scheduled" not in said
    assert "SetpointManager:MixedAir" not in said


def test_the_leakage_is_the_slope_of_the_power_curve_at_full_load_and_design_inlet() -> None:
    model = hall()
    it = model[ITE]["EastDataCenter_Equip"]  # design inlet 15 degC; curve -1 + load + 0.06667 T
    assert leakage_per_k(model, it) == pytest.approx(0.06667 / (0.06667 * 15), rel=1e-3)
    model["Curve:Biquadratic"]["Data Center Servers Power fLoadTemp"] |= {
        "coefficient1_constant": 0.295,
        "coefficient2_x": 0.65,
        "coefficient4_y": 0.0025,
    }
    assert leakage_per_k(model, it) == pytest.approx(0.0025 / (0.295 + 0.65 + 0.0025 * 15))
    assert "per kelvin" not in words(model)


def test_servers_that_bypass_the_thermostat_are_a_trap() -> None:
    assert "bypasses the zone's thermostat" in words(hall(CRAC))
    assert "bypasses" not in words(hall())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"design_recirculation_fraction": 0.0}, "has no recirculation"),
        ({"air_inlet_connection_type": "ZoneAirNode"}, "takes its air from ZoneAirNode"),
    ],
)
def test_servers_without_recirculation_are_a_trap(change: dict[str, Any], said: str) -> None:
    model = hall()
    assert said not in words(model)
    model[ITE]["EastDataCenter_Equip"] |= change
    assert said in words(model)


def test_a_conditioned_zone_that_no_thermostat_watches_is_a_trap() -> None:
    model = hall()
    del model["ZoneControl:Thermostat"]["East Zone Thermostat"]
    assert "Zone East Zone: is conditioned, and no thermostat watches it" in words(model)
    assert "Zone West Zone" not in words(model)


def test_programs_that_command_are_a_trap() -> None:
    assert "a program of the model commands Schedule" in words(hall("ASHRAE901_OfficeMedium_STD2019_Denver"))
