"""Replay buffers: what is stored where the shield moved what the agent asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer

from .objectives import LearnFrom

PENALTY_PER_SPAN = 0.5
"""What `penalty` takes off the reward for each span of its range that a set-point was moved, summed over them."""


class ExecutedActionReplayBuffer(ReplayBuffer):
    """Stores `info["executed_action"]` in place of the action that the agent asked for.

    Where the shield moved a proposal, the transition that was seen belongs to the set-points that were put in
    force; stored under the proposal it would teach the critic a consequence that the proposal never had.
    """

    def add(
        self,
        obs: NDArray[Any],
        next_obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """Adds one transition of each environment [n_envs, ...]."""
        super().add(obs, next_obs, _executed(infos), reward, done, infos)


class PenalisedReplayBuffer(ReplayBuffer):
    """Stores the action that the agent asked for, and takes off the reward how far the shield moved it."""

    def add(
        self,
        obs: NDArray[Any],
        next_obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """Adds one transition of each environment [n_envs, ...]."""
        less = PENALTY_PER_SPAN * moved_spans(action, _executed(infos))
        super().add(obs, next_obs, action, reward - less, done, infos)


BUFFERS: Mapping[LearnFrom, type[ReplayBuffer]] = {
    "executed": ExecutedActionReplayBuffer,
    "proposed": ReplayBuffer,
    "penalty": PenalisedReplayBuffer,
}


def moved_spans(asked: NDArray[Any], executed: NDArray[Any]) -> NDArray[Any]:
    """How far actions in -1..1 [..., actions] were moved, in spans of that range, summed over the set-points [...]."""
    return np.asarray(np.abs(asked - executed).sum(axis=-1) / 2.0)


def _executed(infos: list[dict[str, Any]]) -> NDArray[Any]:
    return np.stack([info["executed_action"] for info in infos])
