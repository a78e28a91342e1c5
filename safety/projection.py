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

from airhandler.buildings.known import Array
from airhandler.buildings.points import Point

from .box import Box, Case, Rule
from .zone_nearest import Span, nearest_below

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


@runtime_checkable
class Curved(Coupled, Protocol):
    """A rule that bounds each zone's supply temperature by a concave curve over its airflow, and nothing else."""

    temps: list[int]
    flows: list[int]

    def tangents(self, box: Box, case: Case, flow_kg_s: Array) -> tuple[Array, Array]:
        """Of the curves at an airflow: at no airflow [degC], and the slope, each [zones]."""
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
        self._alone = rules[0] if len(rules) == 1 and isinstance(rules[0], Curved) else None
        of = (self._alone.temps, self._alone.flows) if self._alone is not None else ()
        self._reaches = [np.array([self._ranges[place] for place in places]) for places in of]

    def distance(self, one: Sequence[float], other: Sequence[float]) -> float:
        """How far two points are apart [ranges]: the norm that `nearest` makes small."""
        return math.hypot(*[(a - b) / reach for a, b, reach in zip(one, other, self._ranges, strict=True)])

    def nearest(self, box: Box, case: Case) -> Nearest | None:
        """The nearest point to what a box was asked for; None where there is none to be believed.

        The box holds what the rules of single set-points leave.
        """
        if self._alone is not None:
            return self._of_zones(self._alone, box, case)
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

    def _of_zones(self, rule: Curved, box: Box, case: Case) -> Nearest | None:
        """Each zone by itself, where nothing holds zones together."""
        temp_reach, flow_reach = self._reaches

        def curve(v: Array) -> tuple[Array, Array]:
            bound_c, slope = rule.tangents(box, case, v * flow_reach)
            return bound_c / temp_reach, slope * flow_reach / temp_reach

        temp, flow = _span(box, rule.temps, temp_reach), _span(box, rule.flows, flow_reach)
        found = nearest_below(curve, temp, flow, _NEAR / temp_reach, _ROUNDS)
        if found is None or not all(np.isfinite(part).all() for part in found):
            return None
        multipliers = (found.multiplier / temp_reach).tolist()
        values = [*(found.u * temp_reach).tolist(), *(found.v * flow_reach).tolist()]
        return self._moved(box, [*rule.temps, *rule.flows], values, [Pull(rule, m) for m in multipliers] * 2)

    def _moved(self, box: Box, places: Iterable[int], values: Iterable[float], pulls: Iterable[Pull]) -> Nearest:
        """What the box gives, but for what a program moves by more than next to nothing."""
        setpoints, moved = list(box.all_given()), {}
        for place, value, pull in zip(places, values, pulls, strict=True):
            if abs(value - setpoints[place]) > _SLIGHT * self._ranges[place]:
                setpoints[place], moved[place] = value, pull
        return Nearest(tuple(setpoints), moved)

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
        multipliers = [abs(float(lam)) for lam in about["lam"][len(places) :]]
        return self._moved(
            box, places, (x * reach).tolist(), [Pull(rows[row].rule, multipliers[row]) for row in strongest]
        )


def _span(box: Box, places: Sequence[int], reach: Array) -> Span:
    asked, low, high = (np.array([side[place] for place in places]) / reach for side in (box.asked, box.low, box.high))
    return Span(asked, low, high)


def _missing(row: Row, at: Sequence[float]) -> float:
    """How far a point is beyond a row [row's unit]."""
    return sum(coefficient * at[place] for place, coefficient in row.terms) - row.bound
