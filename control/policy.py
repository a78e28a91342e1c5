"""Policy: a learned Controller. A few matrix products in numpy: neither torch nor the simulator is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from airhandler.buildings.catalog import Building
from airhandler.buildings.codec import Codec, Float32
from airhandler.buildings.points import Reading, Setpoints

from .bundle import Card, Weights, known_building, load_bundle, load_familiar
from .familiar import Familiar


def act(weights: Weights, observation: Float32) -> NDArray[np.float32]:
    """The deterministic action in -1..1 [..., actions] of a squashed-Gaussian actor for observations [..., names].

    Hidden layers are ReLU, the mean is squashed by tanh. Source: Haarnoja et al. 2018, Soft Actor-Critic
    Algorithms and Applications, appendix C.
    """
    last = len(weights) // 2 - 1
    x = observation
    for i in range(last):
        x = np.maximum(x @ weights[f"weight_{i}"].T + weights[f"bias_{i}"], 0.0)
    return np.asarray(np.tanh(x @ weights[f"weight_{last}"].T + weights[f"bias_{last}"]), dtype=np.float32)


class Policy:
    """A trained policy for one building."""

    name = "policy"

    def __init__(
        self, building: Building, weights: Weights, card: Card | None = None, familiar: Familiar | None = None
    ) -> None:
        self.card, self._familiar = card, familiar
        self._codec, self._weights = Codec(building), weights

    def reset(self) -> None:
        """Nothing to forget."""

    def propose(self, reading: Reading) -> Setpoints:
        """The policy's set-points. Raises AbsentValueError if the reading lacks a value that it needs."""
        return self._codec.decode(act(self._weights, self._codec.encode(reading)), reading)

    def confidence(self, reading: Reading) -> float | None:
        """How much like its training a reading is, 0 to 1; None for a bundle that does not say what that was like."""
        return None if self._familiar is None else self._familiar.confidence(self._codec.encode(reading))


def load_policy(folder: Path, building: Building) -> Policy:
    """A policy from a bundle. Raises UserError if the bundle is corrupt or does not fit the building."""
    card, weights = load_bundle(folder, building)
    return Policy(known_building(card, building), weights, card, load_familiar(folder, card))
