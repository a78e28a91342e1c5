"""The command line as a user types it: results on stdout, one line for a mistake, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airhandler.buildings.weather import find_weather

REQUIRED = {
    "total_kwh",
    "hvac_kwh",
    "it_kwh",
    "other_kwh",
    "pue",
    "inlet_max_c",
    "above_recommended_frac",
    "above_allowable_frac",
    "shield_adjusted_frac",
    "steps",
    "seed",
    "building",
    "weather",
}


def airhandler(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "airhandler", *words], capture_output=True, text=True, check=False, cwd=cwd
    )


def mistake(*words: str, cwd: Path | None = None) -> str:
    """The one line that a mistake gives."""
    done = airhandler(*words, cwd=cwd)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("airhandler: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["buildings", "train", "tune", "evaluate", "report", "shadow", "live", "demo"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = airhandler(command, "--help")
    assert done.returncode == 0
    assert f"For example: airhandler {command}" in " ".join(done.stdout.split())


def test_buildings_as_json_name_zones_actions_and_observations() -> None:
    (building,) = [b for b in json.loads(airhandler("buildings", "--json").stdout) if b["id"] == "datacentre-dx"]
    assert building["zones"] == ["east", "west"]
    assert len(building["actions"]) == 4
    for zone in building["zones"]:
        assert {f"{zone}_inlet_temp_c", f"{zone}_inlet_dew_point_c"} <= set(building["observations"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stock", "outdoor-reset"])
def test_evaluate_prints_one_object_whose_parts_are_the_total(name: str) -> None:
    result = json.loads(airhandler("evaluate", name, "--days", "2", "--start", "07-01", "--json").stdout)
    assert set(result) >= REQUIRED
    assert result["steps"] == 192
    assert result["total_kwh"] == result["hvac_kwh"] + result["it_kwh"] + result["other_kwh"]


@pytest.mark.slow
def test_evaluate_takes_any_epw_file_by_its_path(tmp_path: Path) -> None:
    shutil.copy(find_weather("lisbon").path, tmp_path / "mine.epw")
    path = str(tmp_path / "mine.epw")
    result = json.loads(airhandler("evaluate", "constant", "--days", "1", "--weather", path, "--json").stdout)
    assert (result["weather"], result["steps"]) == (path, 96)


@pytest.mark.slow
def test_several_controllers_run_side_by_side_and_become_a_report(tmp_path: Path) -> None:
    words = ["stock", "constant", "outdoor-reset", "--days", "2", "--out", str(tmp_path / "kept"), "--json"]
    rows = json.loads(airhandler("evaluate", *words).stdout)
    assert [row["controller"] for row in rows] == ["stock", "constant", "outdoor-reset"]
    done = airhandler("report", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "kept" / "report.html").read_text()
    assert "outdoor-reset" in page
    assert "<svg" in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "stock", "--building", "datacenter-dx"], "did you mean datacentre-dx"),
        (["evaluate", "stock", "--weather", "chicgo"], "did you mean chicago"),
        (["evaluate", "stokc"], "did you mean stock"),
        (["evaluate", "stock", "--start", "july"], "must be MM-DD"),
        (["evaluate", "stock", "--start", "12-30", "--days", "9"], "must be 1 to 2"),
        (["evaluate", "stock", "--weather", "README.md"], "not a readable EPW file"),
        (["evaluate", "stock", "--out", "/proc/nowhere"], "cannot be written"),
        (["train", "--out", "/proc/nowhere"], "cannot be written"),
        (["train", "--set", "gama=1"], "no hyperparameter 'gama'"),
        (["report", "nowhere"], "holds no runs"),
        (["tune", "stock"], "no parameters to search"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(words: list[str], said: str) -> None:
    assert said in mistake(*words, cwd=Path(__file__).parents[1])


@pytest.mark.slow
def test_runs_of_different_days_are_kept_side_by_side(tmp_path: Path) -> None:
    for start in ("01-05", "07-05"):
        airhandler("evaluate", "stock", "constant", "--days", "1", "--start", start, "--out", str(tmp_path))
    assert len(list(tmp_path.glob("*.npz"))) == 4


def test_a_folder_that_is_no_bundle_is_said(tmp_path: Path) -> None:
    assert "a bundle is a folder with card.json and weights.npz" in mistake("evaluate", str(tmp_path))


@pytest.mark.slow
def test_ctrl_c_in_an_evaluation_is_said_in_one_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "airhandler", "evaluate", "stock", "constant", "-j", "2"]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(5)
    os.killpg(running.pid, signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130, error
    assert "airhandler: interrupted" in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_bench_engine_measures_everything_in_one_run(tmp_path: Path) -> None:
    figure = tmp_path / "speed.svg"
    words = ["--days", "1", "--repetitions", "1", "--figure", str(figure), "--json"]
    result = json.loads(airhandler("bench", "engine", *words).stdout)
    for name in (
        "bare_steps_per_s",
        "env_steps_per_s",
        "sinergym_steps_per_s",
        "reset_snapshot_ms",
        "reset_plain_ms",
        "reset_sinergym_ms",
        "branch_24_steps_ms",
        "parallel_2_ratio",
        "snapshot_memory_mib",
        "worker_memory_mb",
    ):
        assert result[name] > 0
    assert "<svg" in figure.read_text()
