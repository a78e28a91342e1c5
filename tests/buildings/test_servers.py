"""Server types: their curves by hand, against what is published, as EnergyPlus objects, as EnergyPlus computes them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import expand, find_building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.epjson import Epjson
from airhandler.buildings.errors import UserError
from airhandler.buildings.floors import floor_areas_m2
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period, edited
from airhandler.buildings.server_model import ITE, installed_w
from airhandler.buildings.servers import find_servers, server_types
from airhandler.buildings.sinergym import model_path
from airhandler.buildings.templates import fill
from airhandler.buildings.weather import find_weather

FILE = find_building("datacentre-dx").file
VOLUME = find_servers("volume-a2")
OURS = sorted(set(server_types()) - {"stock"})
EVERY = sorted(server_types())

loads = st.floats(0.0, 1.0)
inlets = st.floats(15.0, 35.0)


def source_model(name: str = "2ZoneDataCenterHVAC_wEconomizer_DX.epJSON") -> Epjson:
    model: Epjson = json.loads(model_path(name).read_text())
    return model


def test_curves_of_the_volume_server_by_hand() -> None:
    # cpu 0.35 + 0.65 * 0.5 + 0.0025 * (30 - 22); flow 1 - 0.4 * 0.5 + 0.0016 * ((30 - 20)^2 - (27 - 20)^2)
    assert VOLUME.cpu_frac(0.5, 30.0) == pytest.approx(0.695)
    assert VOLUME.airflow_frac(0.5, 30.0) == pytest.approx(0.8816)
    # 100 kW: (92 kW * 0.695 + 8 kW * 0.8816^3) * 1.1
    assert VOLUME.power_w(0.5, 30.0, 100_000.0) == pytest.approx((63_940 + 8_000 * 0.8816**3) * 1.1)
    # 92 kW * 1.1 at 18 degC: 0.35 - 0.0025 * 4 idle, and 0.65 more at full load
    assert VOLUME.floor_w(100_000.0) == pytest.approx((101_200 * 0.34, 101_200 * 0.65))


@pytest.mark.parametrize("name", EVERY)
def test_a_server_is_at_design_where_its_curves_say_so(name: str) -> None:
    servers = find_servers(name)
    assert servers.cpu_frac(1.0, servers.power.at_c) == pytest.approx(1.0)
    assert servers.cpu_frac(0.0, servers.power.at_c) == pytest.approx(servers.power.idle_frac, abs=1e-8)
    assert servers.airflow_frac(1.0, servers.design_inlet_c) == pytest.approx(1.0)


def test_fans_at_full_speed_bring_no_more_air() -> None:
    # 1 + 0.0016 * ((35 - 20)^2 - (27 - 20)^2)
    assert VOLUME.airflow_frac(1.0, 35.0) == pytest.approx(1.2816)
    assert VOLUME.airflow_frac(1.0, 60.0) == pytest.approx(1.2816)
    assert VOLUME.airflow_frac(0.5, 36.0) < VOLUME.most_airflow_frac


@pytest.mark.parametrize("name", OURS)
def test_fans_are_at_full_speed_where_their_class_ends(name: str) -> None:
    servers = find_servers(name)
    assert servers.airflow.most_at_c == THERMAL_CLASSES[servers.inlet_class].allowable.high_c


def per_k(name: str, load_frac: float) -> float:
    """Rise of a server's power per kelvin between 23 and 30 degC, as a share."""
    servers = find_servers(name)
    return (servers.power_w(load_frac, 30.0, 1.0) / servers.power_w(load_frac, 23.0, 1.0) - 1.0) / 7.0


@pytest.mark.parametrize("load_frac", [0.5, 1.0])
@pytest.mark.parametrize("name", OURS)
def test_power_rises_with_the_inlet_about_as_measured_servers_do(name: str, load_frac: float) -> None:
    # Measured: 0.35 to 0.5 % per kelvin (Coroama 2025), a little more for old servers with small fans
    assert 0.0025 < per_k(name, load_frac) < 0.01


