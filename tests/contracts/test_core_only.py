"""An edge box: the wheel and core.lock, and neither torch nor EnergyPlus nor Sinergym."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.deploy.scenes import bundle, record

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def box(wheel: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a virtual environment that holds the core and airhandler alone."""
    folder = tmp_path_factory.mktemp("edge") / "venv"
    venv.create(folder, symlinks=True)
    uv, python = [sys.executable, "-m", "uv", "pip"], ["--python", str(folder / "bin/python")]
    locked = ["--require-hashes", "--build-constraints", "requirements/all.lock", "requirements/core.lock"]
    for words in (["sync", *python, *locked], ["install", *python, "--no-deps", str(wheel)]):
        done = subprocess.run([*uv, *words], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "bin"


def _run(box: Path, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the box, away from the repository."""
    command = [str(box / words[0]), *words[1:]]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("library", ["torch", "stable_baselines3", "pyenergyplus", "sinergym", "pandas"])
def test_core_does_without(box: Path, tmp_path: Path, library: str) -> None:
    done = _run(box, tmp_path, "python", "-c", f"import {library}")
    assert f"No module named '{library}'" in done.stderr


def test_live_side_imports(box: Path, tmp_path: Path) -> None:
    done = _run(box, tmp_path, "python", "-W", "error", "-c", "import airhandler.deploy.live")
    assert done.returncode == 0, done.stderr


def test_live_command_says_what_it_does(box: Path, tmp_path: Path) -> None:
    done = _run(box, tmp_path, "airhandler", "live", "--help")
    assert done.returncode == 0, done.stderr
    assert "live" in done.stdout


def test_buildings_are_listed_without_sinergyms(box: Path, tmp_path: Path) -> None:
    done = _run(box, tmp_path, "airhandler", "buildings", "--json")
    assert done.returncode == 0, done.stderr
    kinds = {row["kind"] for row in json.loads(done.stdout)}
    assert kinds == {"data centre", "office"}


def test_live_runs_a_recorded_site_to_its_end(box: Path, tmp_path: Path) -> None:
    site, agent = str(record(tmp_path / "recorded.csv")), str(bundle(tmp_path / "agent"))
    words = ("live", agent, "--site", site, "--port", "0", "--out", "out", "--json")
    done = _run(box, tmp_path, "airhandler", *words)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["ticks"], outcome["why"], outcome["given_back"]) == (20, "the site's time is over", True)
