"""The nearest safe set-points: a small quadratic program, whose answer nobody has to believe.

    minimise  sum_i ((x_i - asked_i) / range_i)^2   over  low <= x <= high,  row . x <= bound

`low` and `high` are hard: what the rules of single set-points leave. The rows are those of rules that hold several
set-points together, and soft: where no point keeps them all, as little as possible is missing.

A guard is not linear in airflow. Its safe side is convex (safety/prediction.py: the highest supply temperature is a
concave function of airflow), so that tangents lie outside of it: a few rounds, each with the tangents at the last
answer, close in on the nearest point. Source: Kelley 1960, The cutting-plane method for solving convex programs.

What comes out is only a proposal to the rules, which clip it as they would clip any other (shield.py): a solver that
lies costs nearness, never safety.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import daqp
import numpy as np

from airhandler.buildings.points import Point

from .box import Box, Case, Rule

_ROUNDS = 3
_NEAR = 1e-4  # of a row's unit [K]: a point that misses a row by no more is on it
_SLIGHT = 0.01  # ranges: a smaller move is not worth a second set-point that an operator has to read about
_SOLVED = (1, 2)  # optimal, and optimal with soft rows that are missed. Source: DAQP's manual, exit flags
_SOFT = 8  # Source: DAQP's manual, constraint types
_FREE = -1e30  # no lower bound


class Row(NamedTuple):
    """One linear constraint: the sum of coefficient x set-point is to be at most a bound.

    Attributes:
        rule: whose it is.
        terms: place of a set-point and its coefficient [row's unit per set-point's unit].
        bound: [row's unit].
    """

    rule: Rule
    terms: tuple[tuple[int, float], ...]
    bound: float


class Shortfall(NamedTuple):
    """What a rule asks for and no point that is left gives.

    Attributes:
        places: of the set-points that would have to do it.
        slack_k: how much is missing [K].
        is_unsafe: whether that is too much.
        words: tells it to an operator.
    """

    places: tuple[int, ...]
    slack_k: float
    is_unsafe: bool
    words: Callable[[], str]


@runtime_checkable
class Coupled(Rule, Protocol):
    """A rule that holds several set-points together."""

    def rows(self, box: Box, case: Case, at: Sequence[float]) -> list[Row]:
        """Its constraints, linear around a point [set-points]: none of them cuts off a point that keeps the rule."""
        ...

    def shortfalls(self, box: Box, case: Case) -> Iterable[Shortfall]:
        """What is still missing with what the box gives."""
        ...


class Pull(NamedTuple):
    """What moved a set-point.

    Attributes:
        rule: whose row it was.
        multiplier: how much nearer the answer would be for one unit of that row more [ranges^2 per row's unit].
    """

    rule: Rule
    multiplier: float


class Nearest(NamedTuple):
    """The answer of the program.

    Attributes:
        setpoints: [set-points].
        pulls: what moved each set-point that a row moved, by its place.
    """

    setpoints: tuple[float, ...]
    pulls: Mapping[int, Pull]


class Projection:
    """Finds the nearest set-points of one building.

    Args:
        points: its set-points.
        rules: those that hold several of them together.
    """

    def __init__(self, points: Sequence[Point], rules: Sequence[Coupled]) -> None:
        self._ranges = [point.high - point.low for point in points]
        self._rules = tuple(rules)

    def distance(self, one: Sequence[float], other: Sequence[float]) -> float:
        """How far two points are apart [ranges]: the norm that `nearest` makes small."""
        return math.hypot(*[(a - b) / reach for a, b, reach in zip(one, other, self._ranges, strict=True)])

    def nearest(self, box: Box, case: Case) -> Nearest | None:
        """The nearest point to what a box was asked for; None where there is none to be believed.

        The box holds what the rules of single set-points leave.
        """
        at, found, rows = box.all_given(), None, list[Row]()
        for _ in range(_ROUNDS):
            new = [row for rule in self._rules for row in rule.rows(box, case, at) if _missing(row, at) > _NEAR]
            if not new:
                break
            rows += new
            found = self._solved(box, rows)
            if found is None:
                return None
            at = found.setpoints
        return found

    def _solved(self, box: Box, rows: Sequence[Row]) -> Nearest | None:
        """One program over the set-points that the rows touch, each in units of its range."""
        places = sorted({place for row in rows for place, _ in row.terms})
        column = {place: number for number, place in enumerate(places)}
        reach = np.array([self._ranges[place] for place in places])
        matrix = np.zeros((len(rows), len(places)))
        terms = [(number, column[place], factor) for number, row in enumerate(rows) for place, factor in row.terms]
        lines, columns, factors = zip(*terms, strict=True)
        matrix[lines, columns] = factors
        low, high, asked = (np.array([side[place] for place in places]) for side in (box.low, box.high, box.asked))
        upper = np.concatenate([high / reach, [row.bound for row in rows]])
        lower = np.concatenate([low / reach, np.full(len(rows), _FREE)])
        kinds = np.zeros(len(upper), np.intc)
        kinds[len(places) :] = _SOFT
        matrix *= reach
        if not (np.isfinite(upper).all() and np.isfinite(lower).all() and np.isfinite(matrix).all()):
            return None
        x, _, flag, about = daqp.solve(np.eye(len(places)), -asked / reach, matrix, upper, lower, kinds)
        if flag not in _SOLVED or not np.isfinite(x).all():
            return None
        pulls = np.abs(about["lam"][len(places) :, np.newaxis] * matrix)
        strongest = pulls.argmax(axis=0).tolist()
        setpoints, moved = list(box.all_given()), {}
        for place, value, row in zip(places, (x * reach).tolist(), strongest, strict=True):
            if abs(value - setpoints[place]) > _SLIGHT * self._ranges[place]:
                setpoints[place] = value
                moved[place] = Pull(rows[row].rule, abs(float(about["lam"][len(places) + row])))
        return Nearest(tuple(setpoints), moved)


def _missing(row: Row, at: Sequence[float]) -> float:
    """How far a point is beyond a row [row's unit]."""
    return sum(coefficient * at[place] for place, coefficient in row.terms) - row.bound
