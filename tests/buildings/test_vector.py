"""Parallel environments: the same as the environments alone, whatever the number of processes."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import SimulationError, UserError
from airhandler.buildings.vector import ParallelEnvs
from tests.buildings.counting import Counting, Failing, refused

pytestmark = pytest.mark.slow

MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]
BUILDINGS = [
    partial(BuildingEnv, weather="chicago", start="random", days=1),
    partial(BuildingEnv, weather=["chicago", "tucson"], start="random", days=1),
    partial(BuildingEnv, weather="tucson", start=(7, 10), days=1),
]


def plain(value: Any) -> Any:
    """Arrays as lists, in whatever they stand: comparable by `==`."""
    if isinstance(value, np.ndarray):
        return [str(value.dtype), *map(plain, value)]
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, tuple) else value


def trajectory(envs: Any, steps: int, width: int) -> list[Any]:
    """All that a vector environment says in so many steps under random actions."""
    rng = np.random.default_rng(0)
    with contextlib.closing(envs):
        seen = [plain(envs.reset(seed=5, options={"weather": "tucson"} if width == 1 else None))]
        for _ in range(steps):
            seen.append(plain(envs.step(rng.uniform(-1, 1, (envs.num_envs, width)).astype(np.float32))))
    return seen


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_it_does_what_gymnasiums_own_vector_environment_does(processes: int, mode: AutoresetMode) -> None:
    makers = [partial(Counting, length, name=f"number {length}") for length in (3, 1, 4)]
    expected = trajectory(SyncVectorEnv(makers, autoreset_mode=mode), 12, 1)
    assert trajectory(ParallelEnvs(makers, processes=processes, autoreset=mode), 12, 1) == expected


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_buildings_do_what_they_do_alone_whatever_the_number_of_processes(processes: int) -> None:
    """Over the end of an episode: the next one's day and weather are drawn by the same seed, too."""
    mode = AutoresetMode.SAME_STEP
    expected = trajectory(SyncVectorEnv(BUILDINGS, autoreset_mode=mode), 100, 4)
    assert trajectory(ParallelEnvs(BUILDINGS, processes=processes, autoreset=mode), 100, 4) == expected


def test_it_has_the_interface_of_a_vector_environment() -> None:
    makers = [Counting] * 3
    with contextlib.closing(ParallelEnvs(makers, processes=2)) as envs:
        model = SyncVectorEnv(makers)
        assert envs.num_envs == 3
        assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
        for name in ("observation_space", "action_space", "single_observation_space", "single_action_space"):
            assert getattr(envs, name) == getattr(model, name)
        envs.reset(seed=1)
        *arrays, _ = envs.step(envs.action_space.sample())
        kept = plain(tuple(arrays))
        envs.step(envs.action_space.sample())
        assert plain(tuple(arrays)) == kept, "what was returned stays what it was"


def test_only_the_infos_that_were_asked_for_come_back_until_an_episode_ends() -> None:
    makers = [partial(Counting, 2), partial(Counting, 3)]
    with contextlib.closing(ParallelEnvs(makers, autoreset=AutoresetMode.SAME_STEP, infos=["steps"])) as envs:
        envs.reset_each([1, 2], [None, None])
        seen = []
        for _ in range(2):
            envs.step_async(np.zeros((2, 1), np.float32))
            seen.append(envs.step_wait()[-1])
    assert seen[0] == [{"steps": 1}, {"steps": 1}]
    assert seen[1][0].keys() == {"begun", "options", "final_obs", "final_info"}
    assert seen[1][0]["final_info"].keys() == {"steps", "name", "asked"}
    assert seen[1][1] == {"steps": 2}


def test_attributes_and_methods_are_those_of_the_environments_asked_for() -> None:
    makers = [partial(Counting, length) for length in (1, 2, 3, 4)]
    with contextlib.closing(ParallelEnvs(makers, processes=2)) as envs:
        assert envs.get_attr("length") == (1, 2, 3, 4)
        assert envs.get_attr("length", [3, 0]) == (4, 1)
        envs.set_attr("length", [10, 30], [2, 0])
        assert envs.get_attr("length") == (30, 2, 10, 4)
        envs.set_attr("name", "all")
        assert envs.get_attr("name") == ("all",) * 4
        assert envs.call("scaled", 2, plus=1) == (61, 5, 21, 9)
        with pytest.raises(AttributeError, match=r"worker 0, environment 1: .*nothing"):
            envs.get_attr("nothing", [1])


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (SimulationError("EnergyPlus said so"), SimulationError, "worker 1, environment 2: EnergyPlus said so"),
        (UserError("no weather"), UserError, "worker 1, environment 2: no weather"),
        (OSError(28, "No space left on device"), SimulationError, "worker 1, environment 2: OSError.*No space left"),
        (KeyError("mistake"), RuntimeError, "worker 1, environment 2: KeyError: 'mistake'"),
    ],
)
def test_an_error_in_an_environment_comes_back_with_its_place(error: Exception, kind: type, words: str) -> None:
    makers: list[Any] = [Counting, Counting, partial(Failing, error), Counting]
    action = np.zeros((4, 1), np.float32)
    with contextlib.closing(ParallelEnvs(makers, processes=2)) as envs:
        envs.reset(seed=0)
        envs.step(action)
        with pytest.raises(kind, match=words) as caught:
            envs.step(action)
        assert "counting.py" in caught.value.__notes__[0], "the place in the worker's program"
        with pytest.raises(SimulationError, match="reset"):
            envs.step(action)
        envs.reset(seed=0)
        assert envs.step(action)[0][:, 1].tolist() == [1, 1, 1, 1]


def test_a_mistake_is_said() -> None:
    action = np.zeros((2, 1), np.float32)
    with contextlib.closing(ParallelEnvs([Counting] * 2, processes=1)) as envs:
        with pytest.raises(SimulationError, match="reset"):
            envs.step(action)
        envs.reset(seed=0)
        with pytest.raises(UserError, match=r"shape \(2, 1\)"):
            envs.step(action[0])
        with pytest.raises(SimulationError, match="step_async"):
            envs.step_wait()
        envs.step_async(action)
        with pytest.raises(SimulationError, match="step_wait"):
            envs.get_attr("length")
        envs.reset(seed=0)
        assert envs.step(action)[4]["steps"].tolist() == [1, 1], "the step that was not waited for is forgotten"
    with pytest.raises(SimulationError, match="closed"):
        envs.reset()


@pytest.mark.parametrize(
    ("makers", "words", "settings"),
    [
        ([Counting, lambda: Counting()], "top of a module", {}),
        ([Counting], "from 1 to the number of environments, 1", {"processes": 2}),
        ([Counting], "NEXT_STEP or SAME_STEP", {"autoreset": AutoresetMode.DISABLED}),
        ([partial(BuildingEnv, weather="nowhere")], "worker 0, environment 0: .*nowhere", {}),
        ([Counting, partial(BuildingEnv, days=1)], "the same spaces", {"processes": 2}),
    ],
)
def test_what_cannot_be_started_is_said_and_leaves_nothing(
    makers: list[Any], words: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(UserError, match=words):
        ParallelEnvs(makers, scratch=tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_what_cannot_be_made_is_said_for_every_worker() -> None:
    with pytest.raises(SimulationError, match="worker 0, environment 0: no such thing here") as caught:
        ParallelEnvs([refused, refused], processes=2)
    assert "and worker 1, environment 1: no such thing here" in caught.value.__notes__
