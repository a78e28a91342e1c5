"""Ways to choose set-points for a trial: orderly and hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from .catalog import Building
from .known import Array

Way = Literal["stock", "constant", "random", "extreme"]
"""How set-points are chosen: by the building's own control, all at the shield's fallback, anywhere between their limits
in every step, or at one limit until they jump to the other."""

WAYS: tuple[Way, ...] = ("stock", "constant", "random", "extreme")
ORDERLY: tuple[Way, ...] = ("stock", "constant")
"""Normal operation: what EnergyPlus must take without a severe error."""

HOLD_STEPS = 8
"""Steps for which an extreme set-point stays at one end on average: long enough for a room to follow."""


def choose_setpoints(way: Way, building: Building, seed: int) -> Callable[[], Array]:
    """The set-points of the next step, in physical units; NaN: the building's own control."""
    low = np.array([p.low for p in building.setpoints])
    high = np.array([p.high for p in building.setpoints])
    rng = np.random.default_rng(seed)
    if way == "random":
        return lambda: rng.uniform(low, high)
    if way == "extreme":
        up = rng.random(len(low)) < 0.5

        def jump() -> Array:
            up[rng.random(len(up)) < 1.0 / HOLD_STEPS] ^= True
            return np.where(up, high, low)

        return jump
    held = np.full(len(low), np.nan) if way == "stock" else np.array([rule.fallback for rule in building.rules])
    return lambda: held
