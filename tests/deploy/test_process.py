"""`airhandler live` as a process: signals give authority back, and that is said."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from airhandler.deploy.connectors.rehearsal import FILE
from airhandler.deploy.run import SUMMARY_FILE, TICKS_FILE
from tests.deploy.process import Airhandler
from tests.deploy.scenes import bundle, record

pytestmark = pytest.mark.slow

SLOWLY = "900"  # one step a second: the run is still going on when the signal comes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_gives_authority_back_and_says_so(
    number: signal.Signals, airhandler: type[Airhandler], tmp_path: Path
) -> None:
    site, agent = str(record(tmp_path / "r.csv", 2000)), str(bundle(tmp_path / "agent"))
    process = airhandler(
        "live",
        agent,
        "--site",
        site,
        "--speed",
        SLOWLY,
        "--port",
        "0",
        "--out",
        "out",
        "--log-format",
        "json",
    )
    process.wait_for('"tick": 1')
    assert process.end(number) == 0, process.text
    assert f"authority given back to the building's own control: {number.name}" in process.text
    assert "Traceback" not in process.text
    assert f"ended: {number.name}" in process.printed
    written = (tmp_path / "out" / FILE).read_text().splitlines()
    assert set(written[-1].split(",")[1:]) == {""}


def test_port_in_use_is_one_line_and_no_traceback(airhandler: type[Airhandler], tmp_path: Path) -> None:
    site = str(record(tmp_path / "r.csv", 2000))
    agent = str(bundle(tmp_path / "agent"))
    first = airhandler("live", agent, "--site", site, "--speed", SLOWLY, "--port", "0")
    port = first.wait_for(r"metrics: http://127\.0\.0\.1:(\d+)/metrics")[1]
    second = airhandler("live", agent, "--site", site, "--port", port)
    assert second.wait() != 0
    (line,) = second.text.splitlines()
    assert f"port {port} on 127.0.0.1" in line
    assert "--port" in line


def test_live_on_a_recording_needs_no_simulator_and_no_trainer(tmp_path: Path) -> None:
    absent = ["torch", "stable_baselines3", "pyenergyplus", "sinergym", "greenlet", "pandas", "matplotlib"]
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); from airhandler.deploy.cli import app; app()"
    site, agent = str(record(tmp_path / "r.csv", 20)), str(bundle(tmp_path / "agent"))
    words = ["live", agent, "--site", site, "--port", "0", "--out", "out", "--json"]
    command = [sys.executable, "-W", "error", "-c", code, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["given_back"] is True


@pytest.mark.slow
def test_simulated_building_gets_its_authority_back(airhandler: type[Airhandler], tmp_path: Path) -> None:
    agent = str(bundle(tmp_path / "agent"))
    paced = ("--days", "300", "--speed", "9000", "--log-format", "json")
    process = airhandler("live", agent, *paced, "--port", "0", "--out", "out")
    url = json.loads(process.wait_for("metrics: ").string)["message"].split()[1]
    process.wait_for('"tick": 5')
    with urllib.request.urlopen(url, timeout=60) as page:
        assert 'airhandler_stage{stage="live"} 1.0' in page.read().decode()
    assert process.end(signal.SIGTERM) == 0, process.text
    messages = [json.loads(line)["message"] for line in process.text.splitlines()]
    assert "authority given back to the building's own control: SIGTERM" in messages
    summary = json.loads((tmp_path / "out" / SUMMARY_FILE).read_text())
    assert (summary["why"], summary["given_back"]) == ("SIGTERM", True)
    assert summary["ticks"] > 5
    assert (tmp_path / "out" / TICKS_FILE).exists()
