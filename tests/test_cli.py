"""The command line as a user types it: results on stdout, one line for a mistake, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airhandler.buildings.catalog import building_ids, find_building
from airhandler.buildings.codec import Codec
from airhandler.buildings.weather import find_weather

EXAMPLE = Path(__file__).parents[1] / "examples" / "site.yaml"
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
    assert building["observations"] == list(Codec(find_building("datacentre-dx")).names)


def test_buildings_show_prints_points_limits_and_the_reason_of_each_edit() -> None:
    details = json.loads(airhandler("buildings", "show", "datacentre-dx", "--json").stdout)
    setpoints = [p for p in details["points"] if p["role"] == "setpoint"]
    assert [(p["name"], p["low"], p["high"]) for p in setpoints] == [
        (a["setpoint"], a["low"], a["high"]) for a in details["actions"]
    ]
    assert all(details["edits"])
    page = airhandler("buildings", "show", "datacentre-dx").stdout
    assert all(p["name"] in page for p in details["points"])
    assert "basin heater" in page
    assert f"{len(details['observations'])}, with hour and day: hour_sin" in page


@pytest.mark.slow
def test_buildings_check_says_what_each_setpoint_moves() -> None:
    report = json.loads(airhandler("buildings", "check", "datacentre-crac", "--days", "1", "--json").stdout)
    assert report["findings"] == []
    assert [way["way"] for way in report["ways"]] == ["stock", "constant", "random", "extreme"]
    rows = report["effects"]
    assert [row["setpoint"] for row in rows] == [p.name for p in find_building("datacentre-crac").setpoints]
    assert all(row["counts"] and row["temperature_point"] == "main_inlet_temp_c" for row in rows)


def test_buildings_as_json_hold_every_environment_of_sinergym() -> None:
    rows = json.loads(airhandler("buildings", "--json").stdout)
    sinergym = [row for row in rows if row["kind"] == "sinergym"]
    assert len(sinergym) == 109
    assert {"id", "zones", "actions", "observations", "weathers", "relative_speed"} <= set.intersection(*map(set, rows))
    (radiant,) = [row for row in rows if row["id"] == "sinergym:Eplus-radiant-stockholm-discrete-v1"]
    assert (len(radiant["zones"]), radiant["choices"]) == (9, [2, 2, 2, 2, 2, 21])


def test_buildings_show_a_line_for_each_model_of_sinergym_or_every_environment() -> None:
    lines = airhandler("buildings").stdout.splitlines()
    assert sum("sinergym:Eplus-" in line for line in lines) == 9
    assert any("sinergym:Eplus-5zone-... (13)" in line for line in lines)
    assert sum("sinergym:Eplus-" in line for line in airhandler("buildings", "--all").stdout.splitlines()) == 109


def test_every_id_of_ours_stands_whole_in_the_list() -> None:
    page = airhandler("buildings").stdout
    assert [name for name in building_ids() if f"│ {name} " not in page] == []


def test_buildings_show_takes_sinergyms_ids() -> None:
    details = json.loads(airhandler("buildings", "show", "sinergym:Eplus-5zone-hot-continuous-v1", "--json").stdout)
    points = {p["name"]: p for p in details["points"]}
    assert points["HVAC_electricity_demand_rate"]["help"].startswith("Facility Total HVAC Electricity Demand Rate")
    assert (points["cooling_setpoint"]["low"], points["cooling_setpoint"]["high"]) == (23.25, 30.0)
    assert details["steps_per_hour"] == 4


@pytest.mark.slow
def test_sinergyms_ids_are_evaluated_with_their_own_reward() -> None:
    words = ["--building", "sinergym:Eplus-5zone-hot-continuous-v1", "--start", "07-01", "--days", "1"]
    rows = json.loads(airhandler("evaluate", "stock", "comfort-band", *words, "--json").stdout)
    assert [(row["controller"], row["steps"]) for row in rows] == [("stock", 95), ("comfort-band", 95)]
    assert "mean reward" in airhandler("evaluate", "stock", *words).stdout


def test_buildings_alone_lists_as_buildings_list_does() -> None:
    assert airhandler("buildings").stdout == airhandler("buildings", "list").stdout
    assert "--json stands before" in mistake("buildings", "--json", "show", "datacentre-dx")


def test_server_types_are_listed_with_what_follows_from_their_curves() -> None:
    rows = {row["name"]: row for row in json.loads(airhandler("buildings", "servers", "--json").stdout)}
    assert {"volume-a2", "volume-a3", "dense-a2", "stock"} <= set(rows)
    assert rows["stock"]["warm_to_cool_frac"] > 0.3 > 0.05 > rows["volume-a2"]["warm_to_cool_frac"] > 0.0
    assert "Dense efficient server" in airhandler("buildings", "servers").stdout


@pytest.mark.slow
def test_evaluate_takes_other_servers_and_another_load() -> None:
    words = ["evaluate", "constant", "--days", "1", "--json"]
    plain = json.loads(airhandler(*words).stdout)
    other = json.loads(airhandler(*words, "--servers", "dense-a2", "--it-load", "bursty", "--seed", "1").stdout)
    assert (plain["servers"], plain["it_load"]) == ("volume-a2", None)
    assert (other["servers"], other["it_load"]) == ("dense-a2", "bursty")
    assert other["server_fans_kwh"] < plain["server_fans_kwh"] / 2


@pytest.mark.slow
def test_evaluate_puts_controllers_through_faults_stress_and_what_is_drawn(tmp_path: Path) -> None:
    listed, mine = tmp_path / "faults.yaml", tmp_path / "mine.yaml"
    listed.write_text("faults: [east_inlet_temp_c:bias=2]\n")
    mine.write_text("quantities: [{parameter: leak_frac, low: 0.3, high: 0.4, why: a test}]\n")
    words = ["evaluate", "stock", "--start", "07-15", "--days", "1"]
    runs = {
        option: json.loads(airhandler(*words, *option, "--json").stdout)
        for option in (
            (),
            ("--fault", "dead-fan-east@07-15T12:00", "--faults", str(listed)),
            ("--stress", "1"),
            ("--randomise", str(mine)),
        )
    }
    plain, broken, stressed, own = runs.values()
    assert broken["inlet_max_c"] > plain["inlet_max_c"] + 10
    assert broken["faults"] == ["east_inlet_temp_c:bias=2", "dead-fan-east@07-15T12:00"]
    assert (plain["stress"], stressed["stress"], plain["randomised"]) == (None, 1, {})
    assert stressed["total_kwh"] != plain["total_kwh"]
    assert 0.3 <= own["randomised"]["leak_frac"] <= 0.4
    assert own["inlet_max_c"] > plain["inlet_max_c"] + 1
    assert "stress 2; randomised" in airhandler(*words, "--stress", "2", "--randomise", "default").stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["shadow", "live"])
def test_shadow_and_live_are_put_through_it_and_say_so(command: str, tmp_path: Path) -> None:
    words = [command, "outdoor-reset", "--days", "1", "--out", str(tmp_path / "out"), "--port", "0"]
    words += ["--servers", "dense-a2"]
    words += ["--it-load", "bursty", "--fault", "east_inlet_temp_c:stuck@01-01T06:00", "--randomise", "default"]
    done = airhandler(*words)
    assert done.returncode == 0, done.stderr
    said = "servers dense-a2; load bursty; faults east_inlet_temp_c:stuck@01-01T06:00; randomised"
    assert f"put through: {said}" in done.stdout
    assert "0 rejected" not in done.stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["scenario"]["it_load"] == "bursty"
    assert 0.02 <= summary["randomised"]["leak_frac"] <= 0.15


@pytest.mark.slow
def test_the_trap_of_a_day_is_printed_for_each_server_type() -> None:
    words = ["buildings", "trap", "datacentre-dx", "--days", "1", "--low", "12", "--high", "14", "--json"]
    rows = json.loads(airhandler(*words).stdout)
    assert [(row["servers"], row["optimised"]) for row in rows] == [
        (servers, goal) for servers in ("stock", "volume-a2") for goal in ("HVAC alone", "total")
    ]
    for hvac, total in (rows[:2], rows[2:]):
        assert hvac["hvac_kwh"] <= total["hvac_kwh"]
        assert hvac["total_kwh"] >= total["total_kwh"]


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
        (["evaluate", "stock", "--servers", "volume"], "did you mean volume-a"),
        (["evaluate", "stock", "--it-load", "nowhere.csv"], "neither daily nor bursty nor a file"),
        (["evaluate", "stock", "--start", "july"], "must be MM-DD"),
        (["evaluate", "stock", "--fault", "dead-fan"], "datacentre-dx has: dead-fan-east"),
        (["evaluate", "stock", "--days", "1", "--fault", "dead-fan-east@07-15T12:00"], "outside the run of 1 day"),
        (["evaluate", "stock", "--faults", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file"),
        (["evaluate", "stock", "--randomise", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file"),
        (["live", "constant", "--building", "office-5zone", "--randomise", "default"], "has no section 'randomise'"),
        (["train", "--fault", "east_inlet:bias=1", "--out", "runs/never"], "measures no 'east_inlet'; nearest"),
        (
            ["live", "stock", "--site", "x.yaml", "--start", "01-01"],
            "--start 01-01: belongs to a simulated site, and x.y",
        ),
        (["shadow", "stock", "--site", "x.yaml", "--weather", "tucson"], "x.yaml is a real site; leave it out"),
        (["shadow", "stock", "--site", "examples/site.yaml", "--stress", "1"], "stress 1: a real site is what it is"),
        (["shadow", "stock", "--site", "x.csv", "--stress", "1"], "stress 1: a recorded site is what it was"),
        (["evaluate", "stock", "--building", "sinergym:Eplus-demo-v1", "--it-load", "daily"], "no load of ours"),
        (["evaluate", "stock", "--start", "12-30", "--days", "9"], "must be 1 to 2"),
        (["evaluate", "stock", "--weather", "README.md"], "not a readable EPW file"),
        (["evaluate", "stock", "--out", "/proc/nowhere"], "cannot be written"),
        (["evaluate", "stock", "--world", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file"),
        (["train", "--out", "/proc/nowhere"], "cannot be written"),
        (["train", "--set", "gama=1"], "no hyperparameter 'gama'"),
        (["report", "nowhere"], "holds no runs"),
        (["tune", "stock"], "no parameters to search"),
        (["shadow", "x", "--building", "sinergym:Eplus-demo-v1"], "is one of Sinergym's environments"),
        (["tune", "constant", "--building", "sinergym:Eplus-demo-v1"], "`airhandler train` and `evaluate`"),
        (["evaluate", "stock", "--building", "sinergym:Eplus-demo-v1", "--weather", "x"], "the id fixes the weather"),
        (["train", "--building", "sinergym:Eplus-demo-v1", "--resume"], "no checkpoints are kept"),
        (["train", "--building", "sinergym:Eplus-office-hot-discrete-v1"], "take sinergym:Eplus-office-hot-continu"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(words: list[str], said: str) -> None:
    assert said in mistake(*words, cwd=Path(__file__).parents[1])


@pytest.mark.parametrize("seed", ["-1", str(2**32)])
@pytest.mark.parametrize("command", ["train", "demo"])
def test_a_seed_that_no_generator_takes_is_refused(command: str, seed: str, tmp_path: Path) -> None:
    done = airhandler(command, "--seed", seed, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr, list(tmp_path.iterdir())) == (2, False, [])
    assert "Invalid value for '--seed'" in done.stderr


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
        "reset_sinergym_model_ms",
        "reset_sinergym_ms",
        "branch_24_steps_ms",
        "parallel_2_ratio",
        "snapshot_memory_mib",
        "worker_memory_mb",
    ):
        assert result[name] > 0
    assert "<svg" in figure.read_text()


def test_device_that_does_not_answer_is_one_line_without_the_name_of_a_class(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        device = "127.0.0.1:{1}".format(*silent.getsockname())
        text = EXAMPLE.read_text().replace("192.168.1.20:47808", device).replace("192.168.1.5 ", "127.0.0.1 ")
        (tmp_path / "site.yaml").write_text(text.replace("priority: 10", "timeout_s: 0.2"))
        done = airhandler("shadow", "trim-respond", "--site", "site.yaml", "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    told = f"device 4711 at {device}: {device} does not answer; `airhandler check` says more"
    assert last == f"airhandler: site.yaml: {told}"
