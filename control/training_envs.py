"""The environment that an agent learns in: a building's, behind the shield or bare, and how warm its inlets get."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from airhandler.buildings.catalog import Building
from airhandler.buildings.codec import Float32
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.errors import UserError
from airhandler.safety.wrapper import ShieldedEnv

from .objectives import Objective

NEAR_K = 0.3
"""Over how many kelvins the reward of `break` grows by a factor e: what counts are the rare steps that go the furthest,
not the mean distance from the limit, which a steady policy brings nearest."""

MOST = 100.0
"""Where that reward ends, so that one step is not all that there is to learn."""

Env = gym.Env[Float32, Float32]
Step = tuple[Float32, float, bool, bool, dict[str, Any]]


def training_env(env: BuildingEnv, *, shielded: bool, objective: Objective) -> Env:
    """An environment with all that training reads in its infos: `verdict`, `executed_action`, `over_..._k`.

    Raises UserError for an objective that the building has nothing for.
    """
    if objective == "break" and not env.building.zones:
        raise UserError(f"{env.building.id} has no server zones: there is no inlet limit to break")
    return WatchedEnv(env, ShieldedEnv(env) if shielded else UnshieldedEnv(env), objective)


class UnshieldedEnv(gym.Wrapper[Float32, Float32, Float32, Float32]):
    """What ShieldedEnv says in its infos, where nothing judges: for comparison in simulation only."""

    def step(self, action: NDArray[np.floating[Any]]) -> Step:
        """One step under the action as it is."""
        observation, reward, terminated, truncated, info = self.env.step(np.asarray(action, np.float32))
        told = {"verdict": "allowed", "rules": (), "executed_action": np.asarray(action, np.float32)}
        return observation, float(reward), terminated, truncated, info | told


class WatchedEnv(gym.Wrapper[Float32, Float32, Float32, Float32]):
    """Says how far the warmest inlet is beyond its limits; to `break` them is the reward, where that is asked for.

    Info gains `over_recommended_k` and `over_allowable_k`, below 0 where it is cooler: of the truth, whatever sensors
    show. Where there are no server zones both are -infinity.

    Args:
        building_env: the building's own environment.
        env: the same, in the wrapper that is to be stepped.
        objective: which reward.
    """

    def __init__(self, building_env: BuildingEnv, env: Env, objective: Objective) -> None:
        super().__init__(env)
        self._building_env, self._objective = building_env, objective
        self._recommended_c, self._allowable_c = _limits_c(building_env.building)

    def step(self, action: NDArray[np.floating[Any]]) -> Step:
        """One step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        inlet_c = float(self._building_env.inlet_temps_c.max(initial=-np.inf))
        info["over_recommended_k"] = over_k = inlet_c - self._recommended_c
        info["over_allowable_k"] = inlet_c - self._allowable_c
        if self._objective == "break":
            reward = breaking_reward(over_k)
        return observation, float(reward), terminated, truncated, info


def breaking_reward(over_k: float) -> float:
    """The reward of one who would break the limit, by how far the warmest inlet is beyond it: 1 at it, near 0 below."""
    return min(MOST, math.exp(over_k / NEAR_K))


def _limits_c(building: Building) -> tuple[float, float]:
    limits = THERMAL_CLASSES[building.file.shield.inlet_class]
    return limits.recommended.high_c, limits.allowable.high_c
