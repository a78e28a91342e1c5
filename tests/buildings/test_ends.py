"""How runs end when nobody ends them: Ctrl-C in the middle of EnergyPlus, killed owners, forgotten runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings import folders, interrupts, turns
from airhandler.buildings.errors import SimulationError
from airhandler.buildings.model import Period
from airhandler.buildings.sinergym_env import SinergymEnv
from tests.buildings.test_fork import ROOT, started, wait_for

COUNT = """
from airhandler.buildings.catalog import find_building
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather
from airhandler.buildings import energyplus, turns
import numpy as np, sys
energyplus.take_turns = getattr(turns, sys.argv[1])
run = InstrumentedRun(find_building("datacentre-dx"), find_weather("chicago"), Period())
run.start()
steps = 0
try:
    print("ready", flush=True)
    while True:
        assert run.step(np.array([22.0, 4.0, 22.0, 4.0])) is not None
        steps += 1
        assert run.steps == steps, "a step was lost"
except KeyboardInterrupt:
    run.close()
    print("interrupted", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["in_greenlet", turns.take_turns.__name__])
def test_ctrl_c_while_energyplus_computes_is_never_lost(way: str) -> None:
    """Sent at once: it nearly always arrives inside EnergyPlus."""
    for _ in range(3):
        running = subprocess.Popen(
            [sys.executable, "-c", COUNT, way], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        out, error = running.communicate(timeout=120)
        assert (out, running.returncode) == ("interrupted\n", 0), error


def test_a_branch_that_closes_the_run_leaves_its_folder_to_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    run = started("datacentre-dx", 1)
    folder = run._engine._folder
    assert folder is not None
    run.branch([run.close])
    assert folder.exists()
    assert run._engine._model.exists()
    run.close()
    assert not folder.exists()


def test_a_users_folder_is_never_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine = [tmp_path / "airhandler-results-2024-08", tmp_path / "airhandler-tmp-mine"]
    for folder in mine:
        folder.mkdir()
    folders._sweep.cache_clear()
    folders.own_folder("run")
    assert all(folder.exists() for folder in mine)


def test_a_folder_that_was_never_locked_is_removed_an_hour_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, users, young = (tmp_path / f"airhandler-new-{name}" for name in ("old", "users", "young"))
    for folder in (old, users, young):
        folder.mkdir()
    (old / ".lock").touch()
    (users / "results.csv").touch()
    for folder in (old, users):
        os.utime(folder, (0, 0))
    folders._sweep.cache_clear()
    folders.own_folder("run")
    assert not old.exists()
    assert users.exists()
    assert young.exists()


def test_folders_of_a_killed_process_are_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = "from airhandler.buildings.folders import own_folder; print(own_folder('run'), flush=True); input()"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    stale = Path(process.stdout.readline().strip())
    folders._sweep.cache_clear()
    own = folders.own_folder("run")
    assert stale.exists(), "its process is alive"
    process.kill()
    process.communicate()
    wait_for(lambda: not Path(f"/proc/{process.pid}").exists())
    folders._sweep.cache_clear()
    folders.own_folder("run")
    assert not stale.exists()
    assert own.exists(), "ours is in use"


def test_ctrl_c_while_a_run_is_closed_is_raised_once_its_folder_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    run = started("datacentre-dx", 1)
    folder = run._engine._folder
    assert folder is not None
    stop = run._engine._lib.stopSimulation

    def stop_and_interrupt(state: int) -> None:
        stop(state)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(run._engine._lib, "stopSimulation", stop_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.close()
    assert not folder.exists()


def test_another_threads_run_does_not_keep_ctrl_c() -> None:
    thread = threading.Thread(target=interrupts.enter)
    thread.start()
    thread.join()
    assert not interrupts._inside


@pytest.mark.slow
def test_a_sinergym_episode_has_folders_that_the_next_process_can_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    env = SinergymEnv("Eplus-5zone-hot-continuous-v1", Period(days=1))
    env.reset(seed=0)
    mine = [folder for folder in tmp_path.iterdir() if "-models-" not in folder.name]
    assert len(mine) == 2
    assert all((folder / folders._LOCK).exists() for folder in mine)
    env.close()
    assert not any(folder.exists() for folder in mine)


def test_commands_of_the_wrong_length_are_said() -> None:
    run = started("datacentre-dx", 1)
    with pytest.raises(SimulationError, match=r"4 actuators need an array of as many commands, not \(3,\)"):
        run.step(np.zeros(3))
    assert run.step(run.array(None)) is not None
    run.close()
