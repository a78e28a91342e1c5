"""The Soft Actor-Critic agent, by stable-baselines3, and its actor as plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import VecEnv

from airhandler.buildings.errors import UserError

from .bundle import Weights
from .objectives import LearnFrom
from .replay import BUFFERS


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSettings:
    """Hyperparameters of the agent. Each default was compared on training weather; see docs/training.md."""

    gamma: float = field(default=0.9, metadata={"help": "discount per 15-minute step"})
    learning_rate: float = field(default=1e-3, metadata={"help": "at the start; falls linearly to a tenth"})
    batch_size: int = field(default=128, metadata={"help": "transitions per gradient step"})
    width: int = field(default=128, metadata={"help": "units in each of two hidden layers"})
    gradient_steps: int = field(default=4, metadata={"help": "gradient steps after each step of all environments"})
    learning_starts: int = field(default=2000, metadata={"help": "random steps before learning"})
    buffer_size: int = field(default=300_000, metadata={"help": "transitions kept"})
    tau: float = field(default=0.01, metadata={"help": "share of the critic that its target takes over per step"})
    target_entropy: float = field(default=-4.0, metadata={"help": "entropy that the temperature steers to"})

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise UserError(f"{name} {getattr(self, name)}: must be {low:g} to {high:g}")


_RANGES = {
    "gamma": (0.0, 1.0),
    "learning_rate": (1e-8, 1.0),
    "batch_size": (1, 1_000_000),
    "width": (1, 100_000),
    "gradient_steps": (1, 10_000),
    "learning_starts": (0, 100_000_000),
    "buffer_size": (1, 100_000_000),
    "tau": (0.0, 1.0),
}


def agent_settings(pairs: Sequence[str]) -> AgentSettings:
    """Hyperparameters from texts NAME=VALUE; a later one takes an earlier one's place. Raises UserError."""
    known: dict[str, type[Any]] = {f.name: type(f.default) for f in fields(AgentSettings)}
    chosen: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in known:
            raise UserError(f"--set {pair}: no hyperparameter {name!r}; known: {', '.join(known)}")
        try:
            chosen[name] = known[name](value)
        except ValueError:
            raise UserError(f"--set {pair}: {name} must be a {known[name].__name__}") from None
    return AgentSettings(**chosen)


def make_agent(
    envs: VecEnv,
    settings: AgentSettings,
    *,
    seed: int,
    tensorboard: Path | None,
    learn_from: LearnFrom = "executed",
) -> SAC:
    """A new agent for environments whose infos carry `executed_action`."""
    return SAC(
        "MlpPolicy",
        envs,
        gamma=settings.gamma,
        learning_rate=_falling(settings.learning_rate),
        batch_size=settings.batch_size,
        train_freq=1,
        gradient_steps=settings.gradient_steps,
        learning_starts=settings.learning_starts,
        buffer_size=settings.buffer_size,
        tau=settings.tau,
        target_entropy=settings.target_entropy,
        replay_buffer_class=BUFFERS[learn_from],
        policy_kwargs={"net_arch": [settings.width, settings.width]},
        tensorboard_log=str(tensorboard) if tensorboard else None,
        device="cpu",
        seed=seed,
    )


def _falling(start: float) -> Callable[[float], float]:
    """A learning rate that falls linearly from `start` to a tenth as training goes from 1 to 0 (remaining)."""
    return lambda remaining: start * (0.1 + 0.9 * remaining)


def seen(agent: SAC) -> NDArray[np.float32]:
    """What the agent has observed, as far as its replay buffer still holds it [n, observations]."""
    buffer: Any = agent.replay_buffer
    stored = buffer.observations if buffer.full else buffer.observations[: buffer.pos]
    return np.asarray(stored.reshape(-1, stored.shape[-1]), np.float32)


def actor_weights(agent: SAC) -> Weights:
    """The deterministic actor as arrays: `weight_i` [out, in] and `bias_i` [out] of each layer."""
    actor: Any = agent.policy.actor
    layers = [m for m in (*actor.latent_pi, actor.mu) if isinstance(m, torch.nn.Linear)]
    weights: Weights = {}
    for i, layer in enumerate(layers):
        weights[f"weight_{i}"] = layer.weight.detach().cpu().numpy().copy()
        weights[f"bias_{i}"] = layer.bias.detach().cpu().numpy().copy()
    return weights
