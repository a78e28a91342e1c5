"""The engine on real EnergyPlus, a few days at a time."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.energyplus import Actuator, Meter, Simulation, Variable
from airhandler.buildings.errors import SimulationError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.weather import find_weather

BUILDING, CHICAGO = find_building("datacentre-dx"), find_weather("chicago")
JULY = Period(start=(7, 1), days=2)
OUTDOOR = Variable("Site Outdoor Air Drybulb Temperature", "Environment")
FAN = Actuator("Fan", "Fan Air Mass Flow Rate", "East Zone Supply Fan")


def model(folder: Path, **changes: dict[str, object]) -> Path:
    """The prepared model as a file, with whole object types replaced."""
    path = folder / "model.epJSON"
    path.write_text(json.dumps({**prepare(BUILDING.file, CHICAGO, JULY), **changes}))
    return path


def simulation(path: Path, sensors: list[Variable | Meter], actuators: list[Actuator]) -> Simulation:
    return Simulation(model=path, weather=CHICAGO.path, sensors=sensors, actuators=actuators)


def test_a_run_has_every_step_of_its_period_and_then_ends(tmp_path: Path) -> None:
    with simulation(model(tmp_path), [OUTDOOR], [FAN]) as run:
        run.start()
        steps = 0
        while run.step(np.array([4.0])) is not None:
            steps += 1
        assert steps == run.steps == 2 * 96
        with pytest.raises(SimulationError, match="not running"):
            run.step(np.array([4.0]))


def test_readings_follow_the_weather_file(tmp_path: Path) -> None:
    """At the end of each hour, EnergyPlus's outdoor temperature is that hour's value in the file."""
    with simulation(model(tmp_path), [OUTDOOR], [FAN]) as run:
        run.start()
        seen = [run.step(np.array([np.nan])) for _ in range(96)]
    hourly = [float(values[0]) for values in seen[3::4] if values is not None]
    first = (JULY.first.timetuple().tm_yday - 1) * 24
    assert hourly == pytest.approx(CHICAGO.dry_bulb_c[first : first + 24].tolist(), abs=0.01)


@pytest.mark.slow
def test_two_runs_interleaved_in_one_process_are_each_as_if_alone() -> None:
    def values(run: InstrumentedRun, setpoints: list[float]) -> np.ndarray:
        step = run.step(np.array(setpoints))
        assert step is not None
        return step

    cool, warm = [18.0, 4.0, 18.0, 4.0], [25.0, 3.5, 25.0, 3.5]
    alone = []
    for setpoints in (cool, warm):
        run = InstrumentedRun(BUILDING, CHICAGO, JULY)
        run.start()
        alone.append([values(run, setpoints) for _ in range(50)])
        run.close()
    a, b = (InstrumentedRun(BUILDING, CHICAGO, JULY) for _ in range(2))
    a.start()
    b.start()
    together = [(values(a, cool), values(b, warm)) for _ in range(50)]
    a.close()
    b.close()
    assert np.array_equal([x for x, _ in together], alone[0])
    assert np.array_equal([y for _, y in together], alone[1])


def test_a_name_that_does_not_exist_is_an_error_with_the_nearest_names(tmp_path: Path) -> None:
    wrong = Variable("Zone Air Temprature", "East Zone")
    with simulation(model(tmp_path), [wrong], [FAN]) as run, pytest.raises(SimulationError) as caught:
        run.start()
    assert "'Zone Air Temprature,East Zone' does not exist" in str(caught.value)
    assert "zone air temperature" in str(caught.value).lower()


def test_an_actuator_that_does_not_exist_is_an_error_with_the_nearest_names(tmp_path: Path) -> None:
    wrong = Actuator("Fan", "Fan Air Mass Flow Rate", "East Zone Suply Fan")
    with simulation(model(tmp_path), [OUTDOOR], [wrong]) as run, pytest.raises(SimulationError) as caught:
        run.start()
    assert "EAST ZONE SUPPLY FAN" in str(caught.value)


def test_an_energyplus_error_comes_with_its_own_words(tmp_path: Path) -> None:
    broken = model(tmp_path, Zone={})
    with simulation(broken, [OUTDOOR], [FAN]) as run, pytest.raises(SimulationError, match=r"Severe|Fatal"):
        run.start()


def test_a_second_run_period_is_refused(tmp_path: Path) -> None:
    [period] = prepare(BUILDING.file, CHICAGO, JULY)["RunPeriod"].values()
    path = model(tmp_path, RunPeriod={"First": period, "Second": {**period, "begin_month": 8, "end_month": 8}})
    with simulation(path, [OUTDOOR], [FAN]) as run:
        run.start()
        with pytest.raises(SimulationError, match="more than one RunPeriod: keep one"):
            [run.step(np.array([4.0])) for _ in range(31 * 96)]  # those of its warm-up, too


def test_a_closed_run_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = model(tmp_path)
    run = simulation(path, [OUTDOOR], [FAN])
    run.start()
    assert len(list(tmp_path.iterdir())) == 2
    run.step(np.array([4.0]))
    run.close()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("closed", [True, False])
def test_a_run_that_is_closed_or_forgotten_leaves_no_model(closed: bool) -> None:
    run = InstrumentedRun(BUILDING, CHICAGO, JULY)
    made = run._engine._model
    run.start()
    assert made.exists()
    if closed:
        run.close()
    else:
        del run
        gc.collect()
    assert not made.exists()


def test_meters_are_energy_of_the_step_and_absent_before_the_first() -> None:
    """The power meters agree with EnergyPlus's own rates over two days, and are no number at the start."""
    run = InstrumentedRun(BUILDING, CHICAGO, JULY)
    names = [p.name for p in run.measured]
    first = run.reading(run.start())
    assert first.get("total_power_w") is None
    assert first.get("hvac_power_w") is None
    assert first.get("east_inlet_temp_c") is not None
    rows = [run.step(run.array(None)) for _ in range(run.total_steps)]
    run.close()
    mean = dict(zip(names, np.mean(np.array(rows), axis=0), strict=True))
    parts = mean["hvac_power_w"] + mean["it_power_w"] + mean["other_power_w"]
    assert parts == pytest.approx(mean["total_power_w"], rel=0.005)
    assert mean["fans_power_w"] == pytest.approx(mean["east_fan_power_w"] + mean["west_fan_power_w"], rel=0.02)


