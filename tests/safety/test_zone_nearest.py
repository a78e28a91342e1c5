"""Each zone's nearest point below its curve, against a grid of points and against the solver."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.known import Array
from airhandler.safety.box import Box, Case
from airhandler.safety.zone_nearest import Below, Span, nearest_below
from tests.safety.test_nearest import NOTHING, REACH, Rows, boxed, fixed, program

ZONES = 5
NEAR = np.full(ZONES, 1e-6)
ROUNDS = 12  # enough to be as near as the tests look

Curve = Callable[[Array], tuple[Array, Array]]


@pytest.fixture(autouse=True)
def _divisions() -> Iterator[None]:
    """As the shield has it: what a division by zero gives is left to whoever meets it."""
    with np.errstate(all="ignore"):
        yield


def hyperbola(top: Array, heat: Array, kink: float = math.inf) -> Curve:
    """u <= top - heat / v, as a hot side gives it, and never above a flatter line through `kink`."""

    def tangent(v: Array) -> tuple[Array, Array]:
        bound, slope = top - 2.0 * heat / v, heat / v**2
        flat = kink + 0.05 * v
        is_flat = flat < bound + slope * v
        return np.where(is_flat, kink, bound), np.where(is_flat, 0.05, slope)

    return tangent


def highest(curve: Curve, v: Array) -> Array:
    bound, slope = curve(v)
    return bound + slope * v


def drawn(seed: int, lows: tuple[float, float] = (0.0, 0.2)) -> tuple[Span, Span, Curve]:
    """Zones that ask for anything, beyond their limits too."""
    rng = np.random.default_rng(seed)
    (low_u, low_v), ones = lows, np.ones(ZONES)
    temp = Span(rng.uniform(-0.5, 1.5, ZONES), low_u * ones, ones)
    flow = Span(rng.uniform(-0.5, 1.5, ZONES), low_v * ones, ones)
    return temp, flow, hyperbola(rng.uniform(0.6, 1.2, ZONES), rng.uniform(0.01, 0.2, ZONES), rng.uniform(0.3, 1.0))


def far(found: tuple[Array, Array], temp: Span, flow: Span) -> Array:
    return np.hypot(found[0] - temp.asked, found[1] - flow.asked)


@given(st.integers(0, 10_000))
def test_no_point_of_a_grid_is_below_the_curves_and_nearer(seed: int) -> None:
    temp, flow, curve = drawn(seed)
    found = nearest_below(curve, temp, flow, NEAR, ROUNDS)
    u, v = (temp.inside, flow.inside) if found is None else found[:2]
    grid = np.linspace(0.2, 1.0, 2_000)[:, np.newaxis] * np.ones(ZONES)
    best_u = np.minimum(temp.inside, highest(curve, grid))
    of_grid = np.where(best_u >= 0.0, far((best_u, grid), temp, flow), np.inf).min(axis=0)
    is_possible = np.isfinite(of_grid)
    assert (far((u, v), temp, flow) <= of_grid + 1e-6)[is_possible].all()
    assert (u <= highest(curve, v) + 1e-4)[is_possible].all()
    assert ((u >= 0.0) & (u <= 1.0) & (v >= 0.2) & (v <= 1.0)).all()


def test_zone_that_asks_for_what_is_below_its_curve_keeps_it_to_the_last_bit() -> None:
    temp, flow = Span(np.array([0.3, 0.9]), np.zeros(2), np.ones(2)), Span(np.full(2, 0.5), np.zeros(2), np.ones(2))
    found = nearest_below(hyperbola(np.full(2, 0.9), np.full(2, 0.1)), temp, flow, NEAR[:2], ROUNDS)
    assert found is not None
    assert (found.u[0], found.v[0], found.multiplier[0]) == (0.3, 0.5, 0.0)
    assert found.u[1] < 0.9
    assert found.v[1] > 0.5
    assert nearest_below(hyperbola(np.full(2, 1.2), np.full(2, 0.1)), temp, flow, NEAR[:2], ROUNDS) is None


def test_where_no_point_is_below_the_curve_as_little_as_possible_is_missing() -> None:
    ones = np.ones(3)
    curve = hyperbola(np.array([0.9, 0.9, 1.2]), 0.2 * ones)
    found = nearest_below(curve, Span(ones, 0.8 * ones, ones), Span(0.3 * ones, 0.2 * ones, ones), NEAR[:3], ROUNDS)
    assert found is not None
    assert highest(curve, ones) == pytest.approx([0.7, 0.7, 1.0])  # the last can do it
    assert (found.u[:2] == 0.8).all()
    assert (found.v[:2] == 1.0).all()
    assert found.u[2] == pytest.approx(highest(curve, found.v)[2], abs=1e-4)
    assert found.v[2] < 0.9


def test_multiplier_of_a_temperature_that_can_go_no_lower_is_that_of_the_airflow() -> None:
    # The curve is at 0.5 where the airflow is 0.5, and rises there by 0.8.
    spans = Span(np.array([0.4]), np.array([0.5]), np.ones(1)), Span(np.array([0.3]), np.array([0.2]), np.ones(1))
    found = nearest_below(hyperbola(np.array([0.9]), np.array([0.2])), *spans, np.array([1e-12]), 30)
    assert found is not None
    assert (found.u[0], found.v[0]) == pytest.approx((0.5, 0.5))
    assert found.multiplier[0] == pytest.approx((0.5 - 0.3) / 0.8)


def test_zone_without_a_tangent_is_left_out() -> None:
    temp, flow, curve = drawn(4)
    bound, slope = curve(flow.inside)
    broken = lambda v: (np.where(np.arange(ZONES) == 2, np.nan, bound), slope)  # noqa: E731
    whole, without = (nearest_below(each, temp, flow, NEAR, 1) for each in (lambda v: (bound, slope), broken))
    assert whole is not None
    assert without is not None
    others = np.arange(ZONES) != 2
    assert (without.u[others] == whole.u[others]).all()
    assert (without.u[2], without.v[2]) == (temp.inside[2], flow.inside[2])


def test_what_is_asked_from_far_away_is_met_as_exactly() -> None:
    ones = np.ones(ZONES)
    _, _, curve = drawn(5)
    near, away = (Span(asked * ones, 0.0 * ones, ones) for asked in (1.0, 1e9))
    flow = Span(0.3 * ones, 0.2 * ones, ones)
    found = nearest_below(curve, away, flow, NEAR, 40)
    assert found is not None
    # From so far nothing counts but the temperature, so the airflow is the most.
    assert found.v == pytest.approx(1.0)
    assert found.u == pytest.approx(np.minimum(highest(curve, ones), 1.0))
    assert nearest_below(curve, near, flow, NEAR, 40) is not None


@given(st.integers(0, 10_000))
def test_multiplier_is_how_much_nearer_a_higher_curve_would_be(seed: int) -> None:
    temp, flow, curve = drawn(seed)
    by = 1e-5
    found, higher = (
        nearest_below(lambda v, up=up: (curve(v)[0] + up, curve(v)[1]), temp, flow, NEAR * 1e-4, 30) for up in (0.0, by)
    )
    if found is None or higher is None:
        return
    nearer = (far(found[:2], temp, flow) ** 2 - far(higher[:2], temp, flow) ** 2) / 2.0
    possible = highest(curve, flow.high) > 1e-3
    assert (nearer / by)[possible] == pytest.approx(found.multiplier[possible], abs=2e-2, rel=2e-2)


class Hyperbola(Rows):
    """The same for two set-points, as a rule: 14 - 30 / x1."""

    temps, flows = [0], [1]

    def __init__(self) -> None:
        super().__init__(lambda at: [(((0, 1.0), (1, -30.0 / at[1] ** 2)), 14.0 - 60.0 / at[1])])

    def tangents(self, box: Box, case: Case, flow_kg_s: Array) -> tuple[Array, Array]:
        return 14.0 - 60.0 / flow_kg_s, 30.0 / flow_kg_s**2


@given(st.floats(0, 15), st.floats(1.0, 6.0), st.floats(0, 5))
def test_solver_finds_the_same(asked_0: float, asked_1: float, low_0: float) -> None:
    # With another rule beside it, though one without rows, the solver is asked.
    box = boxed((asked_0, asked_1), p0=(low_0, 10.0), p1=(1.0, 5.0))
    alone, solved = (program(*rules).nearest(box, NOTHING) for rules in ((Hyperbola(),), (Hyperbola(), fixed())))
    assert (alone is None) == (solved is None)
    if alone is None or solved is None:
        return
    distance = program().distance
    assert distance(alone.setpoints, box.asked) == pytest.approx(distance(solved.setpoints, box.asked), abs=1e-4)
    assert alone.pulls.keys() == solved.pulls.keys() or distance(alone.setpoints, solved.setpoints) < 0.011
    for place in alone.pulls.keys() & solved.pulls.keys():
        # The solver shares it out where it meets two tangents, and tells the greatest of the shares.
        assert solved.pulls[place].multiplier <= 1.01 * alone.pulls[place].multiplier + 1e-4
        assert alone.pulls[place].multiplier <= 3.03 * solved.pulls[place].multiplier + 1e-4


@pytest.mark.parametrize("lie", [math.nan, math.inf, -math.inf])
def test_answer_that_is_no_number_is_none(monkeypatch: pytest.MonkeyPatch, lie: float) -> None:
    def lied(*_: object) -> Below:
        return Below(*np.full((3, 1), lie))

    monkeypatch.setattr("airhandler.safety.projection.nearest_below", lied)
    assert program(Hyperbola()).nearest(boxed((9.0, 1.5)), NOTHING) is None


def test_a_move_of_less_than_a_hundredth_of_a_range_is_left_out() -> None:
    # At an airflow of 4 the curve is at 6.5, and its slope 1.875, in ranges 0.94: of what is too much the temperature
    # gives 53 % and the airflow 50 %, in their ranges.
    for beyond, moved in ((0.018, set()), (0.0195, {0}), (0.021, {0, 1})):
        found = program(Hyperbola()).nearest(boxed((6.5 + beyond * REACH[0], 4.0)), NOTHING)
        assert found is not None
        assert found.pulls.keys() == moved
