"""Handover: what counts as in a row."""

from __future__ import annotations

from airhandler.buildings.site import WriteFailed, Written
from airhandler.safety.handover import Handover
from airhandler.safety.verdict import Allowed
from tests.safety.situations import setpoints

ALLOWED, FAILED = Allowed(setpoints=setpoints()), WriteFailed(reason="refused")


def test_a_step_without_a_write_breaks_no_row_of_failed_writes() -> None:
    handover = Handover()
    assert [handover.watch(ALLOWED, outcome) for outcome in (FAILED, None)] == [None, None]
    reason = handover.watch(ALLOWED, FAILED)
    assert reason is not None
    assert reason.words == "authority must go back: 2 failed writes in a row (refused)"


def test_a_confirmed_write_does() -> None:
    handover = Handover()
    assert [handover.watch(ALLOWED, outcome) for outcome in (FAILED, Written(), FAILED)] == [None] * 3
    assert not handover.latched
