"""Environments by id: `make`, and Gymnasium's registry, which this module fills when it is imported.

Gymnasium reads a colon in an id as "import this module first". So
`gymnasium.make("airhandler.buildings.environments:airhandler/Eplus-5zone-hot-continuous-v1")` is Sinergym's five-zone
building on our engine, and `gymnasium.make("sinergym:Eplus-5zone-hot-continuous-v1")` is Sinergym's own, on its engine.
"""

from __future__ import annotations

import inspect
from collections.abc import Set
from typing import Any

import gymnasium as gym
import numpy as np

from .catalog import building_ids, find_building
from .env import BuildingEnv
from .errors import UserError
from .gymnasium_ids import gymnasium_id
from .model import Period
from .sinergym import is_installed, is_sinergym
from .sinergym_config import SinergymId, find_sinergym, sinergym_ids
from .sinergym_env import SinergymEnv


def make(name: str, **options: Any) -> gym.Env[Any, Any]:
    """The Gymnasium environment of a building in the catalogue.

    Args:
        name: an id as `airhandler buildings` lists it: "datacentre-dx", "sinergym:Eplus-5zone-hot-continuous-v1".
        options: of `BuildingEnv` (weather, start, days, ...). Sinergym's environments fix their weather; they take
            `start` (month, day) and `days`, in place of the run period that Sinergym runs.

    Raises UserError for an unknown id or option.
    """
    if is_sinergym(name):
        return _sinergym(name, **_known(name, options, {"start", "days"}))
    find_building(name)
    return BuildingEnv(name, **_known(name, options, inspect.signature(BuildingEnv).parameters.keys() - {"building"}))


def middle_action(space: gym.Space[Any]) -> Any:
    """The action in the middle of every range, or the middle choice."""
    if isinstance(space, gym.spaces.Box):
        return ((space.low + space.high) / 2).astype(np.float32)
    if isinstance(space, gym.spaces.MultiDiscrete):
        return space.nvec // 2
    if isinstance(space, gym.spaces.Discrete):
        return space.start + space.n // 2
    raise UserError(f"an action space of the kind {type(space).__name__} has no middle")


def register() -> None:
    """Registers every building of the catalogue, and Sinergym's where it is installed."""
    for name in building_ids():
        _register(name)
    for item in sinergym_ids().values() if is_installed() else ():
        _register(item.catalogue_id)


def _register(name: str) -> None:
    if gymnasium_id(name) not in gym.registry:
        gym.register(id=gymnasium_id(name), entry_point=f"{__name__}:make", kwargs={"name": name})


def _sinergym(name: str, start: tuple[int, int] | None = None, days: int | None = None) -> SinergymEnv:
    item: SinergymId = find_sinergym(name)
    if start is None and days is None:
        return SinergymEnv(item)
    first = Period(start=start or (1, 1), days=1).first
    left = (first.replace(month=12, day=31) - first).days + 1
    return SinergymEnv(item, Period(start=(first.month, first.day), days=left if days is None else days))


def _known(name: str, options: dict[str, Any], known: Set[str]) -> dict[str, Any]:
    if unknown := sorted(set(options) - known):
        raise UserError(f"{name}: no option {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return options


register()
