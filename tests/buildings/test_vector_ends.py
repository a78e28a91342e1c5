"""However parallel environments end, the error is clear, and neither a process nor a file is left."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from airhandler.buildings import folders
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import SimulationError, UserError
from airhandler.buildings.vector import ParallelEnvs
from airhandler.buildings.vector_hosting import Hosted, Hosting
from airhandler.buildings.vector_scratch import Scratch
from tests.buildings.counting import Counting, Stuck

pytestmark = pytest.mark.slow

ACTION = np.zeros((4, 1), np.float32)

ROOT = Path(__file__).parents[2]

# A parent for tests to end: it tells its workers once they are at work, and has them work on.
PARENT = """
import sys, threading
from pathlib import Path
import numpy as np
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.vector import ParallelEnvs
from tests.buildings.counting import Stuck

def run(maker, width):
    envs = ParallelEnvs([maker] * 2, processes=2, scratch=Path(sys.argv[1]))
    envs.reset(seed=0)
    told = False
    while True:
        envs.step_async(np.zeros((2, width), np.float32))
        if not told:
            print(*envs.processes, flush=True)
            told = True
        envs.step_wait()

match sys.argv[2]:
    case "building":
        run(BuildingEnv, 4)
    case "building, in a thread":
        threading.Thread(target=run, args=(BuildingEnv, 4)).start()
    case "stuck":
        run(Stuck, 1)
"""


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(reached: Callable[[], bool]) -> None:
    """Waits until something has come about; fails when it does not within a minute."""
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def parent(scratch: Path, work: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process with two workers at work, and the ids of those."""
    command, pipe = [sys.executable, "-c", PARENT, str(scratch), work], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            yield process, [int(word) for word in process.stdout.readline().split()]
        finally:
            process.kill()


@pytest.fixture
def open_files() -> Iterator[None]:
    """Fails when a test leaves a descriptor open."""
    gc.collect()
    before = set(Path("/proc/self/fd").iterdir())
    yield
    gc.collect()
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.slow
def test_closed_or_forgotten_they_leave_nothing(tmp_path: Path, open_files: None) -> None:
    for forget in (False, True):
        envs = ParallelEnvs([partial(BuildingEnv, days=1)] * 2, processes=2, scratch=tmp_path)
        envs.reset(seed=0)
        workers = envs.processes
        assert all(map(runs, workers))
        assert [entry.name for folder in tmp_path.glob("*/worker-*") for entry in folder.iterdir()]
        if not forget:
            envs.close()
            envs.close()
        del envs
        gc.collect()
        assert not any(map(runs, workers))
        assert list(tmp_path.iterdir()) == []


def test_a_killed_worker_is_named_and_stays_dead(tmp_path: Path, open_files: None) -> None:
    with contextlib.closing(ParallelEnvs([Counting] * 4, processes=2, scratch=tmp_path)) as envs:
        envs.reset(seed=0)
        envs.step(ACTION)
        one, other = envs.processes
        os.kill(other, signal.SIGKILL)
        words = rf"worker 1 \(environments 2 to 3; process {other}\) was killed \(signal 9\)"
        with pytest.raises(SimulationError, match=words):
            envs.step(ACTION)
        with pytest.raises(SimulationError, match="reset"):
            envs.step(ACTION)
        with pytest.raises(SimulationError, match=words):
            envs.reset(seed=0)
        assert runs(one)
    assert not runs(one)
    assert list(tmp_path.iterdir()) == []


def test_a_dead_worker_is_started_anew_by_a_reset_where_that_is_wanted(tmp_path: Path) -> None:
    with contextlib.closing(ParallelEnvs([Counting] * 4, processes=2, restart=True, scratch=tmp_path)) as envs:
        first, _ = envs.reset(seed=0)
        one, other = envs.processes
        os.kill(one, signal.SIGSEGV)
        with pytest.raises(SimulationError, match=r"worker 0 .* was ended by signal 11 \(Segmentation fault\)"):
            envs.step(ACTION)
        again, _ = envs.reset(seed=0)
        assert np.array_equal(first, again)
        assert envs.step(ACTION)[0][:, 1].tolist() == [1, 1, 1, 1]
        assert envs.processes[0] != one
        assert envs.processes[1] == other


