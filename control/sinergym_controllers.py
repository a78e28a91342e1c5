"""What can control one of Sinergym's environments: its model's schedules, chance, a constant, a rule, a policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airhandler.buildings.environments import middle_action
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.sinergym_env import SinergymEnv

from .sinergym_policy import load_sinergym_policy

# Observation [len(observation_names)] and info of a step -> values of the actuators; NaN: the model's own schedule.
Commands = Callable[[NDArray[Any], dict[str, Any]], Array]


def find_sinergym_controller(name: str, env: SinergymEnv, seed: int) -> Commands:
    """A controller by name, or from a bundle's folder.

    Args:
        name: `stock` (the model's own schedules), `random`, `constant` (the middle of each range),
            `comfort-band` (set-points at the ends of the season's comfort band), or the path of a bundle.
        seed: of `random`.

    Raises UserError for an unknown name, a rule that does not fit, or a bundle that does not load.
    """
    if name in CONTROLLERS:
        return CONTROLLERS[name](env, seed)
    if Path(name).exists():
        return load_sinergym_policy(Path(name), env).commands
    raise UserError(
        f"controller {name!r} is neither known nor a bundle's folder; on Sinergym's environments there are"
        f" {', '.join(CONTROLLERS)}; `airhandler train --building {env.environment.catalogue_id}` makes a bundle"
    )


def _stock(env: SinergymEnv, seed: int) -> Commands:
    nothing = np.full(len(env.action_names), np.nan)
    return lambda observation, info: nothing


def _random(env: SinergymEnv, seed: int) -> Commands:
    env.action_space.seed(seed)
    return lambda observation, info: env.commands(env.action_space.sample())


def _constant(env: SinergymEnv, seed: int) -> Commands:
    middle = env.commands(middle_action(env.action_space))
    return lambda observation, info: middle


def _comfort_band(env: SinergymEnv, seed: int) -> Commands:
    """Heating set-points at the low end of the reward's seasonal band, cooling ones at its high end; the rest stock.

    With Sinergym's five-zone building this is its own rule (RBC5Zone). Source: Sinergym 3.12.2,
    `utils/controllers.py`; the bands are those of its reward.
    """
    if env.environment.discrete:
        raise UserError(
            f"comfort-band commands set-points, and {env.environment.catalogue_id} has choices from a table"
        )
    names = [name.lower() for name in env.action_names]
    heating = np.array(["heating_setpoint" in name for name in names])
    cooling = np.array(["cooling_setpoint" in name for name in names])
    if not (heating | cooling).any():
        raise UserError(f"comfort-band: {env.environment.catalogue_id} has neither heating nor cooling set-points")

    def commands(observation: NDArray[Any], info: dict[str, Any]) -> Array:
        low_c, high_c = env.reward.band(info["month"], info["day"])
        values = np.where(heating, low_c, np.where(cooling, high_c, np.nan))
        return np.asarray(np.clip(values, env.limits.low, env.limits.high), np.float64)

    return commands


CONTROLLERS: dict[str, Callable[[SinergymEnv, int], Commands]] = {
    "stock": _stock,
    "random": _random,
    "constant": _constant,
    "comfort-band": _comfort_band,
}
