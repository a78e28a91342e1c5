"""Mean-reverting noise: the Ornstein-Uhlenbeck process, sampled exactly, and the generators that it is drawn from."""

from __future__ import annotations

import itertools
import math
import zlib

import numpy as np

from .known import Array


def ornstein_uhlenbeck(count: int, width: int, tau: float, rng: np.random.Generator) -> Array:
    """Independent processes with mean 0 and standard deviation 1 at every sample [count, width].

    x[i+1] = a x[i] + sqrt(1 - a^2) N(0, 1), a = exp(-1 / tau); x[0] is drawn from N(0, 1), so that no part of it is
    calmer than another. Values that lie `tau` samples apart correlate by 1 / e.

    Args:
        tau: in samples, above 0.

    Source: Gillespie, Physical Review E 54 (1996) 2084, exact updating formula (secondary).
    """
    kept = math.exp(-1.0 / tau)
    x = rng.standard_normal((count, width))
    x[1:] *= math.sqrt(1.0 - kept * kept)
    for before, now in itertools.pairwise(x):
        now += kept * before
    return x


def generator(seed: int, draw: int, *purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose: what is drawn for one does not move what is drawn for another.

    Args:
        draw: which of the possible years; a negative number is never used in training.
        purpose: names.
    """
    mark = zlib.crc32("/".join(purpose).encode())
    return np.random.default_rng([seed, int(draw < 0), abs(draw), mark])
