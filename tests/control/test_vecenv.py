"""Parallel environments under stable-baselines3: as its own, Monitor included."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from airhandler.buildings.env import BuildingEnv
from airhandler.control.agent import AgentSettings, actor_weights, make_agent
from airhandler.control.vecenv import ParallelVecEnv
from airhandler.control.vector import measure_parallel, memory_mb, shielded_env
from airhandler.safety.wrapper import ShieldedEnv
from tests.buildings.counting import Counting

pytestmark = pytest.mark.slow

SHIELDED = [partial(shielded_env, "datacentre-dx", weather, "random", 1) for weather in ("chicago", "tucson")]
CARRIED = {"executed_action", "verdict", "exceedance_k", "controllable_w", "TimeLimit.truncated"}


def monitored(make: Any) -> Monitor[Any, Any]:
    return Monitor(make())


def alone(makers: list[Any]) -> DummyVecEnv:
    """The same environments in this process, by stable-baselines3 itself."""
    return DummyVecEnv([partial(monitored, make) for make in makers])


def plain(info: dict[str, Any]) -> dict[str, Any]:
    """An info that can be compared: arrays as bytes, the clock left out."""
    info = {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in info.items()}
    if "episode" in info:
        info["episode"] = {name: info["episode"][name] for name in ("r", "l")}
    return info


def trajectory(envs: Any, steps: int, names: set[str] | None) -> list[Any]:
    """All that is said in so many steps under random actions; of infos within an episode only what is in `names`."""
    rng, seen = np.random.default_rng(0), list[Any]()
    with contextlib.closing(envs):
        envs.seed(7)
        seen.append((envs.reset().tobytes(), list(map(plain, envs.reset_infos))))
        for _ in range(steps):
            action = rng.uniform(-1, 1, (envs.num_envs, *(envs.action_space.shape or ()))).astype(np.float32)
            observations, rewards, over, infos = envs.step(action)
            kept = [
                {k: v for k, v in info.items() if ended or names is None or k in names}
                for info, ended in zip(infos, over, strict=True)
            ]
            seen.append((observations.tobytes(), rewards.tobytes(), over.tolist(), list(map(plain, kept))))
            seen.append(list(map(plain, envs.reset_infos)))
    return seen


def test_it_does_what_stable_baselines_own_does() -> None:
    makers = [partial(Counting, length) for length in (3, 1, 4)]
    expected = trajectory(alone(makers), 12, {"steps", "TimeLimit.truncated"})
    assert any("terminal_observation" in info for step in expected[1::2] for info in step[3])
    assert trajectory(ParallelVecEnv(makers, processes=2, infos=["steps"]), 12, None) == expected


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_shielded_buildings_do_what_they_do_alone(processes: int) -> None:
    expected = trajectory(alone(SHIELDED), 100, CARRIED)
    assert trajectory(ParallelVecEnv(SHIELDED, processes=processes), 100, None) == expected


def trained(envs: VecEnv) -> dict[str, np.ndarray]:
    settings = AgentSettings(batch_size=32, width=32, gradient_steps=1, learning_starts=20)
    with contextlib.closing(envs):
        agent = make_agent(envs, settings, seed=0, tensorboard=None)
        agent.learn(300)
        assert agent.ep_info_buffer, "the episodes that ended are known"
        return actor_weights(agent)


@pytest.mark.slow
def test_an_agent_learns_the_same_as_alone() -> None:
    expected, found = trained(alone(SHIELDED)), trained(ParallelVecEnv(SHIELDED, processes=2))
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_attributes_methods_and_wrappers_are_reached() -> None:
    with contextlib.closing(ParallelVecEnv([partial(Counting, n) for n in (1, 2, 3)], processes=2)) as envs:
        assert envs.get_attr("length") == [1, 2, 3]
        envs.set_attr("length", [7], [0, 2])
        assert envs.get_attr("length") == [[7], 2, [7]]
        assert envs.env_method("scaled", 10, plus=1, indices=1) == [21]
        assert envs.has_attr("length")
        assert not envs.has_attr("width")
        envs.set_options([{}, {"day": 1}, {"day": 2}])
        envs.reset()
        assert [info["options"] for info in envs.reset_infos] == ["None", "{'day': 1}", "{'day': 2}"]


@pytest.mark.slow
def test_workers_hold_the_engine_and_neither_torch_nor_pandas() -> None:
    """This process holds torch."""
    with contextlib.closing(ParallelVecEnv(SHIELDED, processes=2)) as envs:
        envs.reset()
        assert envs.env_is_wrapped(ShieldedEnv) == [True, True]
        assert envs.env_is_wrapped(Monitor, [0]) == [True]
        assert envs.env_is_wrapped(gym.ObservationWrapper) == [False, False]
        assert envs.env_is_wrapped(BuildingEnv) == [True, True]  # type: ignore[arg-type]
        for pid in envs.processes:
            mapped = Path(f"/proc/{pid}/maps").read_text()
            assert "libenergyplusapi" in mapped
            assert "torch" not in mapped
            assert "pandas" not in mapped
            assert memory_mb(pid) > 50


@pytest.mark.slow
def test_two_workers_are_measured_against_one() -> None:
    """That it measures; how fast a machine is, no test asserts."""
    speed = measure_parallel(days=1)
    assert speed.one_steps_per_s > 0
    assert speed.ratio == speed.two_steps_per_s / speed.one_steps_per_s
    assert len(speed.worker_memory_mb) == 2