def test_the_source_models_servers_rise_as_none_does() -> None:
    assert per_k("stock", 1.0) > 0.04


@pytest.mark.parametrize("name", OURS)
def test_an_idle_server_draws_what_published_results_say(name: str) -> None:
    servers = find_servers(name)
    assert 0.15 < servers.power_w(0.0, 22.0, 1.0) / servers.power_w(1.0, 22.0, 1.0) < 0.4


@given(st.sampled_from(EVERY), loads, loads, inlets)
def test_more_load_is_more_power_and_more_air(name: str, one: float, other: float, inlet_c: float) -> None:
    servers, (less, more) = find_servers(name), sorted((one, other))
    assert servers.power_w(less, inlet_c, 1.0) <= servers.power_w(more, inlet_c, 1.0) + 1e-12
    assert servers.airflow_frac(less, inlet_c) <= servers.airflow_frac(more, inlet_c) + 1e-12


@given(st.sampled_from(EVERY), loads, inlets)
def test_fans_follow_the_airflow_until_they_can_no_more(name: str, load_frac: float, inlet_c: float) -> None:
    servers = find_servers(name)
    fans = servers.power_w(load_frac, inlet_c, 1.0) / servers.plug_ratio
    fans -= servers.cpu_frac(load_frac, inlet_c) * (1.0 - servers.fans.frac)
    flow = min(servers.airflow_frac(load_frac, inlet_c), servers.fans.most_flow_frac)
    assert fans == pytest.approx(servers.fans.frac * flow**servers.fans.exponent, abs=1e-12)


@given(st.sampled_from(EVERY), st.floats(18.0, 27.0))
def test_idle_shares_are_the_least_at_recommended_inlets(name: str, inlet_c: float) -> None:
    servers = find_servers(name)
    assert servers.idle_heat_frac <= servers.cpu_frac(0.0, inlet_c) / servers.cpu_frac(1.0, inlet_c) + 1e-9
    assert servers.idle_flow_frac <= servers.airflow_frac(0.0, inlet_c) / servers.airflow_frac(1.0, inlet_c) + 1e-9


def test_an_unknown_type_offers_the_nearest() -> None:
    with pytest.raises(UserError, match=r"did you mean .*volume-a2"):
        find_building("datacentre-dx", "volume-2a")


def test_a_shield_that_allows_more_than_the_servers_is_refused() -> None:
    wide = FILE.model_copy(update={"shield": FILE.shield.model_copy(update={"inlet_class": "A3"})})
    with pytest.raises(UserError, match=r"inlet_class A3 allows more than the servers \(volume-a2, class A2\)"):
        expand(wide)


def test_the_same_building_is_the_same_object() -> None:
    assert find_building("datacentre-dx") is find_building("datacentre-dx", None)
    assert find_building("datacentre-dx", "stock") is find_building("datacentre-dx", servers="stock")


# What stood in the building file before servers were declared.
BY_HAND: dict[str, dict[str, dict[str, Any]]] = {
    "Curve:Biquadratic": {
        "Data Center Servers Power fLoadTemp": {
            "coefficient1_constant": 0.295,
            "coefficient2_x": 0.65,
            "coefficient4_y": 0.0025,
        },
        "Data Center Servers Airflow fLoadTemp": {
            "coefficient1_constant": 1.1616,
            "coefficient2_x": 0.4,
            "coefficient4_y": -0.064,
            "coefficient5_y_2": 0.0016,
            "maximum_curve_output": 1.2816,
        },
    },
    "Curve:Cubic": {
        "Server Fan Power fFlow": {
            "coefficient1_constant": 0.0,
            "coefficient2_x": 0.0,
            "coefficient3_x_2": 0.0,
            "coefficient4_x_3": 1.0,
            "minimum_value_of_x": 0.0,
            "maximum_value_of_x": 2.0,
        }
    },
    ITE: {
        "{Zone}DataCenter_Equip": {
            "design_fan_power_input_fraction": 0.08,
            "design_fan_air_flow_rate_per_power_input": 7.0e-5,
            "design_electric_power_supply_efficiency": 0.9,
            "design_entering_air_temperature": 27.0,
            "fan_power_input_function_of_flow_curve_name": "Server Fan Power fFlow",
        }
    },
}


