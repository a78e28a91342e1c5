"""Training: the agent learns, stops cleanly, goes on, and leaves a bundle that acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from airhandler.buildings.catalog import find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather
from airhandler.control.agent import AgentSettings, actor_weights, make_agent
from airhandler.control.evaluate import evaluate
from airhandler.control.policy import act, load_policy
from airhandler.control.train import Progress, TrainSettings, train
from airhandler.safety.wrapper import ShieldedEnv

pytestmark = pytest.mark.slow

SMALL = AgentSettings(batch_size=32, width=32, gradient_steps=1, learning_starts=20)


def settings(out: Path, **changes: Any) -> TrainSettings:
    small: dict[str, Any] = {
        "steps": 120,
        "environments": 2,
        "days": 1,
        "checkpoint_every": 50,
        "agent": SMALL,
    }
    return TrainSettings(building="datacentre-dx", weathers=("chicago", "tucson"), out=out, **{**small, **changes})


class Target(gym.Env[np.ndarray, np.ndarray]):
    """One step: the best action is half the observation. The trivial task that learning itself is tested on."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self._seen = self.np_random.uniform(-1, 1, 1).astype(np.float32)
        return self._seen, {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        reward = -float((action[0] - 0.5 * self._seen[0]) ** 2)
        return self._seen, reward, True, False, {"executed_action": action}


def test_the_agent_learns_a_trivial_task() -> None:
    torch.set_num_threads(1)
    envs = DummyVecEnv([Target] * 4)
    agent = make_agent(
        envs,
        AgentSettings(batch_size=64, width=32, target_entropy=-2.0, learning_starts=200),
        seed=0,
        tensorboard=None,
    )
    agent.learn(2400)
    seen = np.linspace(-1, 1, 21, dtype=np.float32)[:, None]
    assert act(actor_weights(agent), seen)[:, 0] == pytest.approx(0.5 * seen[:, 0], abs=0.15)


def test_the_shielded_environment_tells_what_was_executed() -> None:
    env = ShieldedEnv(BuildingEnv(start=(7, 15), days=1))
    env.reset(seed=0)
    wild, allowed = np.random.default_rng(0), 0
    for _ in range(96):
        action = wild.uniform(-1, 1, 4).astype(np.float32)
        before = env.env.reading
        *_, info = env.step(action)
        if info["verdict"] == "allowed":
            allowed += 1
            assert np.array_equal(info["executed_action"], action)
        else:
            assert info["rules"]
            asked = env.env.codec.decode(info["executed_action"], before)
            names = [p.name for p in env.env.building.setpoints]
            free = np.abs(info["executed_action"]) < 1
            put = np.array([asked[n] for n in names])
            assert put[free] == pytest.approx(info["setpoints"][free], rel=1e-4)
    assert 0 < allowed < 96
    env.close()


def test_a_run_leaves_a_bundle_that_controls_the_building(tmp_path: Path) -> None:
    told: list[Progress] = []
    done = train(settings(tmp_path / "run", steps=300), resume=False, command="a test", progress=told.append)
    building = find_building("datacentre-dx")
    policy = load_policy(done.bundle, building)
    assert policy.card is not None
    assert policy.card.provenance.weathers == ("chicago", "tucson")
    env = ShieldedEnv(BuildingEnv(weather="tucson", start=(7, 15), days=1))
    env.reset(seed=0)
    sure = policy.confidence(env.env.reading)
    env.close()
    assert sure is not None
    assert sure > 0.0
    kpis = evaluate(policy, building, find_weather("lisbon"), Period(days=1)).kpis
    assert (kpis.steps, kpis.above_allowable_frac, kpis.shield_rejected_frac) == (96, 0.0, 0.0)
    assert told[-1].total == 300
    assert any((tmp_path / "run" / "tensorboard").rglob("events*"))


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    made = [train(settings(tmp_path / n), resume=False, command="") for n in ("a", "b")]
    first, second = ((done.bundle / "weights.npz").read_bytes() for done in made)
    assert first == second


def test_ctrl_c_before_the_first_step_leaves_no_run_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: DummyVecEnv) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(DummyVecEnv, "reset", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(settings(out), resume=False, command="")
    assert train(settings(out), resume=False, command="").steps == 120


def test_ctrl_c_saves_and_the_run_goes_on_from_there(tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "run"
    done = train(settings(out, steps=400), resume=False, command="", progress=interrupt)
    assert done.interrupted
    assert 0 < done.steps < 400
    load_policy(done.bundle, find_building("datacentre-dx"))
    with pytest.raises(UserError, match="--resume"):
        train(settings(out, steps=400), resume=False, command="")
    with pytest.raises(UserError, match="another seed: it was 0, now 1"):
        train(settings(out, steps=400, seed=1), resume=True, command="")
    again = train(settings(out, steps=400), resume=True, command="")
    assert (again.interrupted, again.steps) == (False, 400)
    weights = (again.bundle / "weights.npz").read_bytes()
    once_more = train(settings(out, steps=400), resume=True, command="")
    assert once_more.steps == 400
    assert (again.bundle / "weights.npz").read_bytes() == weights, "a finished run is left as it is"


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to resume"):
        train(settings(tmp_path / "run"), resume=True, command="")


def test_an_unwritable_folder_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        train(settings(tmp_path / "file" / "run"), resume=False, command="")
