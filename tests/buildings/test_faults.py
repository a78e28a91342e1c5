"""Faults in simulations: each is seen in EnergyPlus, and sensors show what they are declared to of the same truth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import building_ids, expand, find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import UserError
from airhandler.buildings.faults import check_within, read_faults
from airhandler.buildings.model import Period
from airhandler.buildings.points import Setpoints
from airhandler.buildings.scenario import Scenario
from airhandler.buildings.settings import FaultFile
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather

DX = find_building("datacentre-dx")
JULY = Period(start=(7, 15), days=1)
INLET = "east_inlet_temp_c"


def test_a_site_shows_what_its_sensors_do_and_knows_the_truth() -> None:
    texts = (f"{INLET}:bias=2", "west_inlet_temp_c:nan", "west_zone_temp_c:dropout")
    site = SimulatedSite(DX, find_weather("chicago"), JULY, scenario=Scenario(faults=texts))
    sound = SimulatedSite(DX, find_weather("chicago"), JULY)
    try:
        for _ in range(4):
            seen, truth = site.read(), site.truth()
            assert truth == sound.read()
            assert seen[INLET] == truth[INLET] + 2.0
            assert math.isnan(seen["west_inlet_temp_c"])
            assert seen.get("west_zone_temp_c") is None
            changed = {INLET, "west_inlet_temp_c", "west_zone_temp_c"}
            assert {n: v for n, v in seen.values.items() if n not in changed} == {
                n: v for n, v in truth.values.items() if n not in changed
            }
            assert site.advance()
            assert sound.advance()
    finally:
        site.close()
        sound.close()


def test_an_environment_observes_its_sensors_and_is_rewarded_by_the_truth() -> None:
    rewards, observed = [], []
    for faults in ((), (f"{INLET}:bias=2", "west_inlet_temp_c:dropout", "east_zone_temp_c:noise=1")):
        env = BuildingEnv(start=(7, 15), days=1, faults=faults)
        first, _ = env.reset(seed=1)
        held = np.full(len(DX.setpoints), math.nan)
        steps = [env.step_setpoints(held) for _ in range(6)]
        rewards.append([s[1] for s in steps])
        observed.append([first, *(s[0] for s in steps)])
        env.close()
    assert rewards[0] == rewards[1]
    east, west = (env.codec.names.index(n) for n in (INLET, "west_inlet_temp_c"))
    scale = next(o for o in DX.observations if o.point == INLET)
    sound, faulty = np.array(observed[0]), np.array(observed[1])
    np.testing.assert_allclose(faulty[:, east] - sound[:, east], 2.0 * 2.0 / (scale.high - scale.low), atol=1e-5)
    assert (faulty[:, west] == 0.0).all()


def test_an_episode_with_noise_is_decided_by_its_seed() -> None:
    env = BuildingEnv(start=(7, 15), days=1, stress=1)
    first, again, other = (env.reset(seed=seed)[0] for seed in (3, 3, 4))
    env.close()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_airflow_per_an_absent_value_is_left_to_the_buildings_own_control() -> None:
    env = BuildingEnv(start=(7, 15), days=1, faults=("east_server_airflow_kg_s:dropout",))
    env.reset(seed=0)
    info = env.step(np.zeros(len(DX.setpoints), np.float32))[4]
    env.close()
    absent = [p.name for p, value in zip(DX.setpoints, info["setpoints"], strict=True) if math.isnan(value)]
    assert absent == ["east_supply_airflow_setpoint_kg_s"]


def test_a_fault_that_no_step_of_a_run_has_is_refused() -> None:
    with pytest.raises(UserError, match="outside the run of 1 day from 07-15"):
        check_within(read_faults((f"{INLET}:bias=1@08-01T00:00",), DX), DX, JULY)


# What each fault does from 12:00, for an hour, on a hot day: which points rise and which fall by at least so much, at
# the end of the hour, against the same day without it.
EFFECTS = {
    ("datacentre-dx", "dead-fan-east"): {"east_supply_airflow_kg_s": -1.0, INLET: 10.0},
    ("datacentre-dx", "compressor-trip-east"): {"east_coil_power_w": -5000.0, "east_zone_temp_c": 2.0},
    ("datacentre-dx", "fouled-coil-east"): {"east_supply_air_temp_c": 2.0, INLET: 2.0},
    ("datacentre-dx-economiser", "dead-fan-east"): {"east_supply_airflow_kg_s": -1.0, INLET: 10.0},
    ("datacentre-dx-economiser", "compressor-trip-east"): {"east_coil_power_w": -5000.0, "east_zone_temp_c": 2.0},
    ("datacentre-dx-economiser", "fouled-coil-east"): {"east_supply_air_temp_c": 2.0, INLET: 2.0},
    ("datacentre-crac", "dead-fan-main"): {"main_supply_airflow_kg_s": -1.0, "main_inlet_temp_c": 10.0},
    ("datacentre-crac", "compressor-trip-main"): {"main_coil_power_w": -5000.0, "main_inlet_temp_c": 10.0},
    ("datacentre-crac", "fouled-coil-main"): {"main_supply_air_temp_c": 2.0, "main_inlet_temp_c": 2.0},
    ("datacentre-cw", "dead-fan-east"): {"east_supply_airflow_kg_s": -1.0, INLET: 10.0},
    ("datacentre-cw", "chiller-trip"): {"chilled_water_supply_temp_c": 5.0, "chiller_power_w": -5000.0, INLET: 2.0},
    ("datacentre-cw", "fouled-coil-east"): {"east_supply_air_temp_c": 1.0, "east_coil_cooling_w": -2000.0},
    ("datacentre-cw-economiser", "dead-fan-east"): {"east_supply_airflow_kg_s": -1.0, INLET: 10.0},
    ("datacentre-cw-economiser", "chiller-trip"): {"chilled_water_supply_temp_c": 5.0, "chiller_power_w": -5000.0},
    ("datacentre-cw-economiser", "fouled-coil-east"): {"east_supply_air_temp_c": 1.0, "east_coil_cooling_w": -2000.0},
    ("data-hall-2", "dead-fan-bay01"): {"bay01_supply_airflow_kg_s": -1.0, "bay01_inlet_temp_c": 2.0},
    ("data-hall-2", "chiller-trip"): {"chilled_water_supply_temp_c": 5.0, "bay01_inlet_temp_c": 2.0},
    ("data-hall-2", "fouled-coil-bay01"): {"bay01_supply_air_temp_c": 1.0, "bay01_inlet_temp_c": 1.0},
    ("data-hall-2", "load-step"): {"bay01_it_load_frac": 0.01, "it_power_w": 1000.0},
}


def after_an_hour(building: str, *faults: str) -> tuple[dict[str, float], dict[str, float]]:
    """The readings before the fault begins and when it ends, the building in its own hands."""
    place = find_building(building)
    site = SimulatedSite(place, find_weather("tucson"), JULY, scenario=Scenario(faults=faults))
    try:
        for _ in range(48):
            assert site.advance()
        before = site.read()
        for _ in range(4):
            assert site.advance()
        after = site.read()
    finally:
        site.close()
    first, last = ({n: v for n, v in r.values.items() if v is not None} for r in (before, after))
    return first, last


@pytest.mark.slow
@pytest.mark.parametrize("building", sorted({of for of, _ in EFFECTS}))
def test_each_fault_of_the_equipment_is_seen_in_the_simulation(building: str) -> None:
    sound_before, sound = after_an_hour(building)
    declared = {name for name in find_building(building).faults if not name.endswith(("-west", "-bay02"))}
    assert declared == {"load-step"} | {fault for of, fault in EFFECTS if of == building}
    for (of, fault), effects in EFFECTS.items():
        if of == building:
            before, after = after_an_hour(building, f"{fault}@07-15T12:00+1h")
            assert before == sound_before
            for point, least in effects.items():
                change = after[point] - sound[point]
                assert change * math.copysign(1.0, least) >= abs(least), (fault, point, change)


@pytest.mark.parametrize("building", sorted({of for of, _ in EFFECTS} - {"data-hall-2"}))
def test_a_load_step_comes_on_top_of_a_load_that_is_commanded(building: str, tmp_path: Path) -> None:
    place, powers, loads = find_building(building), [], []
    half = tmp_path / "half.csv"
    half.write_text("time,load\n" + "".join(f"1991-07-15T{hour:02d}:00,0.5\n" for hour in range(24)))
    through = Scenario(it_load=str(half), faults=("load-step@07-15T00:30+0.5h",))
    site = SimulatedSite(place, find_weather("chicago"), JULY, scenario=through)
    try:
        for _ in range(5):
            assert site.advance()
            powers.append(site.read()["it_power_w"])
            loads.append(site.read()["it_load_frac"])
    finally:
        site.close()
    assert loads == [0.5, 0.5, 1.0, 1.0, 0.5]
    assert powers[2] > 1.2 * powers[1]
    assert powers[4] < powers[3] / 1.1


def test_a_dead_fan_stands_still_whatever_is_commanded() -> None:
    site = SimulatedSite(
        DX, find_weather("chicago"), JULY, scenario=Scenario(faults=("dead-fan-east@07-15T00:15+0.5h",))
    )
    flows = []
    try:
        site.writer().write(Setpoints({p.name: (p.low + p.high) / 2 for p in DX.setpoints}))
        for _ in range(4):
            assert site.advance()
            flows.append(site.read()["east_supply_airflow_kg_s"] > 0.1)
    finally:
        site.close()
    assert flows == [True, False, False, True]


def test_a_fault_of_a_building_file_must_force_what_there_is() -> None:
    fault = FaultFile(name="trip", help="", force={"chiller_available": 0.0})
    with pytest.raises(UserError, match="fault trip: chiller_available: neither a set-point nor a drive"):
        expand(DX.file.model_copy(update={"faults": (fault,)}))
    fault = FaultFile(name="surge", help="", force={"it_load_frac": 2.0})
    with pytest.raises(UserError, match="fault surge: it_load_frac 2: must be 0 to 1"):
        expand(DX.file.model_copy(update={"faults": (fault,)}))


def test_every_data_centre_declares_faults_that_are_tried_here() -> None:
    declared = {name for name in building_ids() if find_building(name).faults and not name.startswith("data-hall-")}
    assert declared == {of for of, _ in EFFECTS} - {"data-hall-2"}
    assert declared >= {name for name in building_ids() if name.startswith("datacentre-")}
