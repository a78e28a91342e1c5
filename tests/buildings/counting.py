"""Environments that need no EnergyPlus, for what worker processes do with theirs."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np

from airhandler.buildings.errors import SimulationError


class Counting(gym.Env[np.ndarray, np.ndarray]):
    """Counts its steps, from a random number. Episodes end after `length` of them: terminated, both, truncated."""

    observation_space = gym.spaces.Box(-100, 100, (2,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, length: int = 3, name: str = "") -> None:
        self.length, self.name, self.episodes = length, name, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.episodes += 1
        self.steps, self.start = 0, float(self.np_random.integers(50))
        return self._observed(), {"begun": self.episodes, "options": str(options)}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        over, kind = self.steps == self.length, self.episodes % 3
        info = {"steps": self.steps, "name": self.name, "asked": action.copy()}
        return self._observed(), float(action[0]) + self.steps, over and kind != 0, over and kind != 1, info

    def scaled(self, factor: int, *, plus: int = 0) -> int:
        return self.length * factor + plus

    def _observed(self) -> np.ndarray:
        return np.array([self.start, self.steps], np.float32)


class Failing(Counting):
    """Its second step fails, in the first episode."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if (self.steps, self.episodes) == (1, 1):
            raise self.error
        return super().step(action)


class Stuck(Counting):
    """A step takes an hour."""

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        time.sleep(3600)
        return super().step(action)


def refused() -> Counting:
    """An environment that cannot be made."""
    raise SimulationError("no such thing here")
