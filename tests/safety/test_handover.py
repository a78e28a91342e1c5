"""Handover: what counts as in a row."""

from __future__ import annotations

from airhandler.buildings.site import Overridden, WriteFailed, Written
from airhandler.safety.handover import Handover
from airhandler.safety.verdict import Allowed, Reason, Rejected
from tests.safety.situations import setpoints

ALLOWED, FAILED = Allowed(setpoints=setpoints()), WriteFailed(reason="refused")


def test_a_step_without_a_write_breaks_no_row_of_failed_writes() -> None:
    handover = Handover()
    assert [handover.watch(ALLOWED, outcome) for outcome in (FAILED, None)] == [None, None]
    reason = handover.watch(ALLOWED, FAILED)
    assert reason is not None
    assert reason.rule == "handover"
    assert reason.words == "authority must go back: 2 failed writes in a row (refused)"


def test_a_confirmed_write_does() -> None:
    handover = Handover()
    assert [handover.watch(ALLOWED, outcome) for outcome in (FAILED, Written(), FAILED)] == [None] * 3
    assert not handover.latched


def test_what_the_last_verdict_rejected_is_told() -> None:
    doubts = (Reason(rule="sensors", words="inlet: absent"), Reason(rule="sensors", words="load: absent"))
    handover = Handover(rejected=1)
    reason = handover.watch(Rejected(setpoints=setpoints(), reasons=doubts), None)
    assert reason is not None
    assert reason.words == "authority must go back: 1 rejected in a row (inlet: absent; load: absent)"


def test_one_who_overrides_a_set_point_ends_it_at_once() -> None:
    handover = Handover()
    reason = handover.watch(ALLOWED, Overridden(reason="slot 8 is active"))
    assert reason is not None
    assert reason.words == "authority must go back: slot 8 is active"


def test_what_a_person_has_looked_at_begins_anew() -> None:
    handover = Handover()
    assert handover.watch(ALLOWED, FAILED) is None
    assert handover.watch(ALLOWED, FAILED) is not None
    handover.reset()
    assert not handover.latched
    assert handover.reason is None
    assert handover.watch(ALLOWED, FAILED) is None
    assert handover.watch(ALLOWED, FAILED) is not None
