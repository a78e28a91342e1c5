"""Which rules of a verdict count as an intervention."""

from __future__ import annotations

from airhandler.safety.verdict import REMARK, Adjusted, Allowed, Reason, Rejected, interventions
from tests.safety.situations import setpoints

RAMP, WATCH = Reason(rule="ramp", words="too far"), Reason(rule=REMARK, words="odd")


def test_interventions_are_the_rules_of_verdicts_that_changed_something() -> None:
    assert interventions(None) == set()
    assert interventions(Allowed(setpoints=setpoints(), reasons=(WATCH,))) == set()
    assert interventions(Adjusted(setpoints=setpoints(), reasons=(RAMP, RAMP, WATCH))) == {"ramp"}
    assert interventions(Rejected(setpoints=setpoints(), reasons=(RAMP,))) == {"ramp"}
