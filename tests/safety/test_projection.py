"""The nearest safe set-points, and a solver that nobody has to believe."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Adjusted, Allowed, Rejected
from airhandler.safety.zone_nearest import Below
from tests.safety.situations import (
    FLOW,
    TEMP,
    assert_inside,
    assert_ramped,
    building_with,
    history,
    proposal,
    setpoints,
    shield,
)

RANGE_C, RANGE_KG_S = 11.0, 4.5


def far(verdict: Any, asked: Any) -> float:
    """How far a verdict is from a proposal, in ranges."""
    ends = ((p.name, p.high - p.low) for p in building_with().setpoints)
    return math.hypot(*[(verdict.setpoints[name] - asked.setpoints[name]) / reach for name, reach in ends])


def test_answer_is_the_nearest_of_the_safe_points_on_a_grid() -> None:
    # Found apart from the projection: of all points of a grid, those that pass bit for bit.
    asked, guard = proposal(30.0, 2.4), shield()
    verdict = guard.judge(history(), setpoints(25.0, 3.2), asked)
    assert isinstance(verdict, Adjusted)
    points = itertools.product(np.arange(24.0, 27.0, 0.1).tolist(), np.arange(2.9, 4.5, 0.05).tolist())
    safe = [p for p in (proposal(*at) for at in points) if passes(p, guard)]
    nearest = min(far(Allowed(setpoints=p.setpoints), asked) for p in safe)
    assert len(safe) > 50
    assert far(verdict, asked) < nearest + 1e-9
    assert far(verdict, asked) == pytest.approx(nearest, abs=0.02)  # the grid's meshes
    assert verdict.distance == pytest.approx(far(verdict, asked))


def passes(asked: Any, guard: Shield) -> bool:
    return isinstance(guard.judge(history(), setpoints(25.0, 3.2), asked), Allowed)


def test_rather_more_air_than_much_cooler() -> None:
    verdict = shield().judge(history(), setpoints(26.0), proposal(27.0))
    by_guard = [r for r in verdict.reasons if r.rule == "inlet-guard"]
    assert {r.point for r in by_guard} >= {TEMP, FLOW}
    assert all(r.multiplier is not None and r.multiplier > 0.0 for r in by_guard)


def test_a_second_setpoint_is_not_moved_for_next_to_nothing() -> None:
    verdict = shield().judge(history(it_load_frac=1.0), setpoints(), proposal(**{TEMP: 26.4}))
    assert [r.point for r in verdict.reasons] == [TEMP]


def beside_each_other() -> Shield:
    """Zones that a rule holds together, so that the solver is asked for all of them at once."""
    return Shield(building_with(neighbour_difference_k=0.5))


LIES = {  # what it says the answer is, and how that went
    "not a number": (math.nan, 1),
    "infinite": (math.inf, 1),
    "far above": (1e9, 1),
    "far below": (-1e9, 2),
    "failed": (0.0, -1),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("guard", [shield, beside_each_other])
@given(asked_c=st.floats(16, 35), asked_kg_s=st.floats(0, 7))
def test_solver_that_lies_costs_nearness_and_no_promise(
    lie: str, guard: Callable[[], Shield], asked_c: float, asked_kg_s: float
) -> None:
    liar = guard()
    asked, in_force = proposal(asked_c, asked_kg_s), setpoints(25.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airhandler.safety.projection.daqp.solve", liar_of(*LIES[lie]))
        patch.setattr("airhandler.safety.projection.nearest_below", liar_below(LIES[lie][0]))
        verdict = liar.judge(history(), in_force, asked)
        again = liar.judge(history(), in_force, proposal(**dict(verdict.setpoints)))
    honest = guard().judge(history(), in_force, asked)
    assert_inside(verdict)
    assert_ramped(verdict, in_force)
    assert again.setpoints == verdict.setpoints
    assert isinstance(guard().judge(history(), in_force, proposal(**dict(verdict.setpoints))), Allowed)
    assert verdict.kind == honest.kind
    assert far(honest, asked) <= far(verdict, asked)


def liar_of(value: float, flag: int) -> Any:
    """A solver that always answers the same."""

    def solve(norm: Any, _: object, rows: Any, *__: object) -> Any:
        return np.full(len(norm), value), 0.0, flag, {"lam": np.ones(len(norm) + len(rows))}

    return solve


def liar_below(value: float) -> Any:
    """The same of what is worked out zone by zone."""
    return lambda _, temp, *__: Below(*np.full((3, len(temp.asked)), value))


@pytest.mark.parametrize(("name", "guard"), [("nearest_below", shield), ("daqp.solve", beside_each_other)])
def test_solver_that_fails_is_met_by_the_fallback(
    monkeypatch: pytest.MonkeyPatch, name: str, guard: Callable[[], Shield]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(f"airhandler.safety.projection.{name}", fail)
    assert isinstance(guard().judge(history(), setpoints(26.0), proposal(27.0)), Rejected)


def test_where_nothing_is_safe_the_answer_is_the_coolest_and_a_rejection() -> None:
    verdict = shield().judge(history(east_inlet_temp_c=33.0), setpoints(26.0), proposal(26.0))
    assert isinstance(verdict, Rejected)
    assert verdict.setpoints[TEMP] == 23.5  # the ramp from 26
    assert verdict.setpoints["west_supply_air_temp_setpoint_c"] == 23.5
    (reason,) = verdict.reasons
    assert (reason.rule, reason.point) == ("inlet-guard", "")
    assert reason.words.startswith("no safe set-points: east inlet predicted ")
    assert reason.slack_k is not None
    assert reason.slack_k > 0.3


def test_what_is_short_of_the_margin_alone_is_told_as_slack() -> None:
    base, asked = setpoints(26.0), proposal(26.0)
    for inlet_c in np.arange(26.0, 33.0, 0.05).tolist():
        verdict = shield().judge(history(east_inlet_temp_c=inlet_c), base, asked)
        slacks = [r.slack_k for r in verdict.reasons if r.slack_k is not None]
        if isinstance(verdict, Adjusted) and slacks:
            assert 0.0 < slacks[0] <= 0.3
            return
    pytest.fail("no situation between safe and lost")
