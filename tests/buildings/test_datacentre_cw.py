"""The chilled-water data centre: its meters add up, its water side follows, and physics has no holes to exploit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.energyplus import Actuator, Meter, Simulation
from airhandler.buildings.envelope import RECOMMENDED, THERMAL_CLASSES
from airhandler.buildings.instrumentation import InstrumentedRun, measured_points
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.sinergym import model_path
from airhandler.buildings.weather import find_weather

BUILDING = find_building("datacentre-cw")
CHICAGO, TUCSON = find_weather("chicago"), find_weather("tucson")
FALLBACK = np.array([rule.fallback for rule in BUILDING.rules])
NAMES = [p.name for p in BUILDING.setpoints]
ZONES = tuple(BUILDING.file.zones)


class Rows:
    """The values of every step of a run, by the name of a point."""

    def __init__(self, rows: list[Array]) -> None:
        self._rows = np.array(rows)
        self._column = {p.name: i for i, p in enumerate(measured_points(BUILDING))}

    def __getitem__(self, name: str) -> Array:
        return self._rows[:, self._column[name]]


def simulated(setpoints: Array, *, start: tuple[int, int], days: int = 2, weather: str = "chicago") -> Rows:
    run = InstrumentedRun(BUILDING, find_weather(weather), Period(start=start, days=days))
    run.start()
    rows = [values for _ in range(run.total_steps) if (values := run.step(setpoints)) is not None]
    run.close()
    return Rows(rows)


def at(**changes: float) -> Array:
    """The fallback with some set-points moved; a name without a zone stands for both zones."""
    return np.array(
        [next((v for k, v in changes.items() if name.endswith(k)), f) for name, f in zip(NAMES, FALLBACK, strict=True)]
    )


@pytest.fixture(scope="module")
def july() -> Rows:
    """Two hot days under the fallback."""
    return simulated(FALLBACK, start=(7, 17))


def test_the_meters_add_up(july: Rows) -> None:
    parts = july["hvac_power_w"] + july["it_power_w"] + july["other_power_w"]
    np.testing.assert_allclose(parts, july["total_power_w"], rtol=0.005)
    of_water = ["chiller_power_w", "chilled_water_pump_power_w", "condenser_pump_power_w", "tower_fan_power_w"]
    mean_w = sum(july[name].mean() for name in of_water)  # rates at the end of a step against its meter
    assert mean_w == pytest.approx(july["chilled_water_power_w"].mean(), rel=0.02)


def test_the_idle_tower_heats_its_basin_in_frost_and_no_part_of_the_power_is_lost() -> None:
    frost = simulated(FALLBACK, start=(1, 10), days=1)
    assert frost["chiller_power_w"].max() < 1.0
    expected_w = 140.0 * np.maximum(0.0, 4.5 - frost["outdoor_air_temp_c"])
    assert frost["chilled_water_power_w"].mean() == pytest.approx(expected_w.mean(), rel=0.05)
    parts = frost["hvac_power_w"] + frost["it_power_w"] + frost["other_power_w"]
    np.testing.assert_allclose(parts, frost["total_power_w"], rtol=0.005)


def test_the_water_that_is_used_carries_off_the_heat_of_the_tower(july: Rows) -> None:
    """At least 3/4 of what the condenser rejects leaves as vapour, 2.45 MJ/kg; blowdown and drift come on top."""
    rejected_w = sum(july[f"{zone}_coil_cooling_w"] for zone in ZONES) + july["chiller_power_w"]
    carried_w = july["water_flow_m3_s"] * 1000.0 * 2.45e6
    assert 0.75 * rejected_w.sum() < carried_w.sum()


@pytest.mark.parametrize("wanted_c", [7.0, 12.0, 17.0])
def test_chilled_water_follows_its_setpoint_while_the_chiller_runs(wanted_c: float) -> None:
    seen = simulated(at(chilled_water_supply_temp_setpoint_c=wanted_c), start=(7, 17), days=1)
    running = seen["chiller_power_w"] > 1000.0
    assert running.mean() > 0.3
    assert np.abs(seen["chilled_water_supply_temp_c"][running] - wanted_c).max() < 0.1


def test_warmer_chilled_water_and_cooler_condenser_water_spare_the_chiller() -> None:
    def power_per_heat(**changes: float) -> float:
        seen = simulated(at(**changes), start=(7, 17), days=1)
        return float(seen["chiller_power_w"].sum() / sum(seen[f"{zone}_coil_cooling_w"].sum() for zone in ZONES))

    at_rest = power_per_heat()
    assert power_per_heat(chilled_water_supply_temp_setpoint_c=14.0) < 0.9 * at_rest
    assert power_per_heat(condenser_water_temp_setpoint_c=30.0) > 1.05 * at_rest


def test_the_tower_does_not_cool_below_the_wet_bulb() -> None:
    """The source model's does, kelvins deep, where little heat comes to it on a humid day."""
    light = at(
        supply_air_temp_setpoint_c=24.0,
        supply_airflow_setpoint_kg_s=4.0,
        chilled_water_supply_temp_setpoint_c=14.0,
        condenser_water_temp_setpoint_c=15.0,
    )
    seen = simulated(light, start=(7, 16), days=4)
    cools = seen["condenser_water_return_temp_c"] - seen["condenser_water_temp_c"] > 0.5
    assert cools.sum() > 20
    assert (seen["condenser_water_temp_c"] - seen["outdoor_wet_bulb_temp_c"])[cools].min() > 0.0


