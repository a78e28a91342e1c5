"""Training on one of Sinergym's environments: its own reward, no shield, and a bundle that runs there alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.sinergym_config import find_sinergym, sinergym_ids
from airhandler.buildings.sinergym_env import SinergymEnv

from .agent import AgentSettings, actor_weights, make_agent
from .bundle import Provenance
from .sinergym_policy import CLIP, Scaling, save_sinergym_policy, spanned
from .train import Trained, versions

_SEASONS = 4  # environments side by side, each with its part of the run period: every batch sees every season
_TOLD_EVERY = 100  # calls between words of progress


@dataclass(frozen=True, kw_only=True, slots=True)
class SinergymTraining:
    """What to train on which of Sinergym's environments, for how long."""

    building: str = field(metadata={"help": "id of the catalogue, with Sinergym's prefix"})
    out: Path = field(metadata={"help": "folder of the run: bundle, TensorBoard log"})
    steps: int = field(metadata={"help": "environment steps in all"})
    seed: int = field(default=0, metadata={"help": "of the networks, the exploration and the weather's noise"})
    agent: AgentSettings = field(default_factory=AgentSettings, metadata={"help": "hyperparameters"})


@dataclass(frozen=True, kw_only=True, slots=True)
class SinergymProgress:
    """How far training is, for a progress bar."""

    steps: int
    total: int
    mean_reward: float

    @property
    def words(self) -> str:
        """The figure beside the bar."""
        return f"mean reward {self.mean_reward:.3f}"


class SpannedEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A continuous environment of Sinergym whose actions are -1..1 [len(action_names)], from low to high."""

    env: SinergymEnv

    def __init__(self, env: SinergymEnv) -> None:
        super().__init__(env)
        self.action_space = gym.spaces.Box(-1.0, 1.0, env.limits.shape, np.float32)

    def step(self, action: NDArray[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step; nothing stands between what is asked for and what is executed, and the replay buffer is told."""
        observation, reward, terminated, truncated, info = self.env.step(spanned(self.env, action))
        info["executed_action"] = np.asarray(action, np.float32)
        return observation, reward, terminated, truncated, info


def train_sinergym(
    settings: SinergymTraining, *, command: str, progress: Callable[[SinergymProgress], None] | None = None
) -> Trained:
    """Trains a Soft Actor-Critic agent and writes its bundle to `settings.out / "bundle"`, also after Ctrl-C.

    Observations and rewards are scaled by running statistics, as is usual with environments in physical units.
    Raises UserError for an unknown or a discrete environment, or a folder in the way.
    """
    continuous_only(settings.building)
    if (settings.out / "bundle").exists():
        raise UserError(f"{settings.out} holds a bundle that another run made: name another --out")
    torch.set_num_threads(1)  # the networks are small: a second thread costs more than it gives (docs/training.md)
    envs = _environments(settings)
    began, interrupted = time.monotonic(), False
    try:
        agent = make_agent(envs, settings.agent, seed=settings.seed, tensorboard=settings.out / "tensorboard")
        try:
            agent.learn(settings.steps, callback=_Teller(settings.steps, progress), tb_log_name="sac")
        except KeyboardInterrupt:
            interrupted = True
        agent.logger.close()
    finally:
        envs.close()
    _save(settings, envs, agent, command)
    return Trained(
        bundle=settings.out / "bundle",
        steps=agent.num_timesteps,
        interrupted=interrupted,
        seconds=time.monotonic() - began,
    )


def continuous_only(building: str) -> None:
    """Raises UserError for a discrete environment: the agent's actions are continuous."""
    item = find_sinergym(building)
    if not item.discrete:
        return
    other = item.id.replace("-discrete", "-continuous")
    hint = f"take sinergym:{other}" if other in sinergym_ids() else "Sinergym has no continuous one of this building"
    raise UserError(
        f"{item.catalogue_id} has discrete actions, and `airhandler train` makes an agent with continuous ones: {hint}"
    )


def seasons(days: tuple[tuple[int, int], ...]) -> list[Period | None]:
    """Parts of a run period of these days (month, day), one for each season; None, the whole, if it passes a year."""
    if len(days) < _SEASONS or days != tuple(sorted(days)):
        return [None] * _SEASONS
    parts = np.array_split(np.arange(len(days)), _SEASONS)
    return [Period(start=days[int(part[0])], days=len(part)) for part in parts]


def _environments(settings: SinergymTraining) -> VecNormalize:
    days = SinergymEnv(settings.building).days

    def maker(period: Period | None) -> Callable[[], Monitor[Any, Any]]:
        return lambda: Monitor(SpannedEnv(SinergymEnv(settings.building, period)))

    envs = DummyVecEnv([maker(period) for period in seasons(days)])
    envs.seed(settings.seed)
    return VecNormalize(envs, gamma=settings.agent.gamma, clip_obs=CLIP)


class _Teller(BaseCallback):
    """Tells progress: the mean of Sinergym's rewards since the last word."""

    def __init__(self, total: int, progress: Callable[[SinergymProgress], None] | None) -> None:
        super().__init__()
        self._total, self._progress = total, progress
        self._recent: list[float] = []

    def _on_step(self) -> bool:
        envs = self.training_env
        assert isinstance(envs, VecNormalize)
        self._recent.extend(envs.get_original_reward().tolist())
        if self.n_calls % _TOLD_EVERY == 0:
            mean = float(np.mean(self._recent))
            self._recent.clear()
            self.logger.record("building/mean_reward", mean)
            if self._progress is not None:
                self._progress(SinergymProgress(steps=self.num_timesteps, total=self._total, mean_reward=mean))
        return True


def _save(settings: SinergymTraining, envs: VecNormalize, agent: SAC, command: str) -> None:
    statistics: Any = envs.obs_rms
    deviation = np.sqrt(statistics.var + envs.epsilon)
    env = SinergymEnv(settings.building)
    save_sinergym_policy(
        settings.out / "bundle",
        env,
        actor_weights(agent),
        Scaling(mean=tuple(statistics.mean.tolist()), deviation=tuple(deviation.tolist())),
        Provenance(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=command,
            weathers=(env.environment.weather_file,),
            steps=agent.num_timesteps,
            seed=settings.seed,
            versions=versions(),
            settings={**asdict(settings), "out": str(settings.out)},
        ),
    )
