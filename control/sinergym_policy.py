"""A policy trained on one of Sinergym's environments, and its bundle: the same two files as every other bundle.

Its observation is Sinergym's array, centred and scaled by mean and deviation as training saw them; its action in
-1..1 spans the environment's limits. There are no points and no shield behind it: it runs in that environment alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.settings import Strict, validate
from airhandler.buildings.sinergym_env import SinergymEnv

from .bundle import (
    FORMAT,
    Provenance,
    Weights,
    check_named,
    check_shapes,
    check_unchanged,
    layers,
    pack,
    read_files,
    sha256,
    unpack,
    write_files,
)
from .policy import act

CLIP = 10.0  # of a scaled observation [deviations]: stable-baselines3's own default


class Scaling(Strict):
    """Mean and deviation of each observation in training [len(observations)]."""

    mean: tuple[float, ...] = Field(strict=False)
    deviation: tuple[float, ...] = Field(strict=False)

    def scaled(self, observation: NDArray[Any]) -> NDArray[np.float32]:
        """An observation in deviations from the mean, clipped."""
        scaled = (observation - np.array(self.mean)) / np.array(self.deviation)
        return np.asarray(np.clip(scaled, -CLIP, CLIP), np.float32)


class SinergymCard(Strict):
    """What a bundle of this kind is."""

    format: int
    building: str
    observations: tuple[str, ...] = Field(strict=False)
    actions: tuple[str, ...] = Field(strict=False)
    low: tuple[float, ...] = Field(strict=False)
    high: tuple[float, ...] = Field(strict=False)
    scaling: Scaling
    layers: tuple[int, ...] = Field(strict=False)
    weights_sha256: str
    provenance: Provenance
    card_sha256: str | None = None


class SinergymPolicy:
    """A trained policy for one of Sinergym's environments."""

    def __init__(self, env: SinergymEnv, weights: Weights, scaling: Scaling) -> None:
        self._weights, self._scaling, self._env = weights, scaling, env

    def commands(self, observation: NDArray[Any], info: dict[str, Any]) -> Array:
        """The actuators' values [len(action_names)] for an observation [len(observation_names)]."""
        return self._env.commands(spanned(self._env, act(self._weights, self._scaling.scaled(observation))))


def spanned(env: SinergymEnv, action: NDArray[Any]) -> NDArray[np.float32]:
    """An action in -1..1 as an action of the environment, from low to high."""
    low, high = env.limits.low, env.limits.high
    return np.clip(low + (np.asarray(action, np.float32) + 1) / 2 * (high - low), low, high)


def save_sinergym_policy(
    folder: Path, env: SinergymEnv, weights: Weights, scaling: Scaling, provenance: Provenance
) -> None:
    """Writes a bundle. Raises UserError if it cannot be written."""
    packed = pack(weights)
    card = SinergymCard(
        **_schema(env),
        scaling=scaling,
        layers=layers(weights),
        weights_sha256=sha256(packed),
        provenance=provenance,
    )
    write_files(folder, packed, card)


def load_sinergym_policy(folder: Path, env: SinergymEnv) -> SinergymPolicy:
    """A policy from a bundle. Raises UserError if the bundle is corrupt or of another environment.

    Weather, noise and length of an episode may differ: what must be the same is the building's model, what is
    observed, and what is commanded within which limits.
    """
    raw, packed = read_files(folder)
    name = env.environment.catalogue_id
    if not isinstance(raw, dict) or "scaling" not in raw:
        check_named(raw, name, folder)
    card = validate(raw, SinergymCard, where=f"bundle {folder / 'card.json'}")
    for part, expected in _schema(env).items():
        if part != "building" and getattr(card, part) != expected:
            raise UserError(f"bundle {folder} is of {card.building!r}, whose {part} are not those of {name!r}")
    weights = unpack(packed, card.weights_sha256, folder)
    _check_scaling(card, folder)
    check_shapes(weights, card.layers, len(card.observations), len(card.actions), folder)
    check_unchanged(raw, folder)
    return SinergymPolicy(env, weights, card.scaling)


def _schema(env: SinergymEnv) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "building": env.environment.catalogue_id,
        "observations": tuple(env.observation_names),
        "actions": tuple(env.action_names),
        "low": tuple(env.limits.low.tolist()),
        "high": tuple(env.limits.high.tolist()),
    }


def _check_scaling(card: SinergymCard, folder: Path) -> None:
    mean, deviation = np.array(card.scaling.mean), np.array(card.scaling.deviation)
    if not mean.shape == deviation.shape == (len(card.observations),):
        raise UserError(f"bundle {folder}: its scaling must have {len(card.observations)} means and deviations")
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and (deviation > 0).all()):
        raise UserError(f"bundle {folder}: its scaling must be finite, and every deviation above 0")
