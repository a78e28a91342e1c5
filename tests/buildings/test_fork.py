"""Branches: exact copies of a running simulation, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import building_ids, find_building
from airhandler.buildings.errors import SimulationError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather

pytestmark = pytest.mark.forks

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run() -> Iterator[InstrumentedRun]:
    run = started("datacentre-dx")
    yield run
    run.close()


def started(building: str, steps: int = 100) -> InstrumentedRun:
    run = InstrumentedRun(find_building(building), find_weather("chicago"), Period(start=(7, 1), days=7))
    run.start()
    for setpoints in sequence(run, steps):
        run.step(setpoints)
    return run


def sequence(run: InstrumentedRun, steps: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(run.steps)
    for _ in range(steps):
        yield np.array([rng.uniform(p.low, p.high) for p in run.building.setpoints])


def ahead(run: InstrumentedRun, steps: int) -> np.ndarray:
    return np.array([run.step(setpoints) for setpoints in sequence(run, steps)])


@pytest.mark.parametrize("building", building_ids())
def test_a_branch_is_bit_identical_to_the_runs_own_next_steps(building: str) -> None:
    run = started(building)
    branches = run.branch([lambda: ahead(run, 24)] * 2, processes=2)
    own = ahead(run, 24)
    later = run.branch([lambda: ahead(run, 24)])
    assert np.array_equal(branches[0], own)
    assert np.array_equal(branches[1], own)
    assert np.array_equal(later[0], ahead(run, 24))
    run.close()


def test_results_are_in_the_order_of_the_jobs(run: InstrumentedRun) -> None:
    assert run.branch([lambda i=i: (time.sleep(0.05 * (3 - i)), i)[1] for i in range(4)], processes=4) == [0, 1, 2, 3]


def test_a_job_that_fails_is_an_error_with_its_words(run: InstrumentedRun) -> None:
    def fail() -> None:
        raise ValueError("a bad plan")

    with pytest.raises(SimulationError, match="branch 1 failed: ValueError: a bad plan"):
        run.branch([lambda: None, fail])


def test_a_killed_branch_is_an_error_and_leaves_none_behind(run: InstrumentedRun) -> None:
    with pytest.raises(SimulationError, match="branch 0 was killed by SIGKILL"):
        run.branch([lambda: os.kill(os.getpid(), 9), lambda: time.sleep(60)], processes=2)
    assert children() == []


def test_a_process_with_threads_does_not_fork(run: InstrumentedRun) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="a server")
    thread.start()
    try:
        with pytest.raises(SimulationError, match="a server"):
            run.branch([lambda: None])
    finally:
        over.set()
        thread.join()


def test_a_process_that_holds_torch_does_not_fork(run: InstrumentedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", object())
    with pytest.raises(SimulationError, match="SnapshotBank"):
        run.branch([lambda: None])


def test_where_fork_does_not_exist_it_is_said(run: InstrumentedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    with pytest.raises(SimulationError, match="plain reset works"):
        run.branch([lambda: None])


def test_a_closed_run_cannot_be_branched() -> None:
    run = started("datacentre-dx", 1)
    run.close()
    with pytest.raises(SimulationError, match="not running"):
        run.branch([lambda: None])


def children() -> list[int]:
    """Processes whose parent is this one, zombies included."""
    out = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in out.split()]


def anonymous_kb() -> int:
    (line,) = [x for x in Path("/proc/self/smaps_rollup").read_text().splitlines() if x.startswith("Anonymous")]
    return int(line.split()[1])


@pytest.mark.slow
def test_a_thousand_branches_leave_nothing_behind(run: InstrumentedRun, tmp_path: Path) -> None:
    """No process, no descriptor, no temporary file, and no memory that grows."""

    def state() -> tuple[int, int, int]:
        folder = run._engine._folder
        assert folder is not None
        return len(children()), len(list(Path("/proc/self/fd").iterdir())), len(list(folder.iterdir()))

    run.branch([lambda: ahead(run, 1)] * 50, processes=4)
    before, memory_kb = state(), anonymous_kb()
    run.branch([lambda: ahead(run, 1)] * 1000, processes=4)
    assert state() == before
    assert anonymous_kb() - memory_kb < 2048


BRANCH_FOREVER = """
import time
from tests.buildings.test_fork import started
run = started("datacentre-dx", 1)
print("ready", flush=True)
run.branch([lambda: time.sleep(600)] * 2, processes=2)
"""


@pytest.mark.slow
def test_a_branch_does_not_outlive_its_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", BRANCH_FOREVER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    listing = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    orphans = wait_for(lambda: [int(p) for p in listing.read_text().split()] or None)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_for(lambda: not any(alive(pid) for pid in orphans))


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def wait_for[T](found: Callable[[], T], seconds: float = 30.0) -> T:
    """Polls until something is true. Fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return value
