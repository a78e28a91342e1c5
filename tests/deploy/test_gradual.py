"""Authority that grows: where between the building's own control and the controller a set-point goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Setpoints
from airhandler.deploy.gradual import Gradual, Ramp
from tests.fakes import FakeController, healthy

DAY_S = 86400.0
RAMP = Ramp(points=("a", "b"), days=4.0)


@pytest.mark.parametrize(
    ("days", "a", "b"),
    [(0.0, 0.0, 0.0), (1.0, 0.5, 0.0), (2.0, 1.0, 0.0), (3.0, 1.0, 0.5), (4.0, 1.0, 1.0), (9.0, 1.0, 1.0)],
)
def test_a_point_gets_its_authority_after_the_one_before(days: float, a: float, b: float) -> None:
    assert (RAMP.share("a", days * DAY_S), RAMP.share("b", days * DAY_S)) == (a, b)


def test_all_points_together_grow_alike() -> None:
    together = replace(RAMP, in_order=False)
    assert together.share("a", DAY_S) == together.share("b", DAY_S) == 0.25


def test_without_days_everything_is_given_at_once_and_never_what_is_not_listed() -> None:
    at_once = replace(RAMP, days=0.0)
    assert [at_once.share(name, 0.0) for name in ("a", "b", "c")] == [1.0, 1.0, 0.0]


WANTED = Setpoints({"a": 25.0, "b": 4.0})


def proposed(incumbent: Setpoints | None, **shares: float) -> Setpoints:
    controller = Gradual(FakeController(lambda reading: WANTED), shares.__getitem__)
    return controller.propose(replace(healthy(), incumbent=incumbent))


def test_a_share_is_that_part_of_the_way() -> None:
    assert proposed(Setpoints({"a": 21.0, "b": 5.0}), a=0.25, b=1.0) == Setpoints({"a": 22.0, "b": 4.0})


@given(own=st.floats(-1e6, 1e6))
def test_the_whole_share_is_the_proposal_bit_for_bit(own: float) -> None:
    assert proposed(Setpoints({"a": own, "b": own}), a=1.0, b=1.0) == WANTED
    assert proposed(None, a=1.0, b=1.0) == WANTED


@pytest.mark.parametrize("incumbent", [None, Setpoints({"b": 4.0})])
def test_where_the_site_does_not_tell_its_own_control_there_is_no_proposal(incumbent: Setpoints | None) -> None:
    with pytest.raises(SiteError, match=r"^a: the site does not tell what its own control asks for$"):
        proposed(incumbent, a=0.5, b=1.0)


def test_confidence_is_the_controllers() -> None:
    class Sure(FakeController):
        def confidence(self, reading: object) -> float:
            return 0.25

    controllers = [kind(lambda reading: WANTED) for kind in (Sure, FakeController)]
    assert [Gradual(c, lambda name: 1.0).confidence(healthy()) for c in controllers] == [0.25, None]
