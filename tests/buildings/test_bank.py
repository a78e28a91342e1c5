"""Snapshots in processes of their own: exact, bounded, and gone when their user is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.bank import SnapshotBank
from airhandler.buildings.catalog import find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import SimulationError, UserError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.weather import find_weather
from tests.buildings.test_fork import ROOT, alive, wait_for

FORTNIGHT = Period(start=(7, 1), days=14)
BUILDING = find_building("datacentre-dx")
COOL = Setpoints({p.name: (p.low + p.high) / 2 for p in BUILDING.setpoints})


def always_cool(reading: Reading) -> Setpoints:
    return COOL


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bank() -> Iterator[SnapshotBank]:
    with SnapshotBank("datacentre-dx", "chicago", FORTNIGHT, commander=always_cool) as bank:
        yield bank


def test_weeks_are_kept_by_default(bank: SnapshotBank) -> None:
    assert [s.step for s in bank.snapshots] == [0, 7 * 96]
    assert 0 < bank.memory_bytes() < 1 << 30


def test_a_run_from_a_snapshot_is_bit_identical_to_the_run_it_was_taken_from(bank: SnapshotBank) -> None:
    plain = InstrumentedRun(BUILDING, find_weather("chicago"), FORTNIGHT)
    values = [plain.start()]
    cool = plain.array(COOL)
    values += [v for _ in range(7 * 96 + 24) if (v := plain.step(cool)) is not None]
    for index, first in ((0, 0), (1, 7 * 96)):
        branched = bank.run(index)
        seen = [branched.start()] + [v for _ in range(24) if (v := branched.step(cool)) is not None]
        assert np.array_equal(seen, values[first : first + 25], equal_nan=True)
        assert branched.steps == first + 24
        branched.close()
    assert branched.time == plain.time
    plain.close()


def test_runs_from_one_snapshot_do_not_touch_each_other(bank: SnapshotBank) -> None:
    a, b = bank.run(1), bank.run(1)
    assert np.array_equal(a.start(), b.start())
    low, high = (np.array([getattr(p, end) for p in BUILDING.setpoints]) for end in ("low", "high"))
    seen = [(a.step(low), b.step(high)) for _ in range(4)]
    assert not np.array_equal(*seen[-1])
    a.close()
    again = bank.run(1)
    again.start()
    assert np.array_equal([again.step(high) for _ in range(4)], [y for _, y in seen])
    again.close()
    b.close()


def test_a_run_ends_with_the_period(bank: SnapshotBank) -> None:
    run = bank.run(1)
    run.start()
    neutral = run.array(None)
    steps = 0
    while run.step(neutral) is not None:
        steps += 1
    assert (steps, run.steps) == (7 * 96, run.total_steps)
    run.close()


def test_a_killed_worker_is_an_error(bank: SnapshotBank) -> None:
    run = bank.run(0)
    run.start()
    (worker,) = Path(f"/proc/{bank.snapshots[0].pid}/task/{bank.snapshots[0].pid}/children").read_text().split()
    os.kill(int(worker), signal.SIGKILL)
    wait_for(lambda: not alive(int(worker)))
    with pytest.raises(SimulationError, match="ended at step 0"):
        run.step(run.array(None))
    run.close()


def test_episodes_begin_at_snapshots(bank: SnapshotBank) -> None:
    env = BuildingEnv(banks=[bank], days=1)
    begins = set()
    for seed in range(6):
        _, info = env.reset(seed=seed)
        begins.add(info["time"].day)
        ends = [env.step(np.zeros(4, np.float32))[3] for _ in range(96)]
        assert ends == [False] * 95 + [True]
    assert begins == {1, 8}
    with pytest.raises(SimulationError, match="reset"):
        env.step(np.zeros(4, np.float32))
    assert env.reset(options={"weather": bank.weather.name})[1]["weather"] == bank.weather.name
    with pytest.raises(UserError, match="tucson"):
        env.reset(options={"weather": "tucson"})
    env.close()


def test_more_memory_than_allowed_is_an_error_that_says_so() -> None:
    with pytest.raises(SimulationError, match="keep fewer, or allow more"):
        SnapshotBank("datacentre-dx", "chicago", FORTNIGHT, max_memory_bytes=1 << 20)


def test_an_unknown_weather_is_a_users_error() -> None:
    with pytest.raises(UserError, match="did you mean chicago"):
        SnapshotBank("datacentre-dx", "chicgo")


HOLD = """
import sys, time
from airhandler.buildings.bank import SnapshotBank
from airhandler.buildings.model import Period
bank = SnapshotBank("datacentre-dx", "chicago", Period(days=7))
run = bank.run(0)
run.start()
print(bank._nursery.pid, *[s.pid for s in bank.snapshots], bank._folder, flush=True)
time.sleep(600)
"""


def test_snapshots_and_workers_do_not_outlive_their_killed_user() -> None:
    user = subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    *pids, folder = user.stdout.readline().split()
    snapshot = int(pids[1])
    workers = [int(p) for p in Path(f"/proc/{snapshot}/task/{snapshot}/children").read_text().split()]
    assert len(workers) == 1
    user.kill()
    user.wait()
    user.stdout.close()
    wait_for(lambda: not any(alive(pid) for pid in (*map(int, pids), *workers)))
    shutil.rmtree(folder, ignore_errors=True)


def test_a_closed_bank_leaves_nothing() -> None:
    bank = SnapshotBank("datacentre-dx", "chicago", Period(days=7))
    pids, folder = [bank._nursery.pid, *[s.pid for s in bank.snapshots]], bank._folder
    run = bank.run(0)
    run.start()
    bank.close()
    wait_for(lambda: not any(alive(pid) for pid in pids))
    assert not folder.exists()
    with pytest.raises(SimulationError):
        run.step(run.array(None))
    run.close()
