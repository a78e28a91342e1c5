"""A replay buffer that learns from what was executed, not from what was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer


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
        executed = np.stack([info["executed_action"] for info in infos])
        super().add(obs, next_obs, executed, reward, done, infos)
