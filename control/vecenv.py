"""Parallel environments as stable-baselines3 wants them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from airhandler.buildings.vector import ParallelEnvs
from airhandler.buildings.vector_hosting import Info, Maker

_INFOS = ("executed_action", "verdict", "exceedance_k", "controllable_w")  # what training reads

Indices = None | int | Iterable[int]


class ParallelVecEnv(VecEnv):
    """A VecEnv over ParallelEnvs; infos as DummyVecEnv and Monitor give them.

    Each info has what `infos` names, `TimeLimit.truncated`, and at the end of an episode all that the environment
    said, `terminal_observation` and `episode`: its return `r`, its length `l`, seconds since the start `t`.

    Args:
        makers, processes, scratch: as for ParallelEnvs.
        infos: the names in the environments' infos that every step returns.
    """

    def __init__(
        self,
        makers: Sequence[Maker],
        *,
        processes: int | None = None,
        infos: Sequence[str] = _INFOS,
        scratch: Path | None = None,
    ) -> None:
        self._envs = ParallelEnvs(
            makers, processes=processes, autoreset=AutoresetMode.SAME_STEP, infos=infos, scratch=scratch
        )
        self._began = time.monotonic()
        self._returns = np.zeros(len(makers))
        self._lengths = np.zeros(len(makers), dtype=np.int64)
        try:
            super().__init__(len(makers), self._envs.single_observation_space, self._envs.single_action_space)
        except BaseException:
            self._envs.close()
            raise

    @property
    def processes(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return self._envs.processes

    def reset(self) -> NDArray[Any]:
        """Begins an episode in every environment, with the seeds and options that were set for it."""
        observations, self.reset_infos = self._envs.reset_each(
            self._seeds, [option or None for option in self._options]
        )
        self._returns[:], self._lengths[:] = 0.0, 0
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Has the environments begin a step."""
        self._envs.step_async(actions)

    def step_wait(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[Info]]:
        """Observations, rewards, ends of episodes and infos of the step that has begun."""
        observations, rewards, terminated, truncated, infos = self._envs.step_wait()
        self._returns += rewards
        self._lengths += 1
        over, limited = terminated | truncated, truncated & ~terminated
        for i in np.flatnonzero(over).tolist():
            infos[i] = self._ended(i, infos[i])
        for info, by_limit in zip(infos, limited.tolist(), strict=True):
            info["TimeLimit.truncated"] = by_limit
        return observations, rewards.astype(np.float32), over, infos

    def close(self) -> None:
        """Ends the workers."""
        self._envs.close()

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """An attribute of environments."""
        return list(self._envs.get_attr(attr_name, self._rows(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Sets an attribute of environments to one value."""
        rows = self._rows(indices)
        self._envs.set_attr(attr_name, [value] * len(rows), rows)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """The results of a method of environments."""
        return list(self._envs.call(method_name, *method_args, indices=self._rows(indices), **method_kwargs))

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Indices = None
    ) -> list[bool]:
        """Whether environments are wrapped so; in a Monitor they are, since its work is done here."""
        rows = self._rows(indices)
        name = f"{wrapper_class.__module__}.{wrapper_class.__qualname__}"
        return [wrapper_class is Monitor or name in classes for classes in self._envs.classes(rows)]

    def _rows(self, indices: Indices) -> list[int]:
        return list(self._get_indices(indices))

    def _ended(self, i: int, info: Info) -> Info:
        """The info of an episode's last step; what the next one began with goes to `reset_infos`."""
        last: Info = info.pop("final_info")
        last["terminal_observation"] = info.pop("final_obs")
        last["episode"] = {
            "r": round(float(self._returns[i]), 6),
            "l": int(self._lengths[i]),
            "t": round(time.monotonic() - self._began, 6),
        }
        self.reset_infos[i] = info
        self._returns[i], self._lengths[i] = 0.0, 0
        return last
