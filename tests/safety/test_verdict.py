"""Which rules of a verdict count as an intervention, and reasons whose words are made when they are read."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import pytest

from airhandler.safety.verdict import NO_WORDS, REMARK, Adjusted, Allowed, Reason, Rejected, interventions
from tests.safety.situations import history, proposal, setpoints, shield

RAMP, WATCH = Reason(rule="ramp", words="too far"), Reason(rule=REMARK, words="odd")


def test_interventions_are_the_rules_of_verdicts_that_changed_something() -> None:
    assert interventions(None) == set()
    assert interventions(Allowed(setpoints=setpoints(), reasons=(WATCH,))) == set()
    assert interventions(Adjusted(setpoints=setpoints(), reasons=(RAMP, RAMP, WATCH))) == {"ramp"}
    assert interventions(Rejected(setpoints=setpoints(), reasons=(RAMP,))) == {"ramp"}


def test_words_are_made_once_and_when_they_are_read() -> None:
    made: list[str] = []
    late = Reason.later(lambda: made.append("too far") or made[0], "ramp", point="x", asked=2.0, given=1.0)
    assert (late.rule, late.point, late.asked, late.given, made) == ("ramp", "x", 2.0, 1.0, [])
    assert late == Reason(rule="ramp", words="too far", point="x", asked=2.0, given=1.0)
    assert (late.words, made) == ("too far", ["too far"])
    with pytest.raises(FrozenInstanceError):
        late.words = "near"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        late.wrods  # type: ignore[attr-defined]  # noqa: B018


def test_words_that_cannot_be_made_do_not_raise() -> None:
    assert Reason.later(lambda: str(1 / 0), "ramp").words == f"{NO_WORDS}: ZeroDivisionError"


def test_unread_verdict_travels_and_says_the_same() -> None:
    one, other = (shield().judge(history(), setpoints(), proposal(99.0, 2.0)) for _ in range(2))
    there = pickle.loads(pickle.dumps(one))
    assert there == other
    assert [r.words for r in there.reasons] == [r.words for r in other.reasons] != []


def test_what_is_done_with_the_setpoints_does_not_change_what_is_said() -> None:
    one, other = (shield().judge(history(), setpoints(), proposal(99.0, 2.0)) for _ in range(2))
    one.setpoints.by_name.clear()  # type: ignore[attr-defined]
    assert one.reasons == other.reasons
