"""Snapshots in processes of their own: exact, bounded, and gone when their user is."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings import nursery
from airhandler.buildings.bank import BranchedRun, Snapshot, SnapshotBank
from airhandler.buildings.catalog import find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import SimulationError, UserError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period
from airhandler.buildings.nursery import Order
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.processes import child_environment
from airhandler.buildings.randomise import draw
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


def test_snapshots_are_of_a_run_without_a_scenario(bank: SnapshotBank) -> None:
    with pytest.raises(UserError, match="load daily: a bank's snapshots are of a run without it"):
        BuildingEnv(days=1, banks=[bank], it_load="daily")


def test_banks_of_several_variants_give_episodes_of_each() -> None:
    declared = BUILDING.file.randomise
    leaks, day = [draw(declared, BUILDING, variant=v, seed=0).parameters for v in (0, 1)], Period(start=(7, 1), days=1)
    with contextlib.ExitStack() as stack:
        banks = [stack.enter_context(SnapshotBank("datacentre-dx", "chicago", day, parameters=p)) for p in leaks]
        env = BuildingEnv(days=1, banks=banks)
        seen = {}
        for seed in range(8):
            _, told = env.reset(seed=seed)
            seen[told["randomised"]["leak_frac"]] = env.reading["east_inlet_temp_c"]
        env.close()
    assert set(seen) == {p["leak_frac"] for p in leaks}
    assert len(set(seen.values())) == 2
    with pytest.raises(UserError, match="datacentre-dx: no parameter 'leek'"):
        SnapshotBank("datacentre-dx", "chicago", day, parameters={"leek": 1.0})


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


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """The path of a socket has a hundred letters at most: a test's own folder may leave too few."""
    folder = Path(tempfile.mkdtemp(prefix="bank"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_closed_or_forgotten_bank_leaves_nothing(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch, forgotten: bool
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(short_folder))
    bank = SnapshotBank("datacentre-dx", "chicago", Period(days=1))
    pids = [bank._nursery.pid, *[s.pid for s in bank.snapshots]]
    run = bank.run(0)
    run.start()
    if forgotten:
        run.close()
        del bank, run
        gc.collect()
    else:
        bank.close()
        wait_for(lambda: not any(alive(pid) for pid in pids))
        with pytest.raises(SimulationError):
            step_on(run)
        with pytest.raises(SimulationError, match="this bank is closed"):
            bank.run(0)
        run.close()
    wait_for(lambda: not any(alive(pid) for pid in pids))
    assert not list(short_folder.iterdir())


def step_on(run: BranchedRun) -> None:
    """Steps for a while: a worker is killed after its snapshot, and a few steps may still be answered."""
    for _ in range(90):
        run.step(run.array(None))
        time.sleep(0.05)


def test_a_bank_outlives_the_thread_that_made_it() -> None:
    made: list[SnapshotBank] = []
    thread = threading.Thread(target=lambda: made.append(SnapshotBank("datacentre-dx", "chicago", Period(days=1))))
    thread.start()
    thread.join()
    time.sleep(0.3)
    with made[0] as bank:
        run = bank.run(0)
        run.start()
        run.close()


def test_a_bank_that_a_thread_made_does_not_outlive_its_killed_user() -> None:
    words = f"import threading\ndef hold():\n{textwrap.indent(HOLD, '    ')}\nthreading.Thread(target=hold).start()"
    user = subprocess.Popen([sys.executable, "-c", words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    *pids, folder = user.stdout.readline().split()
    assert len(pids) == 2
    user.kill()
    user.wait()
    user.stdout.close()
    wait_for(lambda: not any(alive(int(pid)) for pid in pids))
    shutil.rmtree(folder, ignore_errors=True)


def test_a_run_is_used_as_it_should_be(bank: SnapshotBank) -> None:
    run = bank.run(0)
    with pytest.raises(SimulationError, match="call start"):
        run.step(run.array(None))
    run.start()
    with pytest.raises(SimulationError, match="started before"):
        run.start()
    with pytest.raises(SimulationError, match=r"4 set-points need as many values, not \(3,\)"):
        run.step(np.zeros(3))
    assert run.step(run.array(None)) is not None
    run.close()


def test_a_snapshot_that_is_gone_is_said() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    for end in (lambda: None, process.wait):  # as a zombie, and when it is no more
        end()
        with pytest.raises(SimulationError, match="step 7 is gone"):
            Snapshot(step=7, pid=process.pid).memory_bytes()


@pytest.mark.parametrize("step", [-1, 14 * 96])
def test_steps_outside_the_period_are_a_users_error(step: int) -> None:
    with pytest.raises(UserError, match="within 0 to 1343"):
        SnapshotBank("datacentre-dx", "chicago", FORTNIGHT, steps=[step])


def loud(reading: Reading) -> Setpoints:
    print("error I am no error")  # noqa: T201
    return COOL


def broken(reading: Reading) -> Setpoints:
    raise KeyError("no such\nthing")


class Unreadable:
    """Can be pickled but not unpickled."""

    def __call__(self, reading: Reading) -> Setpoints:
        return COOL

    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)


def test_what_a_commander_prints_is_no_message() -> None:
    with SnapshotBank("datacentre-dx", "chicago", Period(days=1), steps=[2], commander=loud) as bank:
        assert len(bank.snapshots) == 1


def test_a_commander_that_fails_is_said_in_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    words = r"^the commander failed at step 0: KeyError: 'no such\\nthing'$"
    with pytest.raises(SimulationError, match=words):
        SnapshotBank("datacentre-dx", "chicago", Period(days=1), steps=[2], commander=broken)
    for commander in (lambda _: COOL, Unreadable()):
        with pytest.raises(UserError, match="a commander must"):
            SnapshotBank("datacentre-dx", "chicago", Period(days=1), steps=[2], commander=commander)
    assert "Traceback" not in capfd.readouterr().err


def test_a_fork_that_fails_does_not_end_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    ends = iter(pairs)

    class Listener:
        def accept(self) -> tuple[socket.socket, str]:
            return next(ends)[0], ""

    class Run:
        steps = 5

        def fork(self) -> int:
            raise BlockingIOError("no process left")

    monkeypatch.setattr(nursery.os, "_exit", lambda _: None)
    monkeypatch.setattr(nursery.signal, "signal", lambda *_: None)
    with pytest.raises(StopIteration):
        nursery._hold(Run(), np.zeros(1), Listener())  # type: ignore[arg-type]
    for _, theirs in pairs:
        status, step = nursery.HEADER.unpack_from(message := theirs.recv(nursery.MESSAGE_BYTES))
        assert (status, step) == (nursery.FAILED, 5)
        assert b"the snapshot of step 5 could not fork: BlockingIOError: no process left" in message
        assert theirs.recv(1) == b""
        theirs.close()


def test_a_nursery_whose_user_is_gone_stops_in_the_middle_of_its_year(tmp_path: Path) -> None:
    """As it is where a thread made the bank: the kernel does not end it then, the end of its orders does."""
    order = Order(
        building="datacentre-dx",
        weather="chicago",
        period=Period(),
        steps=(365 * 96 - 1,),
        commander=loud,
        parameters={},
        folder=tmp_path,
    )
    words = [sys.executable, "-m", "airhandler.buildings.nursery", str(os.getpid()), "0"]
    environment = {**child_environment(tmp_path), "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(pickle.dumps(order))
        process.stdin.flush()
        assert process.stderr.readline() == b"error I am no error\n", "it simulates"
        told, _ = process.communicate()
    assert (told, process.returncode) == (b"", 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("index", [-1, 99])
def test_a_snapshot_that_is_not_there_is_refused(bank: SnapshotBank, index: int) -> None:
    with pytest.raises(UserError, match=rf"snapshot {index}: the bank has 0 to"):
        bank.run(index)