def test_the_seed_settles_how_a_worker_goes_on_that_was_started_anew() -> None:
    with contextlib.closing(ParallelEnvs([Counting] * 4, processes=2, restart=True)) as envs:
        seen = []
        for _ in range(2):
            first, _ = envs.reset(seed=0)
            victim = envs.processes[1]
            os.kill(victim, signal.SIGKILL)  # while nothing is asked of it
            wait_for(lambda pid=victim: not runs(pid))  # type: ignore[misc]
            seen.append(envs.reset()[0])
        assert np.array_equal(seen[0], seen[1])
        assert not np.array_equal(seen[0][2:], first[2:])


def test_an_interruption_in_the_middle_of_a_step_is_no_answer_to_the_next(open_files: None) -> None:
    with contextlib.closing(ParallelEnvs([Counting, Stuck], processes=2, restart=True)) as envs:
        envs.reset(seed=0)
        one, other = envs.processes
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            envs.step(ACTION[:2])
        assert runs(one)
        assert not runs(other)
        assert envs.reset(seed=0)[1]["begun"].tolist() == [2, 1]


def test_workers_outlive_the_thread_that_started_them_and_an_interruption_of_their_own() -> None:
    made: list[ParallelEnvs] = []
    thread = threading.Thread(target=lambda: made.append(ParallelEnvs([Counting] * 2, processes=2)))
    thread.start()
    thread.join()
    with contextlib.closing(made[0]) as envs:
        for pid in envs.processes:
            os.kill(pid, signal.SIGINT)
        envs.reset(seed=0)
        assert envs.step(ACTION[:2])[0][:, 1].tolist() == [1, 1]


@pytest.mark.slow
def test_ctrl_c_ends_all_and_leaves_nothing(tmp_path: Path) -> None:
    with parent(tmp_path, "building") as (process, workers):
        os.killpg(process.pid, signal.SIGINT)
        words = process.communicate()[1]
        assert words.strip().endswith("KeyboardInterrupt")
        assert "SimulationError" not in words
        assert not any(map(runs, workers))
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("work", ["building", "building, in a thread", "stuck"])
def test_workers_end_with_a_killed_parent_and_the_next_one_clears_up(tmp_path: Path, work: str) -> None:
    with parent(tmp_path, work) as (process, workers):
        assert len(workers) == 2
        assert all(map(runs, workers))
        process.kill()
        wait_for(lambda: not any(map(runs, workers)))
    assert list(tmp_path.iterdir())
    living = Scratch(tmp_path)
    assert list(tmp_path.iterdir()) == [living.path]
    other = Scratch(tmp_path)
    assert living.path.exists(), "its owner lives"
    living.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_said_and_nothing_is_left(small_disk: Path, open_files: None) -> None:
    makers = [partial(BuildingEnv, start="random", days=1)] * 2
    with contextlib.closing(ParallelEnvs(makers, processes=2, scratch=small_disk)) as envs:
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with pytest.raises(SimulationError, match=r"worker 0, environment 0: OSError.*No space left on device"):
            envs.reset(seed=0)
        workers = envs.processes
        assert all(map(runs, workers))
        filler.unlink()
        envs.reset(seed=0)
        envs.step(np.zeros((2, 4), np.float32))
    assert not any(map(runs, workers))
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"folder for temporary files in .*nowhere"):
        ParallelEnvs([Counting], scratch=tmp_path / "nowhere")


def test_one_environment_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    closed = []

    class Closing(Counting):
        def close(self) -> None:
            closed.append(self.name)
            raise SimulationError(f"{self.name} cannot be closed")

    hosted = Hosted(-1, 0, Hosting(autoreset=AutoresetMode.NEXT_STEP, infos=None))
    hosted._envs = [Closing(name="a"), Closing(name="b")]
    with pytest.raises(SimulationError, match="cannot be closed"):
        hosted.close()
    assert sorted(closed) == ["a", "b"]


def test_seeds_are_any_integers_and_one_an_environment() -> None:
    with contextlib.closing(ParallelEnvs([Counting] * 2, processes=1)) as envs:
        first = envs.reset(seed=3)[0]
        assert np.array_equal(first, envs.reset(seed=np.int64(3))[0])  # type: ignore[arg-type]
        assert np.array_equal(first, envs.reset(seed=np.array([3, 4]))[0])  # type: ignore[arg-type]
        with pytest.raises(UserError, match="seeds: 1 for 2 environments"):
            envs.reset(seed=[3])


def test_a_scratch_is_a_folder_like_every_other(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.path in folders._owned
    scratch.close()
    scratch.close()
    assert list(tmp_path.iterdir()) == []
