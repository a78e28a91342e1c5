"""Grants: what people and time make of authority."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from airhandler.deploy.gradual import Ramp
from airhandler.deploy.grants import Grants
from airhandler.safety.handover import Handover
from tests.fakes import BEGIN, STEP, FakeClock

HOUR = timedelta(hours=1)


class Scene:
    """Grants, with a clock that the test moves."""

    def __init__(self, stage: Literal["advisory", "live"], *, days: float = 0.0) -> None:
        self.clock, self.handover = FakeClock(0), Handover()
        self.grants = Grants(
            stage=stage,
            ramp=Ramp(points=("a", "b"), days=days, in_order=False),
            handover=self.handover,
            now=self.clock.now,
            step_s=STEP.total_seconds(),
        )

    def writes(self, steps: int = 1) -> list[bool]:
        """Whether something is written in each of the next steps."""
        said = []
        for _ in range(steps):
            said.append(self.grants.grant().writes)
            if said[-1]:
                self.grants.exercised()
            self.clock.time += STEP
        return said


def test_live_writes_and_advice_does_not() -> None:
    assert Scene("live").writes(3) == [True] * 3
    advice = Scene("advisory")
    assert advice.writes(3) == [False] * 3
    assert advice.grants.grant().stage == "advisory"


def test_accepted_advice_is_written_for_as_long_as_was_said() -> None:
    scene = Scene("advisory")
    scene.grants.accept(2 * STEP)
    assert scene.writes(4) == [True, True, False, False]
    scene.grants.accept(HOUR)
    assert scene.writes() == [True]
    scene.grants.reject("anna")
    grant = scene.grants.grant()
    assert (grant.writes, grant.why) == (False, "anna rejects what is advised")


def test_what_was_accepted_says_when_it_ends_and_that_it_has() -> None:
    scene = Scene("advisory")
    assert scene.grants.accept(2 * STEP) == scene.clock.time + 2 * STEP == scene.grants.until
    scene.writes(2)
    assert scene.grants.grant().why == "what was accepted has run out"
    assert scene.grants.until is None


def test_authority_grows_with_the_steps_in_which_it_was_exercised() -> None:
    scene = Scene("live", days=1.0)
    scene.writes(23)
    assert scene.grants.share("a") == 0.25  # by the end of the step that begins
    scene.writes()
    scene.handover.give_back("a doubt")
    scene.writes(24)
    assert scene.grants.exercised_s == 24 * STEP.total_seconds()
    assert scene.grants.share("c") == 0.0


def test_authority_asked_back_over_an_hour_goes_back_step_by_step_and_stays_back() -> None:
    scene = Scene("live")
    scene.writes()
    scene.grants.give_back("operator", over=HOUR)
    shares = []
    for _ in range(5):
        scene.grants.grant()
        shares.append(scene.grants.share("a"))
        scene.clock.time += STEP
    assert shares == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert scene.handover.latched
    assert scene.writes() == [False]
    scene.grants.reset()
    assert scene.writes() == [True]
    assert scene.grants.share("a") == 1.0


def test_asked_back_at_once_it_goes_at_once_for_the_reason_that_was_said() -> None:
    scene = Scene("live")
    scene.grants.give_back("chiller 2 is being serviced")
    assert scene.writes() == [False]
    assert scene.handover.reason is not None
    assert scene.handover.reason.words == "chiller 2 is being serviced"


def test_asked_back_twice_the_sooner_end_counts() -> None:
    scene = Scene("live")
    scene.grants.give_back("operator", over=2 * HOUR)
    scene.grants.grant()
    scene.clock.time += HOUR
    scene.grants.grant()
    assert scene.grants.share("a") == 0.5
    scene.grants.give_back("operator", over=HOUR / 2)
    scene.grants.grant()
    assert scene.grants.share("a") == 0.5  # no way back up
    scene.clock.time += HOUR / 2
    scene.grants.grant()
    assert scene.handover.latched


def test_accepted_without_a_length_is_accepted_for_one_step() -> None:
    scene = Scene("advisory")
    scene.grants.accept(None)
    assert scene.writes(3) == [True, False, False]


def test_a_reset_does_not_accept_advice() -> None:
    scene = Scene("advisory")
    scene.grants.reset()
    assert scene.writes() == [False]
    assert scene.clock.time == BEGIN + STEP
