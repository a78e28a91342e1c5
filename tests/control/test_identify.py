"""Identification from runs of the simulated building, and the coverage of the bounds."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from airhandler.__main__ import main
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.thermal_file import ThermalFile
from airhandler.control.compare import Cell, compare, save_evaluation
from airhandler.control.coverage import Scores, bench_coverage, in_band, scores
from airhandler.control.identify import doubts, identify, runs_in, with_thermal
from airhandler.control.table import TickTable
from airhandler.safety.forecaster import Forecaster


def keep(
    folder: Path, *controllers: str, weather: str = "chicago", building: str = "datacentre-dx", days: int = 3
) -> Path:
    """Runs, kept as `airhandler evaluate --out` does."""
    cells = [
        Cell(controller=c, building=building, weather=weather, period=Period(start=(7, 1), days=days))
        for c in controllers
    ]
    for cell, done in zip(cells, compare(cells, processes=1), strict=True):
        save_evaluation(folder, cell, done)
    return folder


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("fitted"), "stock", "outdoor-reset", "hostile-random")


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("held-out"), "outdoor-reset", "hostile-random", weather="tucson")


def test_what_the_model_has_is_found(fitted: Path, held_out: Path) -> None:
    found = identify(runs_in(fitted), runs_in(held_out))
    assert found.leak_frac == pytest.approx(0.05, abs=1e-3)  # parameters.leak_frac of the building file
    assert found.bias_k == pytest.approx(0.0, abs=0.02)
    assert found.inlet_lag_steps == 1  # EnergyPlus works the inlets out from the air of the step before
    assert 0.8 <= found.follow_frac < 1.0
    assert 0.7 <= found.keep_frac <= 1.0
    assert len(found.bound_k) == 4
    assert all(0.02 < bound_k < 1.0 for bound_k in found.bound_k)
    assert found.found.startswith("fitted on hostile-random-chicago, outdoor-reset-chicago, stock-chicago (867 ticks)")


def test_values_at_the_end_of_what_is_tried_and_few_days_are_doubted(fitted: Path, held_out: Path) -> None:
    runs, others = runs_in(fitted), runs_in(held_out)
    said = doubts(ThermalFile(leak_frac=0.05, follow_frac=1.0, keep_frac=0.5), runs, others)
    assert [words.partition(" is at the end")[0] for words in said[:-1]] == ["keep_frac 0.5"]
    assert said[-1].startswith("the runs that are held out are 6.0 days in all")
    sound = ThermalFile(leak_frac=0.05, follow_frac=0.9, keep_frac=0.9)
    assert doubts(sound, runs, runs) == []  # nine days
    ends = ThermalFile(leak_frac=0.0, bias_k=-3.0, follow_frac=0.5, keep_frac=1.0)
    assert len(doubts(ends, runs, runs)) == 4
    assert doubts(sound, runs[:1], runs) == [
        "the runs to fit are 3.0 days in all: 7 or more, of several seasons, show more"
    ]


def test_doubts_are_told_beside_the_section(
    fitted: Path, held_out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["airhandler", "identify", str(fitted), "--held-out", str(held_out), "--json"])
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr()
    assert "identify: the runs that are held out are 6.0 days in all" in " ".join(told.err.split())
    assert json.loads(told.out)["inlet_lag_steps"] == 1


def test_bounds_hold_95_of_100_of_what_they_were_calibrated_on(fitted: Path, held_out: Path) -> None:
    runs = runs_in(held_out)
    found = identify(runs_in(fitted), runs)
    building = with_thermal(runs[0].table.building, found)
    kept = [scores(run.table, Forecaster(building, rate_k=0.0)) for run in runs]
    together = Scores(
        error_k=np.concatenate([each.error_k for each in kept]), bound_k=np.concatenate([each.bound_k for each in kept])
    )
    assert together.covered_frac() == pytest.approx([0.95] * 4, abs=0.005)


def test_section_is_one_of_a_building_file(
    fitted: Path, held_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "thermal.yaml"
    arguments = ["airhandler", "identify", str(fitted), "--held-out", str(held_out), "--out", str(written), "--json"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    section = yaml.safe_load(written.read_text())["thermal"]
    assert section == json.loads(capsys.readouterr().out)
    own = tmp_path / "own.yaml"
    own.write_text("base: datacentre-dx\nid: own-hall\n" + written.read_text())
    from airhandler.buildings.catalog import find_building

    assert find_building(str(own)).file.thermal == ThermalFile.model_validate(section)


def test_bench_counts_each_run_and_all_of_them(tmp_path: Path) -> None:
    told: list[int] = []
    result = bench_coverage(
        "datacentre-dx", ["new-york"], ["stock", "hostile-random"], Period(days=4), processes=1, progress=told.append
    )
    assert told == [1, 1]
    assert [run["controller"] for run in result["runs"]] == ["stock", "hostile-random"]
    assert result["nominal"] == 0.95
    assert len(result["online"]) == len(result["fixed"]) == 4
    assert result["predictions"] == sum(run["predictions"] for run in result["runs"])
    for step in range(4):
        assert result["online"][step] == pytest.approx(np.mean([r["online"][step] for r in result["runs"]]), abs=0.002)
    assert result["runs"][0]["fixed"] == [1.0] * 4  # the bounds began at what harder runs need


def test_band_is_93_to_97() -> None:
    assert in_band({"online": [0.93, 0.95, 0.97]})
    assert not in_band({"online": [0.95, 0.929]})
    assert not in_band({"online": [0.971, 0.95]})


def failed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> str:
    """The one line that a user reads."""
    monkeypatch.setattr("sys.argv", ["airhandler", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_folder_without_runs_is_told(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = failed(capsys, monkeypatch, "identify", fitted, "--held-out", tmp_path)
    assert re.fullmatch(
        r"airhandler: .*: holds no runs; `airhandler evaluate CONTROLLER\.\.\. --out .*` keeps them", line
    )


def test_bounds_from_the_runs_that_were_fitted_on_are_refused(
    fitted: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = failed(capsys, monkeypatch, "identify", fitted, "--held-out", fitted)
    assert line.startswith(f"airhandler: --held-out {fitted}: the folder that is fitted on")


def test_office_is_told(tmp_path: Path) -> None:
    folder = keep(tmp_path, "stock", building="office-5zone", days=1)
    with pytest.raises(UserError, match="office-5zone, which has no server zones"):
        runs_in(folder)


def test_bench_of_a_building_without_inlets_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = failed(capsys, monkeypatch, "bench", "coverage", "--building", "office-medium")
    assert line == "airhandler: office-medium: has no server zones, and so no inlets that the shield predicts"


def test_runs_of_two_buildings_are_told(fitted: Path, tmp_path: Path) -> None:
    other = keep(tmp_path, "stock", building="datacentre-cw", days=1)
    with pytest.raises(UserError, match="several buildings: datacentre-dx, datacentre-cw"):
        identify(runs_in(fitted), runs_in(other))


def test_runs_in_which_nothing_was_told_are_told(fitted: Path, held_out: Path, tmp_path: Path) -> None:
    for path in fitted.glob("stock*"):
        shutil.copy(path, tmp_path)
    with pytest.raises(UserError, match="`stock` alone does not show how air follows one"):
        identify(runs_in(tmp_path), runs_in(held_out))


def test_runs_that_are_too_short_are_told(fitted: Path, held_out: Path, tmp_path: Path) -> None:
    (path,) = fitted.glob("outdoor-reset*.npz")
    for ticks in (2, 5):  # an hour ahead is four of them
        with np.load(path) as file:
            short = {**file, "values": file["values"][:, :ticks]}
        np.savez(tmp_path / "short.npz", **short)
        with pytest.raises(UserError, match="told in 5 ticks on end"):
            identify(runs_in(tmp_path), runs_in(held_out))


def test_supply_air_that_no_sensor_shows_is_left_out(fitted: Path, held_out: Path, tmp_path: Path) -> None:
    (path,) = fitted.glob("outdoor-reset*.npz")
    with np.load(path) as file:
        silent = {**file, "values": file["values"].copy()}
        silent["values"][json.loads(str(file["about"]))["columns"].index("east_supply_air_temp_c")] = np.nan
    np.savez(tmp_path / "silent.npz", **silent)
    found = identify(runs_in(tmp_path), runs_in(held_out))
    assert found.leak_frac == pytest.approx(0.05, abs=1e-3)  # as the west shows it


def test_what_sensors_showed_comes_before_the_truth(fitted: Path, tmp_path: Path) -> None:
    (path,) = fitted.glob("outdoor-reset*.npz")
    shutil.copy(path, tmp_path / "run.npz")
    table = TickTable.load(path)
    assert len(runs_in(tmp_path)[0].table) == len(table)
    (other,) = fitted.glob("stock*.npz")
    shutil.copy(other, tmp_path / "run.seen.npz")
    (run,) = runs_in(tmp_path)
    assert run.name == "run"
    assert not run.table.written.any()
