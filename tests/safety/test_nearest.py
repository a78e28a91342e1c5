"""The quadratic program alone, on rows made up by hand: the nearest point, and what moved each set-point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from airhandler.buildings.points import Point, Role
from airhandler.safety.box import Box, Case
from airhandler.safety.projection import Nearest, Projection, Row, Shortfall

NOTHING = Case({}, {}, (), ())
REACH = (10.0, 5.0)
"""Ranges of the two set-points: a move of the first by 2 is as far as one of the second by 1."""
SOFT = 2e-5
"""Rows are soft: an answer may miss one by this."""

Terms = tuple[tuple[int, float], ...]


class Rows:
    """A rule that holds set-points together by rows that a function of the point gives."""

    def __init__(self, of: Callable[[Sequence[float]], list[tuple[Terms, float]]], name: str = "rows") -> None:
        self._of, self.name = of, name

    def rows(self, box: Box, case: Case, at: Sequence[float]) -> list[Row]:
        return [Row(self, terms, bound) for terms, bound in self._of(at)]

    def shortfalls(self, box: Box, case: Case) -> list[Shortfall]:
        return []

    def narrow(self, box: Box, case: Case) -> None:
        raise NotImplementedError

    def why(self, box: Box, case: Case, index: int) -> str:
        raise NotImplementedError


def fixed(*rows: tuple[Terms, float], name: str = "rows") -> Rows:
    return Rows(lambda at: list(rows), name)


def program(*rules: Rows, reach: Sequence[float] = REACH) -> Projection:
    """For set-points from 0 to their range."""
    return Projection(
        [Point(name=f"p{i}", unit="degC", role=Role.SETPOINT, low=0.0, high=r) for i, r in enumerate(reach)], rules
    )


def boxed(asked: tuple[float, ...], reach: Sequence[float] = REACH, **changed: tuple[float, float]) -> Box:
    """What was asked for, each set-point inside its range or the interval that is given for its place."""
    box, rule = Box(asked), fixed()
    for index, high in enumerate(reach):
        ends = changed.get(f"p{index}", (0.0, high))
        box.at_least(index, ends[0], rule)
        box.at_most(index, ends[1], rule)
    return box


def nearest(box: Box, *rules: Rows, reach: Sequence[float] = REACH) -> Nearest:
    found = program(*rules, reach=reach).nearest(box, NOTHING)
    assert found is not None
    return found


SUM_IS_AT_MOST_6 = (((0, 1.0), (1, 1.0)), 6.0)


def test_distance_counts_every_move_in_ranges() -> None:
    assert program().distance((1.0, 1.0), (4.0, 3.0)) == pytest.approx(0.5)  # 3 of 10 and 2 of 5: root of 0.09 + 0.16


def test_point_that_keeps_every_row_needs_no_program() -> None:
    assert program(fixed(SUM_IS_AT_MOST_6)).nearest(boxed((4.0, 2.0)), NOTHING) is None
    hardly = boxed((4.0, 2.0 + 0.9e-4))
    assert program(fixed(SUM_IS_AT_MOST_6)).nearest(hardly, NOTHING) is None
    assert program(fixed(SUM_IS_AT_MOST_6)).nearest(boxed((4.0, 2.01)), NOTHING) is not None


def test_set_points_share_a_row_by_the_squares_of_their_ranges() -> None:
    # 2 too much, shared 100 to 25: the first gives 1.6, the second 0.4. Of a unit more: 2 / 125 nearer.
    rule = fixed(SUM_IS_AT_MOST_6)
    found = nearest(boxed((4.0, 4.0)), rule)
    assert found.setpoints == pytest.approx((2.4, 3.6), abs=SOFT)
    assert {place: pull.rule for place, pull in found.pulls.items()} == {0: rule, 1: rule}
    assert [pull.multiplier for pull in found.pulls.values()] == pytest.approx([0.016, 0.016])


def test_a_coefficient_counts_in_the_rows_own_unit() -> None:
    # 2 x0 + x1 <= 6 at (4, 4), 6 too much: shares 2 * 100 and 1 * 25 of 4 * 100 + 25
    found = nearest(boxed((4.0, 4.0)), fixed((((0, 2.0), (1, 1.0)), 6.0)))
    assert found.setpoints == pytest.approx((4.0 - 6 * 200 / 425, 4.0 - 6 * 25 / 425), abs=SOFT)


def test_what_the_box_holds_is_given_by_the_others() -> None:
    found = nearest(boxed((4.0, 4.0), p0=(3.0, 10.0)), fixed(SUM_IS_AT_MOST_6))
    assert found.setpoints == pytest.approx((3.0, 3.0), abs=SOFT)
    found = nearest(boxed((4.0, 4.0), p0=(0.0, 1.0)), fixed((((0, -1.0), (1, 1.0)), 1.0)))
    assert found.setpoints == pytest.approx((1.0, 2.0), abs=SOFT)


def test_proposal_beyond_the_box_is_what_the_answer_is_near_to() -> None:
    # x0 - x1 <= 4 is 6 too much at (14, 4): shares 4.8 and 1.2, but x1 ends at 5. From (10, 4) it would be (8.4, 4.4).
    found = nearest(boxed((14.0, 4.0)), fixed((((0, 1.0), (1, -1.0)), 4.0)))
    assert found.setpoints == pytest.approx((9.0, 5.0), abs=SOFT)


def test_where_no_point_keeps_a_row_as_little_as_possible_is_missing() -> None:
    found = nearest(boxed((4.0, 4.0), p0=(3.5, 10.0), p1=(3.5, 5.0)), fixed(SUM_IS_AT_MOST_6))
    assert found.setpoints == pytest.approx((3.5, 3.5), abs=1e-3)


def test_set_points_that_no_row_touches_stay_as_the_box_gives_them() -> None:
    reach = (8.0, *REACH, 8.0)
    rule = fixed((((1, 1.0), (2, 1.0)), 6.0))
    found = nearest(boxed((9.0, 4.0, 4.0, 7.0), reach), rule, reach=reach)
    assert found.setpoints == pytest.approx((8.0, 2.4, 3.6, 7.0), abs=SOFT)
    assert found.pulls.keys() == {1, 2}


def test_each_set_point_is_moved_by_the_rule_that_pulls_it_most() -> None:
    # Row by row: x0 + x1 / 100 <= 2 takes x0 alone; x1 <= 1 takes x1.
    first, second = fixed((((0, 1.0), (1, 0.01)), 2.0), name="first"), fixed((((1, 1.0),), 1.0), name="second")
    found = nearest(boxed((4.0, 4.0)), first, second)
    assert {place: pull.rule.name for place, pull in found.pulls.items()} == {0: "first", 1: "second"}
    # In ranges, from (4, 4) to (1.99, 1): 2.01 / 10^2 and (3 / 5 - 0.01 * 0.0201 * 5) / 5
    assert found.pulls[0].multiplier == pytest.approx(2.01 / 100, rel=1e-6)
    assert found.pulls[1].multiplier == pytest.approx(3 / 25 - 0.01 * 2.01 / 100, rel=1e-6)


def test_a_move_of_less_than_a_hundredth_of_a_range_is_left_out() -> None:
    # 0.5 too much of x0 + a x1, of which the second would give 0.5 a 25 / (100 + 25 a^2): 0.04 or 0.06, of a range of 5
    for a, moved in ((0.32, {0}), (0.48, {0, 1})):
        found = nearest(boxed((4.0, 4.0)), fixed((((0, 1.0), (1, a)), 3.5 + 4.0 * a)))
        assert found.pulls.keys() == moved
        assert (found.setpoints[1] == 4.0) == (moved == {0})
    found = nearest(boxed((4.0, 4.0)), fixed((((0, -1.0), (1, -0.48)), -4.5 - 4.0 * 0.48)))
    assert found.pulls.keys() == {0, 1}, "upwards as well as down"


def curved(at: Sequence[float]) -> list[tuple[Terms, float]]:
    """The tangent of x0 <= 2 sqrt(x1) where the point is."""
    slope = 1.0 / math.sqrt(at[1])
    return [(((0, 1.0), (1, -slope)), 2.0 * math.sqrt(at[1]) - slope * at[1])]


def test_tangents_close_in_on_the_nearest_point_of_a_curve() -> None:
    # Of the points (2 s, s^2), the nearest to (10, 1) in these ranges: d/ds [(2 s - 10)^2 / 100 + (s^2 - 1)^2 / 25] = 0
    box = boxed((10.0, 1.0))
    s = min((k / 10_000 for k in range(30_000)), key=lambda s: (2 * s - 10) ** 2 / 100 + (s * s - 1) ** 2 / 25)
    found = nearest(box, Rows(curved))
    assert found.setpoints == pytest.approx((2 * s, s * s), abs=0.05)
    asked_for = []

    def noted(at: Sequence[float]) -> list[tuple[Terms, float]]:
        asked_for.append(tuple(at))
        return curved(at)

    nearest(box, Rows(noted))
    assert len(asked_for) == 3
    assert asked_for[0] == (10.0, 1.0)


def test_rows_that_are_no_numbers_are_left_out_and_infinite_ones_have_no_answer() -> None:
    box = boxed((4.0, 4.0))
    for nonsense in ((((0, 1.0),), math.nan), (((0, math.nan),), 2.0)):
        assert nearest(box, fixed(SUM_IS_AT_MOST_6, nonsense)).setpoints == pytest.approx((2.4, 3.6), abs=SOFT)
    for endless in ((((0, math.inf),), 2.0), (((0, 1.0),), -math.inf)):
        assert program(fixed(SUM_IS_AT_MOST_6, endless)).nearest(box, NOTHING) is None


def test_rows_of_earlier_rounds_hold_in_later_ones() -> None:
    # The second row shows only where the first one leads.
    later = (((0, -1.0), (1, -1.0)), -5.0)
    found = nearest(boxed((4.0, 1.0)), Rows(lambda at: [(((0, 1.0),), 2.0), *([later] if at[0] < 3.0 else [])]))
    assert found.setpoints == pytest.approx((2.0, 3.0), abs=1e-3)


def test_an_open_box_has_no_answer() -> None:
    for low, high in ((-math.inf, 9.0), (0.0, math.inf)):
        box, rule = Box((4.0, 4.0)), fixed()
        for place in range(2):
            box.at_least(place, low, rule)
            box.at_most(place, high, rule)
        assert program(fixed(SUM_IS_AT_MOST_6)).nearest(box, NOTHING) is None


@pytest.mark.parametrize(("answer", "flag"), [(1.0, -1), (math.nan, 1), (math.inf, 2)])
def test_answer_of_a_solver_that_failed_or_is_no_number_is_none(
    monkeypatch: pytest.MonkeyPatch, answer: float, flag: int
) -> None:
    def solved(norm: Sequence[object], *_: object) -> tuple[object, ...]:
        return np.full(len(norm), answer), 0.0, flag, {"lam": np.ones(len(norm) + 1)}

    monkeypatch.setattr("airhandler.safety.projection.daqp.solve", solved)
    assert program(fixed(SUM_IS_AT_MOST_6)).nearest(boxed((4.0, 4.0)), NOTHING) is None
