"""Forecast: what is known about the air of a building's zones, beyond the building file, and how well it predicts.

An immutable value: whoever hands it to the shield can hand in the same one again. One that holds no number, or an
absurd one, cannot be made; so a rule need not look.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from airhandler.buildings.known import Array

MOST_LEAK_FRAC, MOST_BIAS_K, MOST_BOUND_K = 0.6, 3.0, 10.0
"""Beyond these nothing is believed: more than half of the intake from the hot side, sensors that far apart, an error
after which the fallback is all that is left."""


MOST_STEPS = 60
"""So many may a building file have, and the time of a verdict hangs on them."""


class Answer(NamedTuple):
    """How the air answers set-points, the same in every zone; see ThermalFile for the words."""

    follow_frac: float
    keep_frac: float
    inlet_lag_steps: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Forecast:
    """What was learned until now.

    Attributes:
        answer: how supply air follows its set-point, and when an inlet sensor shows it.
        leak_frac: share of the servers' intake that comes from the hot side whatever the airflow [zones].
        bias_k: how much more an inlet sensor reads than the air is warm by the others [zones].
        bound_k: error of the predicted inlet that 95 % of the steps keep, 1, 2, ... steps ahead [steps, zones].

    Raises ValueError for arrays of other shapes, for what is no number, and beyond the greatest values above.
    """

    answer: Answer
    leak_frac: Array
    bias_k: Array
    bound_k: Array

    def __post_init__(self) -> None:
        zones, steps = self.leak_frac.shape, self.bound_k.shape[:1]
        if len(zones) != 1 or self.bias_k.shape != zones or steps == (0,) or self.bound_k.shape != steps + zones:
            raise ValueError("a Forecast's leak and bias must be [zones], its bounds [steps, zones]")
        if len(self.bound_k) > MOST_STEPS:
            raise ValueError(f"a Forecast's steps must be {MOST_STEPS} at most")
        if not (0.0 < self.answer.follow_frac <= 1.0 and 0.0 <= self.answer.keep_frac <= 1.0):
            raise ValueError("a Forecast's answer must be shares, and supply air must follow its set-point")
        _check("leak_frac", self.leak_frac, 0.0, MOST_LEAK_FRAC)
        _check("bias_k", self.bias_k, -MOST_BIAS_K, MOST_BIAS_K)
        _check("bound_k", self.bound_k, 0.0, MOST_BOUND_K)
        for array in (self.leak_frac, self.bias_k, self.bound_k):
            array.flags.writeable = False

    @property
    def steps(self) -> int:
        """How many steps it looks ahead."""
        return len(self.bound_k)


@functools.lru_cache(maxsize=64)
def coming_down(answer: Answer, steps: int) -> tuple[Array, Array, Array]:
    """The supply air of the next steps, should its set-point go down from now on by the same ramp in each.

    With o how far the supply air is off its set-point, u the set-point, f the share of a change that it follows and k
    the share of o that is left: o' = k o - (1 - f) (u' - u). For a set-point T now, then T - r, T - 2 r, ...

        T_supply = slope T + kept (k o + (1 - f) u) + per_ramp r

    Returns slope, kept and per_ramp, each [steps, 1].
    """
    step = np.arange(steps, dtype=float)[:, np.newaxis]
    kept = answer.keep_frac**step
    behind = 1.0 - answer.follow_frac
    below = np.concatenate([np.zeros((1, 1)), np.cumsum(kept, axis=0)[:-1]])
    return 1.0 - behind * kept, kept, behind * below - step


def _check(name: str, array: Array, low: float, high: float) -> None:
    if not bool(((array >= low) & (array <= high)).all()):
        raise ValueError(f"a Forecast's {name} must be {low:g} to {high:g}")