def test_the_fallback_serves_full_load_on_the_hottest_days() -> None:
    seen = simulated(FALLBACK, start=(6, 20), days=3, weather="tucson")
    assert seen["it_load_frac"].max() == 1.0
    for zone in ZONES:
        assert seen[f"{zone}_inlet_temp_c"].max() < RECOMMENDED.high_c - 5.0
        assert np.abs(seen[f"{zone}_supply_air_temp_c"] - 18.0).max() < 1.0


def test_the_warmest_chilled_water_keeps_the_inlets_allowable() -> None:
    limits = THERMAL_CLASSES[BUILDING.file.shield.inlet_class]
    seen = simulated(at(chilled_water_supply_temp_setpoint_c=17.0, condenser_water_temp_setpoint_c=30.0), start=(7, 17))
    assert max(seen[f"{zone}_inlet_temp_c"].max() for zone in ZONES) < limits.recommended.high_c


def test_no_moisture_gathers_while_air_only_circulates() -> None:
    """The source model's direct coolers run in warm return air, and take the inlets beyond the allowable dew point."""
    allowable = THERMAL_CLASSES[BUILDING.file.shield.inlet_class].allowable_dew_point
    seen = simulated(FALLBACK, start=(6, 10), days=6)
    assert seen["outdoor_dew_point_temp_c"].max() > allowable.high_c + 3.0
    for zone in ZONES:
        assert seen[f"{zone}_inlet_dew_point_c"].max() < allowable.high_c - 1.0


def _run(tree: object, folder: Path, steps: int, commands: object) -> tuple[float, str]:
    """Energy [J] of so many steps under commands, and what EnergyPlus had to say."""
    path = folder.with_suffix(".epJSON")
    path.write_text(json.dumps(tree))
    writes = [BUILDING.writes[name] for name in NAMES]
    actuators = [Actuator(w.component, w.control, w.key) for w in writes]
    meter = Meter("ElectricityPurchased:Facility")
    with Simulation(model=path, weather=CHICAGO.path, sensors=[meter], actuators=actuators, keep=folder) as run:
        run.start()
        used_j = sum(float(v[0]) for n in range(steps) if (v := run.step(commands(n))) is not None)  # type: ignore[operator]
    return used_j, (folder / "eplusout.err").read_text()


@pytest.mark.slow
def test_ramps_within_the_limits_make_no_severe_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    low, high = (np.array([getattr(p, end) for p in BUILDING.setpoints]) for end in ("low", "high"))
    ramps = np.array([rule.ramp_per_step for rule in BUILDING.rules])
    now = FALLBACK.copy()

    def commands(_: int) -> Array:
        now[:] = np.clip(now + rng.uniform(-ramps, ramps), low, high)
        return now

    period = Period(start=(7, 10), days=6)
    _, said = _run(prepare(BUILDING.file, CHICAGO, period), tmp_path / "run", 6 * 96, commands)
    assert " 0 Severe Errors" in said.splitlines()[-1]
    assert said.count("** Warning **") < 20


@pytest.mark.slow
def test_stock_at_rest_uses_no_more_than_with_the_source_models_condenser_manager(tmp_path: Path) -> None:
    """So that savings against `stock` are not owed to a set-point that the source model would not have chosen."""
    ours = prepare(BUILDING.file, CHICAGO, Period(start=(7, 10), days=4))
    source = json.loads(model_path(BUILDING.file.source.sinergym).read_text())
    kind = "SetpointManager:FollowOutdoorAirTemperature"
    managers = {n: o for n, o in ours["SetpointManager:Scheduled"].items() if not n.startswith("Condenser")}
    theirs = ours | {"SetpointManager:Scheduled": managers, kind: source[kind]}
    rest = np.full(len(NAMES), np.nan)
    used = [
        _run(tree, tmp_path / name, 4 * 96, lambda _: rest)[0] for name, tree in (("ours", ours), ("theirs", theirs))
    ]
    assert 0.97 * used[1] < used[0] < used[1]
