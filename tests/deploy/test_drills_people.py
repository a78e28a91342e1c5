"""Drills (docs/drills.md): operators and those who give orders have the last word."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from airhandler.buildings.site import Written
from airhandler.deploy.journal_reading import rows
from tests.deploy.drills import CYCLE, LEASE, STEP, SUPPLY, Drill, handed_over
from tests.deploy.foreign_client import ask_foreign

pytestmark = pytest.mark.slow


def test_operator_overrides(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("operator", SUPPLY, "19")
    handed_over(drill, row, "by slot 8", CYCLE)
    assert SUPPLY in drill.sign().why
    drill.end()


def test_operator_asks_for_authority_and_resets(drill: Drill, row: str) -> None:
    drill.live()
    drill.mark()
    drill.order("give-back")
    handed_over(drill, row, "took authority back")
    drill.order("reset")
    drill.until(lambda: drill.occupied() != {})
    assert [r.payload["kind"] for r in rows(drill.state / "journal", "order")] == ["give-back", "reset"]
    drill.end()


def test_client_of_another_make_overrides(drill: Drill, row: str, foreign: Path) -> None:
    controller = drill.live()
    told = drill.told["bacnet"]
    at = next(one for one, name in ask_foreign(foreign, told, "list", drill.told["device"]).items() if name == SUPPLY)
    assert ask_foreign(foreign, told, "write", at, 19, 8) == "ok"
    overridden = next(when for when, name, priority, _ in drill.written() if (name, priority) == (SUPPLY, "8"))
    drill.mark(overridden)
    handed_over(drill, row, "by slot 8")
    after = [t for t in drill.journalled() if t.reading.time >= overridden]
    assert after
    assert not any(isinstance(t.outcome, Written) for t in after), "down within one step"
    assert "by slot 8" in controller.text
    status = drill.order("status")
    assert "stage: fallback" in status
    assert "not in charge: the building's own control is" in status
    assert "by slot 8" in status
    assert ask_foreign(foreign, told, "array", at) == [None] * 7 + [19] + [None] * 8
    assert ask_foreign(foreign, told, "batch", at) == [19], "the operator's is in force"
    drill.end()


def test_advice_accepted_and_controller_killed(make_drill: Callable[..., Drill], row: str) -> None:
    drill = advised(make_drill)
    drill.order("accept", "--for", "1d")
    drill.until(lambda: drill.occupied() != {})
    drill.signal(signal.SIGKILL, "controller")
    took = drill.until(drill.empty)
    drill.told_of(row, "given back by the watchdog", took)
    assert took <= LEASE
    drill.end()


def test_advice_accepted_runs_out(make_drill: Callable[..., Drill], row: str) -> None:
    drill, accepted_for = advised(make_drill), 3 * STEP
    drill.order("accept", "--for", f"{accepted_for.total_seconds():.0f}s")
    drill.until(lambda: drill.occupied() != {})
    drill.mark()
    took = drill.until(drill.empty)
    drill.told_of(row, "given back once the time is over (three steps, counted from the first write)", took)
    assert took <= accepted_for + CYCLE
    drill.steps(1)
    assert drill.empty()
    assert (drill.sign().stage, drill.sign().in_charge) == ("advisory", False)
    drill.end()


def advised(make_drill: Callable[..., Drill]) -> Drill:
    """A controller that advises, and writes nothing by itself."""
    drill = make_drill(stage="advisory")
    drill.begin()
    drill.steps(1)
    assert drill.empty()
    assert drill.sign().stage == "advisory"
    return drill