def test_the_declared_servers_are_the_objects_that_were_written_by_hand() -> None:
    expected = edited(FILE.model_copy(update={"servers": None}))
    for kind, objects in fill(BY_HAND, FILE).items():
        for name, fields in objects.items():
            expected[kind].setdefault(name, {}).update(fields)
    assert json.dumps(edited(FILE), sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_stock_servers_keep_the_source_models_curves() -> None:
    source, model = source_model(), edited(find_building("datacentre-dx", "stock").file)
    for name in ("Data Center Servers Power fLoadTemp", "Data Center Servers Airflow fLoadTemp"):
        assert model["Curve:Biquadratic"][name] == pytest.approx(source["Curve:Biquadratic"][name])
    before, after = source[ITE]["EastDataCenter_Equip"], model[ITE]["EastDataCenter_Equip"]
    changed = {name for name in after if after[name] != before[name]}
    ours = {"fan_power_input_function_of_flow_curve_name"}  # a cubic with the linear term alone
    assert changed == ours | {
        "design_recirculation_fraction",
        "recirculation_function_of_loading_and_supply_temperature_curve_name",
    }


def test_a_model_without_the_curves_gets_whole_ones() -> None:
    file = FILE.model_copy(
        update={
            "source": FILE.source.model_copy(
                update={
                    "edits": (
                        *FILE.source.edits,
                        type(FILE.source.edits[0])(
                            why="a test", remove={"Curve:Biquadratic": ["Data Center Servers Power fLoadTemp"]}
                        ),
                    )
                }
            )
        }
    )
    curve = edited(file)["Curve:Biquadratic"]["Data Center Servers Power fLoadTemp"]
    assert (curve["coefficient1_constant"], curve["maximum_value_of_x"]) == (0.295, 1.5)


def test_installed_power_is_watts_per_area_times_the_floor() -> None:
    # Floors of the example file: 17 x 15.24 m and 15.24 x 15.24 m
    model = source_model()
    assert floor_areas_m2(model)["East Zone"] == pytest.approx(17.0 * 15.24)
    assert floor_areas_m2(model)["West Zone"] == pytest.approx(15.24 * 15.24)
    assert installed_w(model, "WestDataCenter_Equip") == pytest.approx(200.0 * 15.24**2)
    model["Zone"]["West Zone"] |= {"floor_area": 100.0, "multiplier": 3}
    assert installed_w(model, "WestDataCenter_Equip") == pytest.approx(60_000.0)


def test_installed_power_is_watts_per_unit_times_units() -> None:
    model = source_model("1ZoneDataCenterCRAC_wApproachTemp.epJSON")
    assert installed_w(model, "Data Center Servers") == 500.0 * 100


def test_equipment_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match=r"'North'.*EastDataCenter_Equip"):
        installed_w(source_model(), "North")
    model = source_model()
    del model["BuildingSurface:Detailed"]
    with pytest.raises(UserError, match="'East Zone' has no floor"):
        installed_w(model, "EastDataCenter_Equip")


@pytest.mark.parametrize("name", EVERY)
def test_energyplus_draws_what_the_type_says(name: str) -> None:
    building = find_building("datacentre-dx", name)
    assert building.servers is not None
    model = edited(building.file)
    run = InstrumentedRun(building, find_weather("chicago"), Period(start=(7, 10), days=1))
    run.start()
    for _ in range(12 * 4):
        values = run.step(np.array([24.0, 6.0, 22.0, 6.0]))
    assert values is not None
    reading = run.reading(values)
    drawn_w = sum(
        building.servers.power_w(
            reading["it_load_frac"],
            reading[zone.inlet_temp],
            installed_w(model, building.sources[zone.inlet_temp].key or ""),
        )
        for zone in building.zones.values()
    )
    run.close()
    assert reading["it_power_w"] == pytest.approx(drawn_w, rel=1e-3)
