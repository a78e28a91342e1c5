"""The box: narrowing, precedence and clipping."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from airhandler.safety.box import Box, Case


class Named:
    """A rule in name only."""

    def __init__(self, name: str) -> None:
        self.name = name

    def narrow(self, box: Box, case: Case) -> None:
        raise NotImplementedError

    def why(self, box: Box, case: Case, index: int) -> str:
        raise NotImplementedError


FIRST, SECOND, THIRD = Named("first"), Named("second"), Named("third")
anything = st.floats(allow_nan=True, allow_infinity=True)
moves = st.lists(st.tuples(st.booleans(), anything), max_size=8)


def narrowed(asked: float, bounds: list[tuple[bool, float]]) -> Box:
    box = Box((asked,))
    box.at_least(0, 16.0, FIRST)
    box.at_most(0, 27.0, FIRST)
    for is_low, bound in bounds:
        (box.at_least if is_low else box.at_most)(0, bound, SECOND)
    return box


def test_value_inside_passes_and_no_rule_decides() -> None:
    box = narrowed(20.0, [(True, 18.0), (False, 25.0)])
    assert box.all_given() == (20.0,)
    assert box.decided_by(0) is None


def test_value_outside_is_held_at_the_bound_of_the_tightest_rule() -> None:
    assert (narrowed(10.0, []).given(0), narrowed(10.0, []).decided_by(0)) == (16.0, FIRST)
    low, high = narrowed(17.0, [(True, 18.0)]), narrowed(26.0, [(False, 25.0)])
    assert (low.given(0), low.decided_by(0)) == (18.0, SECOND)
    assert (high.given(0), high.decided_by(0)) == (25.0, SECOND)


def test_bound_that_narrows_nothing_does_not_take_the_credit() -> None:
    assert narrowed(10.0, [(True, 15.0)]).decided_by(0) is FIRST
    assert narrowed(10.0, [(True, 16.0)]).decided_by(0) is FIRST
    assert narrowed(30.0, [(False, 28.0)]).decided_by(0) is FIRST
    assert narrowed(30.0, [(False, 27.0)]).decided_by(0) is FIRST


def test_earlier_rule_wins_a_conflict() -> None:
    assert narrowed(20.0, [(True, 30.0)]).given(0) == 27.0
    assert narrowed(20.0, [(False, 10.0)]).given(0) == 16.0
    assert narrowed(20.0, [(False, 19.0), (True, 22.0)]).given(0) == 19.0


def test_bound_that_is_no_number_changes_nothing() -> None:
    assert narrowed(20.0, [(True, math.nan), (False, math.nan)]).given(0) == 20.0


@given(st.floats(allow_nan=False), moves)
def test_box_is_never_empty_and_what_leaves_is_in_the_first_interval(
    asked: float, bounds: list[tuple[bool, float]]
) -> None:
    box = narrowed(asked, bounds)
    assert 16.0 <= box.low[0] <= box.given(0) <= box.high[0] <= 27.0


@given(st.floats(allow_nan=False), moves)
def test_second_pass_changes_nothing(asked: float, bounds: list[tuple[bool, float]]) -> None:
    once = narrowed(asked, bounds).given(0)
    again = narrowed(once, bounds)
    assert again.given(0) == once
    assert again.decided_by(0) is None


def test_copy_for_another_proposal_is_narrowed_alone() -> None:
    free = narrowed(30.0, [])
    other = free.asked_for((20.0,))
    other.at_most(0, 18.0, SECOND)
    assert (other.given(0), other.decided_by(0)) == (18.0, SECOND)
    other.at_least(0, 17.0, SECOND)
    assert (free.low, free.high, free.given(0), free.decided_by(0)) == ([16.0], [27.0], 27.0, FIRST)
    assert (narrowed(30.0, []).asked_for((10.0,)).decided_by(0)) is FIRST


def test_settled_box_leaves_one_point_and_knows_who_decided() -> None:
    free = narrowed(30.0, [])
    same, pulled, held = free.asked_for((27.0,)), free.asked_for((20.0,)), free.asked_for((25.0,))
    held.at_most(0, 22.0, SECOND)
    for box, pulls, given_c, rule in (
        (same, {0: THIRD}, 27.0, FIRST),  # as the first box gives it: its rule, whoever else pulled
        (pulled, {0: THIRD}, 20.0, THIRD),
        (held, {0: THIRD}, 22.0, THIRD),
        (held, {}, 22.0, SECOND),
    ):
        settled = box.settled(free, pulls)
        assert settled.asked == (30.0,)
        assert (settled.low, settled.high) == ([given_c], [given_c])
        assert (settled.given(0), settled.decided_by(0)) == (given_c, rule)
    below = narrowed(10.0, []).asked_for((16.0,)).settled(narrowed(10.0, []), {})
    assert (below.given(0), below.decided_by(0)) == (16.0, FIRST)


@given(st.lists(st.tuples(st.booleans(), anything, anything), max_size=8), st.tuples(anything, anything))
def test_many_bounds_at_once_do_what_one_after_the_other_does(
    bounds: list[tuple[bool, float, float]], asked: tuple[float, float]
) -> None:
    one, many = Box(asked), Box(asked)
    for box in (one, many):
        box.begin([16.0, 2.0], [27.0, 6.5], FIRST)
    for is_low, *both in bounds:
        (many.all_at_least if is_low else many.all_at_most)((0, 1), both, SECOND)
        for index, bound in enumerate(both):
            (one.at_least if is_low else one.at_most)(index, bound, SECOND)
    assert (one.low, one.high) == (many.low, many.high)
    assert [one.decided_by(index) for index in range(2)] == [many.decided_by(index) for index in range(2)]
    assert repr(many.all_given()) == repr(tuple(many.given(index) for index in range(2)))
