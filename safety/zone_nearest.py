"""The nearest point of every zone below its own curve, worked out at once for all zones.

Where no rule holds zones together, each is a problem of two numbers: supply temperature u and airflow v, in ranges,

    minimise  (u - asked_u)^2 + (v - asked_v)^2  over a box,  u <= bound_j + slope_j v  for every tangent j

Every tangent is one at the answer to those before it, and cuts it off. As the distance is strictly convex, the next
answer lies on it: where it is nearest to what was asked, or where it meets an end of the box or another tangent.
These points are few, and all are tried. Where no point keeps all tangents, as little as possible is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from airhandler.buildings.known import Array

_ROUNDING = 1e-9  # ranges


class Span:
    """One set-point of every zone.

    Attributes:
        asked: what was asked [zones].
        low, high: the interval that is left [zones].
        inside: the nearest that it leaves of what was asked [zones].
    """

    __slots__ = ("_mirrored", "asked", "high", "inside", "low")

    def __init__(self, asked: Array, low: Array, high: Array) -> None:
        self.asked, self.low, self.high = asked, low, high
        self.inside = self.clipped(asked)
        self._mirrored = self.inside - 2.0 * asked

    def clipped(self, values: Array) -> Array:
        """The nearest that is left; the lowest for what is no number."""
        return np.fmin(np.fmax(values, self.low), self.high)

    def further(self, values: Array) -> Array:
        """How much the square of the distance to what was asked is more than it need be; exact far away, too."""
        return (values - self.inside) * (values + self._mirrored)


class Below(NamedTuple):
    """The answer.

    Attributes:
        u, v: temperature and airflow [zones].
        multiplier: how much nearer the answer would be for a curve that is higher [ranges^2 per range, zones].
    """

    u: Array
    v: Array
    multiplier: Array


def nearest_below(
    curve: Callable[[Array], tuple[Array, Array]], temp: Span, flow: Span, near: Array, rounds: int
) -> Below | None:
    """The nearest points; None where every zone is below its curve as it is asked.

    Args:
        curve: tangent at an airflow: bound and slope. Where the bound is not finite, there is none.
        temp, flow: of every zone.
        near: who passes a tangent by no more is on it [zones].
        rounds: of tangents.
    """
    u, v, lines = temp.inside, flow.inside, list[tuple[Array, Array]]()
    for _ in range(rounds):
        bound, slope = curve(v)
        beyond = np.isfinite(bound) & (u - (bound + slope * v) > near)
        if not beyond.any():
            break
        lines.append((np.where(beyond, bound, np.inf), np.where(beyond, slope, 0.0)))
        on_u, on_v = _on_last(lines, temp, flow)
        u, v = np.where(beyond, on_u, u), np.where(beyond, on_v, v)
    return Below(u, v, _multiplier(u, v, lines, temp, flow)) if lines else None


def _on_last(lines: Sequence[tuple[Array, Array]], temp: Span, flow: Span) -> tuple[Array, Array]:
    """The nearest point on the last tangent that keeps the others, or misses them by the least."""
    tries = _tries(lines, temp, flow)
    top = np.array([bound + slope * tries for bound, slope in lines]).min(axis=0)
    u = np.fmax(np.fmin(temp.inside, top), temp.low)
    missing = u - top
    least = np.fmax(missing.min(axis=0), 0.0) + _ROUNDING
    cost = np.where(missing <= least, temp.further(u) + flow.further(tries), np.inf)
    best = cost.argmin(axis=0), np.arange(len(temp.asked))
    return u[best], tries[best]


def _tries(lines: Sequence[tuple[Array, Array]], temp: Span, flow: Span) -> Array:
    """Airflows on the last tangent, one of which is that of the answer [tries, zones]."""
    bound, slope = lines[-1]
    nearest = (flow.asked + slope * (temp.asked - bound)) / (1.0 + slope * slope)
    at_ends = [(end - bound) / slope for end in (temp.inside, temp.low)]
    at_others = [(other_bound - bound) / (slope - other_slope) for other_bound, other_slope in lines[:-1]]
    return flow.clipped(np.array([nearest, *at_ends, *at_others]))


def _multiplier(u: Array, v: Array, lines: Sequence[tuple[Array, Array]], temp: Span, flow: Span) -> Array:
    """By the temperature where it is free to move, else by the airflow on the tangent that is reached."""
    place = np.array([bound + slope * v for bound, slope in lines]).argmin(axis=0), np.arange(len(u))
    slope = np.array([slope for _, slope in lines])[place]
    by_flow = np.where(slope > 0.0, (v - flow.asked) / slope, 0.0)
    is_free = (temp.low + _ROUNDING < u) & (u < temp.high - _ROUNDING)
    return np.abs(np.where(is_free, temp.asked - u, by_flow))
