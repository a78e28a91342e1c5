"""What a policy's training was like: how far an observation is from it, and how sure that leaves the policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from airhandler.buildings.errors import UserError

_LEAST_SPREAD = 0.02  # of an observation that spans -1..1: less is a sensor's error, not another situation
_INSIDE_FRAC = 0.999  # of the observations of training are as near as that
_LEAST = 100  # observations; fewer say nothing of what training is like

Float32s = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Familiar:
    """The observations of training, as a mean and the directions in which they spread.

    Distance is Mahalanobis': in standard deviations, along the directions in which observations go together. So a warm
    inlet beside cold supply air is far where each by itself would not be.
    Source: Mahalanobis 1936, On the generalised distance in statistics.

    Attributes:
        mean: [observations].
        whitening: makes a difference from the mean one in standard deviations [observations, observations].
        limit: the distance within which nearly all observations of training are.
    """

    mean: Float32s
    whitening: Float32s
    limit: float

    def distance(self, observation: Float32s) -> float:
        """How far an observation is from training [standard deviations]."""
        return float(np.linalg.norm((observation - self.mean) @ self.whitening))

    def confidence(self, observation: Float32s) -> float:
        """1 as near as training was, 0 from twice as far on, falling linearly between."""
        distance = self.distance(observation)
        return min(1.0, max(0.0, 2.0 - distance / self.limit)) if np.isfinite(distance) else 0.0

    def arrays(self) -> dict[str, Float32s]:
        """As a file holds it."""
        return {"mean": self.mean, "whitening": self.whitening, "limit": np.array([self.limit], np.float32)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Float32s], observations: int, *, where: str) -> Familiar:
        """From a file. Raises UserError where it is not one of so many observations."""
        shapes = {"mean": (observations,), "whitening": (observations, observations), "limit": (1,)}
        sound = {name: array.shape for name, array in arrays.items()} == shapes
        if not sound or not all(np.isfinite(array).all() for array in arrays.values()) or arrays["limit"][0] <= 0.0:
            raise UserError(f"{where}: what it says of its training does not hold together: train it anew")
        return cls(mean=arrays["mean"], whitening=arrays["whitening"], limit=float(arrays["limit"][0]))


def familiar_with(observations: Float32s) -> Familiar | None:
    """What so many observations [n, observations] make familiar; None for too few."""
    if len(observations) < _LEAST:
        return None
    mean = observations.mean(axis=0, dtype=np.float64)
    spread, directions = np.linalg.eigh(np.cov(observations, rowvar=False, dtype=np.float64))
    whitening = directions / np.sqrt(np.maximum(spread, _LEAST_SPREAD**2))
    distances = np.linalg.norm((observations - mean) @ whitening, axis=1)
    return Familiar(
        mean=mean.astype(np.float32),
        whitening=whitening.astype(np.float32),
        limit=max(float(np.quantile(distances, _INSIDE_FRAC)), 1.0),
    )