def test_inlets_obey_the_mass_balance() -> None:
    """Inlet = (1 - R) supply + R zone of the step before, R by mass balance: what the recirculation edit promises."""
    run = InstrumentedRun(BUILDING, CHICAGO, JULY)
    previous = run.reading(run.start())
    leak = BUILDING.file.parameters["leak_frac"]
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(100):
        values = run.step(np.array([22.0, rng.uniform(2.5, 5.0), 20.0, rng.uniform(2.5, 5.0)]))
        assert values is not None
        now = run.reading(values)
        for zone in ("east", "west"):
            ratio = previous[f"{zone}_supply_airflow_kg_s"] / previous[f"{zone}_server_airflow_kg_s"]
            r = max(leak, 1 - (1 - leak) * ratio)
            expected = (1 - r) * previous[f"{zone}_supply_air_temp_c"] + r * previous[f"{zone}_zone_temp_c"]
            worst = max(worst, abs(expected - now[f"{zone}_inlet_temp_c"]))
        previous = now
    run.close()
    assert worst < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("moved", range(4), ids=[p.name for p in BUILDING.setpoints])
@pytest.mark.parametrize("start", [(1, 15), (7, 15)], ids=["winter", "summer"])
def test_each_setpoint_moves_energy_or_an_inlet(moved: int, start: tuple[int, int]) -> None:
    """One set-point from low to high, the others still: electricity or an inlet must answer by more than noise."""
    seen = []
    for end in ("low", "high"):
        setpoints = np.array([(p.low + p.high) / 2 for p in BUILDING.setpoints])
        setpoints[moved] = getattr(BUILDING.setpoints[moved], end)
        run = InstrumentedRun(BUILDING, CHICAGO, Period(start=start, days=1))
        run.start()
        rows = [run.step(setpoints) for _ in range(run.total_steps)]
        run.close()
        names = [p.name for p in run.measured]
        seen.append(dict(zip(names, np.mean(np.array(rows), axis=0), strict=True)))
    low, high = seen
    energy = abs(high["total_power_w"] - low["total_power_w"]) / low["total_power_w"]
    inlet = max(abs(high[f"{z}_inlet_temp_c"] - low[f"{z}_inlet_temp_c"]) for z in ("east", "west"))
    assert energy > 0.002 or inlet > 0.2


@pytest.mark.slow
def test_stock_at_rest_uses_no_more_than_the_source_models_own_manager(tmp_path: Path) -> None:
    """So that savings against `stock` are not owed to a set-point that the source model would not have chosen."""
    from airhandler.buildings.sinergym import model_path

    source = json.loads(model_path(BUILDING.file.source.sinergym).read_text())
    ours = json.loads(model(tmp_path).read_text())
    theirs = {k: v for k, v in ours.items() if k != "SetpointManager:Scheduled"}
    theirs["SetpointManager:SingleZone:Cooling"] = source["SetpointManager:SingleZone:Cooling"]
    used = []
    for number, tree in enumerate((ours, theirs)):
        path = tmp_path / f"{number}.epJSON"
        path.write_text(json.dumps(tree))
        with simulation(path, [Meter("ElectricityPurchased:Facility")], [FAN]) as run:
            run.start()
            used.append(sum(float(v[0]) for _ in range(191) if (v := run.step(np.array([np.nan]))) is not None))
    assert 0.94 * used[1] < used[0] < used[1]


def test_the_look_for_nearest_names_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = model(tmp_path)
    wrong = Variable("Zone Air Temprature", "East Zone")
    with simulation(path, [wrong], [FAN]) as run, pytest.raises(SimulationError, match="does not exist"):
        run.start()
    assert list(tmp_path.iterdir()) == [path]
