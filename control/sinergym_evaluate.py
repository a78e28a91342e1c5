"""Runs controllers on one of Sinergym's environments and sums up what its reward is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from airhandler.buildings.model import Period
from airhandler.buildings.sinergym_env import SinergymEnv

from .sinergym_controllers import find_sinergym_controller


@dataclass(frozen=True, kw_only=True, slots=True)
class SinergymResult:
    """What came of an episode, by the names of Sinergym's own summary.

    Attributes:
        mean_power_demand: of the variables that the reward counts as energy [W in all of its configurations].
        mean_temperature_violation: kelvins outside the comfort band, all zones of the reward together [K].
        comfort_violation_frac: share of the steps with any violation.
    """

    controller: str
    building: str
    start: str
    days: int
    seed: int
    steps: int
    mean_reward: float
    total_reward: float
    mean_energy_term: float
    mean_comfort_term: float
    mean_power_demand: float
    mean_temperature_violation: float
    comfort_violation_frac: float


def evaluate_sinergym(
    controller: str,
    building: str,
    period: Period | None,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> SinergymResult:
    """One episode under a controller.

    Args:
        controller: as `find_sinergym_controller` takes it.
        building: id of the catalogue.
        period: which stretch of the year; None: the one that Sinergym runs.
        seed: of the noise on a stochastic environment's weather, which no training with any seed meets, and of a
            random controller.
        progress: is told the share done, 0..1, about a hundred times.
    """
    env = SinergymEnv(building, period)
    try:
        commands = find_sinergym_controller(controller, env, seed)
        observation, info = env.reset(seed=_held_out(seed))
        seen, over = [], False
        while not over:
            observation, reward, _, over, info = env.step_commands(commands(observation, info))
            power, violation = info["total_power_demand"], info["total_temperature_violation"]
            seen.append((reward, info["energy_term"], info["comfort_term"], power, violation))
            if progress is not None and len(seen) % max(1, env.total_steps // 100) == 0:
                progress(len(seen) / env.total_steps)
    finally:
        env.close()
    rewards, energy_terms, comfort_terms, powers, violations = np.array(seen).T
    return SinergymResult(
        controller=_label(controller),
        building=env.environment.catalogue_id,
        start="{:02d}-{:02d}".format(*env.days[0]),
        days=len(env.days),
        seed=seed,
        steps=len(seen),
        mean_reward=float(rewards.mean()),
        total_reward=float(rewards.sum()),
        mean_energy_term=float(energy_terms.mean()),
        mean_comfort_term=float(comfort_terms.mean()),
        mean_power_demand=float(powers.mean()),
        mean_temperature_violation=float(violations.mean()),
        comfort_violation_frac=float((violations > 0).mean()),
    )


def _label(controller: str) -> str:
    return "agent" if (Path(controller) / "card.json").exists() else controller


def _held_out(seed: int) -> int:
    """A seed above all that a training may be given."""
    return 2**32 + seed
