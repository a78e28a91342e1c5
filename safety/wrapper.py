"""The same Shield around an environment: what the agent learns on is what will guard the building."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from airhandler.buildings.codec import AbsentValueError, Float32
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.points import Reading, Setpoints

from .shield import Shield
from .verdict import Allowed, Proposal, Verdict


class ShieldedEnv(gym.Wrapper[Float32, Float32, Float32, Float32]):
    """A building's environment in which every action passes the shield.

    Info gains `verdict` ("allowed", "adjusted", "rejected"), `rules` (names of the rules that acted) and
    `executed_action` [len(action)]: the action that would have asked for what was put in force.

    Where sensors are faulty the shield sees what they show, as in a building.
    """

    env: BuildingEnv

    def __init__(self, env: BuildingEnv, shield: Shield | None = None) -> None:
        super().__init__(env)
        self.shield = shield or Shield(env.building)
        self._history: deque[Reading] = deque(maxlen=self.shield.memory)
        self._past: deque[Setpoints] = deque(maxlen=self.shield.past_steps)
        self._in_force: Setpoints | None = None
        self._forecaster = self.shield.forecaster()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32, dict[str, Any]]:
        """Begins an episode with the building under its own control."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._history.clear()
        self._history.append(self.env.seen)
        self._past.clear()
        self._in_force = None
        self._forecaster.reset()
        return observation, info

    def step(self, action: NDArray[np.floating[Any]]) -> tuple[Float32, float, bool, bool, dict[str, Any]]:
        """One step under the shield's verdict on the action."""
        reading = self._history[-1]
        proposal = self._proposal(action, reading)
        self._forecaster.observe(reading, self._in_force)
        learned = self._forecaster.forecast
        verdict = self.shield.judge(self._history, self._in_force, proposal, past=self._past, forecast=learned)
        self._in_force = verdict.setpoints
        self._past.append(verdict.setpoints)
        values = np.array([verdict.setpoints[p.name] for p in self.env.building.setpoints])
        observation, reward, terminated, truncated, info = self.env.step_setpoints(values)
        self._history.append(self.env.seen)
        info["verdict"] = verdict.kind
        info["rules"] = tuple(reason.rule for reason in verdict.reasons)
        info["executed_action"] = self._executed(action, verdict, reading)
        return observation, reward, terminated, truncated, info

    def _proposal(self, action: NDArray[np.floating[Any]], reading: Reading) -> Proposal | None:
        """What an action asks for; None where a sensor does not show what a policy needs: there it makes none."""
        try:
            if self.env.has_faulty_sensors:
                self.env.codec.encode(reading)
            setpoints = self.env.codec.decode(action, reading)
        except AbsentValueError:
            return None
        return Proposal(setpoints=setpoints, time=reading.time, controller="agent")

    def _executed(self, action: NDArray[np.floating[Any]], verdict: Verdict, reading: Reading) -> Float32:
        """The action of a verdict; the one that was asked for where the reading does not say which it would be."""
        if not isinstance(verdict, Allowed):
            with contextlib.suppress(AbsentValueError):
                return self.env.codec.encode_setpoints(verdict.setpoints, reading)
        return np.asarray(action, dtype=np.float32)
