"""Sinergym's environments on our engine: same observations, actions and rewards, to the last bit."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from .energyplus import Simulation
from .errors import SimulationError, UserError
from .folders import own_folder, remove
from .known import Array
from .model import Period
from .sinergym import constants_path, weather_path
from .sinergym_config import SinergymId, find_sinergym
from .sinergym_model import prepare_sinergym
from .sinergym_reward import LinearReward
from .sinergym_spaces import ActionTable, Float32, action_table
from .sinergym_weather import write_noisy

_LIMIT, _LIMIT_OFFICEGRID = 5e7, 6e11  # of every observation. Source: Sinergym 3.12.2, EplusEnv


class SinergymEnv(gym.Env[Float32, Any]):
    """One of Sinergym's registered environments, run by our engine.

    Observation: `[len(observation_names)]` float32 in physical units, Sinergym's names and order.
    Action: `[len(action_names)]` float32 in physical units, or a choice where the environment is discrete.
    Info: `month`, `day`, `hour`, `timestep`, and after a step `action` and the reward's terms.

    When things happen. Sinergym reads and writes in one callback, at the end of a zone time step: an action acts
    in the step after it, and so it is here. Its first observation is the end of the first step of the run period,
    in which the model's own schedules still act; our engine hands over once more before that step, so `reset` runs
    it without commands. A run period of N steps therefore has N - 1 transitions. Sinergym notices the end by a
    time-out and reports it in one more `step` that repeats the last observation; here the last transition itself
    is `truncated`.

    Attributes:
        limits: lowest and highest value of every actuator, in physical units; the action space if not discrete.
        reward: its reward, with its comfort band.

    Args:
        environment: an id of Sinergym, for example "Eplus-5zone-hot-continuous-v1", or one read by `read_ids`.
        period: which stretch of the year; by default the one that Sinergym runs.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own convention

    def __init__(self, environment: str | SinergymId, period: Period | None = None) -> None:
        self.environment = find_sinergym(environment) if isinstance(environment, str) else environment
        config = self.environment.config
        model, self._calendar = prepare_sinergym(self.environment, period)
        self._last_step = self._calendar.steps - 1
        self._model = json.dumps(model)
        self._sensors, self._actuators = list(config.sensors.values()), list(config.commands.values())
        self.reward = LinearReward(config.reward_kwargs, list(config.sensors))
        self._clock = [("month", "day_of_month", "hour").index(name) for name in config.time_variables]
        self.limits = config.action_space.space()
        self._bounds = list(zip(config.commands, self.limits.low.tolist(), self.limits.high.tolist(), strict=True))
        self._table: ActionTable | None = None
        self.observation_names, self.action_names = config.observation_names, list(config.commands)
        limit = _LIMIT_OFFICEGRID if config.id_base == "officegrid" else _LIMIT
        self.observation_space = gym.spaces.Box(-limit, limit, (len(self.observation_names),), np.float32)
        self.action_space: gym.Space[Any] = self.limits
        if self.environment.discrete and config.action_space_discrete is not None:
            self._table = action_table(constants_path(), config.id_base)
            self.action_space = config.action_space_discrete.space()
        self._accepted: tuple[list[float], Array] = [], np.empty(0)  # the newest action that was within bounds
        self._hour, self._now = -1, (0, 0, 0)  # of the period, and on the calendar
        self._row = np.empty(len(self.observation_names), np.float32)
        self._observed = self._row[len(self._clock) :]  # behind the clock
        self._removal: Callable[[], object] | None = None
        self._run: Simulation | None = None

    @property
    def total_steps(self) -> int:
        """Transitions of an episode."""
        return self._last_step

    @property
    def days(self) -> tuple[tuple[int, int], ...]:
        """(month, day of month) of every day of an episode."""
        return self._calendar.days

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32, dict[str, Any]]:
        """Begins an episode: the first step of the run period, without commands."""
        super().reset(seed=seed)
        self.close()
        folder = own_folder("sinergym")
        self._removal = weakref.finalize(self, remove, folder)
        model, weather = folder / "model.epJSON", folder / "noisy.epw"
        model.write_text(self._model)
        self._run = Simulation(
            model=model,
            weather=self._weather(weather),
            sensors=self._sensors,
            actuators=self._actuators,
        )
        self._run.start()
        observation, _, (month, day, hour), step = self._advance(np.full(len(self._actuators), np.nan))
        return observation, {"month": month, "day": day, "hour": hour, "timestep": step - 1}

    def step(self, action: Any) -> tuple[Float32, float, bool, bool, dict[str, Any]]:
        """One time step under an action. Raises SimulationError when EnergyPlus fails: never the end of an episode."""
        return self.step_commands(self.commands(action))

    def step_commands(self, commands: Array) -> tuple[Float32, float, bool, bool, dict[str, Any]]:
        """One time step under values [len(action_names)] of the actuators; NaN: the model's own schedule."""
        observation, values, (month, day, hour), step = self._advance(commands)
        reward, energy_term, comfort_term, power, violation = self.reward(values, month, day)
        info = {
            "month": month,
            "day": day,
            "hour": hour,
            "timestep": step - 1,
            "action": commands.tolist(),
            "energy_term": energy_term,
            "comfort_term": comfort_term,
            "total_power_demand": power,
            "total_temperature_violation": violation,
        }
        return observation, reward, False, step > self._last_step, info

    def commands(self, action: Any) -> Array:
        """An action as the actuators' values, rounded to float32 as Sinergym's are. Raises UserError out of bounds."""
        single = self._table.values(action) if self._table else np.asarray(action, np.float32)
        values = single.tolist()
        if values != self._accepted[0]:
            self._check(single)
            accepted = single.astype(np.float64)
            accepted.setflags(write=False)  # handed out again as long as the action stays
            self._accepted = values, accepted
        return self._accepted[1]

    def close(self) -> None:
        """Ends the running episode and removes its files."""
        if self._run is not None:
            self._run.close()
            self._run = None
        if self._removal is not None:
            self._removal()
            self._removal = None

    def _advance(self, commands: Array) -> tuple[Float32, Array, tuple[int, int, int], int]:
        """One step: what is observed, the values of the sensors, the calendar, and which step it was."""
        if self._run is None:
            raise SimulationError("no episode is running: call reset() first")
        values = self._run.step(commands)
        if values is None:
            raise SimulationError("the episode is over: call reset()")
        step = self._run.steps
        hour = (step - 1) // self._calendar.steps_per_hour
        if hour != self._hour:
            self._hour, self._now = hour, self._calendar.at(step)
            self._row[: len(self._clock)] = [self._now[i] for i in self._clock]
        self._observed[:] = values
        return self._row.copy(), values, self._now, step

    def _check(self, single: Float32) -> None:
        if single.shape != (len(self._bounds),):
            raise UserError(f"action: must have the shape ({len(self._bounds)},), not {single.shape}")
        for value, (name, low, high) in zip(single.tolist(), self._bounds, strict=True):
            if not low <= value <= high:  # also for NaN
                raise UserError(f"action {name}: {value} must be within {low} to {high}")

    def _weather(self, noisy: Path) -> Path:
        source, noise = weather_path(self.environment.weather_file), self.environment.config.weather_variability
        if not self.environment.stochastic or noise is None:
            return source
        write_noisy(source, noisy, noise, self.np_random)
        return noisy
