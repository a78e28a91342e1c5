"""A guarded writer: what comes before a write, and what is left out of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airhandler.buildings.errors import AirhandlerError, SiteError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Written
from airhandler.deploy.guarded import Guarded
from airhandler.safety.handover import Handover

WANTED = Setpoints({"a": 21.0, "b": 4.0, "c": 1.0})


class Bus:
    """A bus, a journal and a lease in one: notes everything in the order in which it happens."""

    def __init__(self, **fails: WriteOutcome | Exception | bool) -> None:
        self.happened: list[str] = []
        self.fails, self.handover, self.notes = fails, Handover(), dict[str, Mapping[str, object]]()
        self.writer = Guarded(
            self,
            note=self.note,
            uncovered=self.uncovered,
            released=lambda: self.happened.append("released"),
            share={"a": 1.0, "b": 0.25, "c": 0.0}.__getitem__,
            doubt=self.handover.give_back,
        )

    def note(self, kind: str, payload: Mapping[str, object]) -> None:
        self.happened.append(f"note {kind}")
        self.notes[kind] = payload
        self._said(f"note_{kind}")

    def uncovered(self) -> str | None:
        self.happened.append("lease")
        return "the lease is not ours any more" if self.fails.get("lease") is False else None

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        self.happened.append(f"write {', '.join(setpoints)}")
        return self._said("write")

    def beat(self) -> WriteOutcome:
        self.happened.append("beat")
        return self._said("beat")

    def relinquish(self) -> WriteOutcome:
        self.happened.append("relinquish")
        return self._said("relinquish")

    def ours(self) -> Mapping[str, float]:
        return {}

    def _said(self, what: str) -> WriteOutcome:
        said = self.fails.get(what, Written())
        if isinstance(said, Exception):
            raise said
        assert not isinstance(said, bool)
        return said


def test_it_is_written_down_and_leased_before_it_is_written_and_only_what_is_granted() -> None:
    bus = Bus()
    assert bus.writer.write(WANTED) == Written()
    assert bus.happened == ["note write", "lease", "write a, b", "beat", "note write-outcome"]
    assert bus.notes["write"] == {"setpoints": {"a": 21.0, "b": 4.0}}
    assert bus.handover.reason is None


def test_without_a_journal_nothing_is_written_and_authority_goes_back() -> None:
    bus = Bus(note_write=AirhandlerError("disk full"))
    assert bus.writer.write(WANTED) == WriteFailed(reason="the journal does not take what is written: disk full")
    assert bus.happened == ["note write"]
    assert bus.handover.reason is not None
    assert bus.handover.reason.words.endswith("the journal does not take what is written: disk full")


def test_without_a_lease_nothing_is_written_and_authority_goes_back() -> None:
    bus = Bus(lease=False)
    assert isinstance(bus.writer.write(WANTED), WriteFailed)
    assert bus.happened == ["note write", "lease"]
    assert bus.handover.latched


def test_a_journal_that_fails_after_the_write_gives_authority_back_too() -> None:
    bus = Bus(**{"note_write-outcome": AirhandlerError("disk full")})
    assert bus.writer.write(WANTED) == Written()
    assert bus.handover.latched


@pytest.mark.parametrize("outcome", [WriteFailed(reason="refused"), Overridden(reason="an operator")])
def test_what_the_bus_says_is_passed_on_and_written_down(outcome: WriteFailed | Overridden) -> None:
    bus = Bus(write=outcome)
    assert bus.writer.write(WANTED) == outcome
    assert "beat" not in bus.happened
    assert bus.notes["write-outcome"]["reason"] == outcome.reason


def test_a_bus_that_does_not_answer_is_a_failed_write_and_written_down() -> None:
    bus = Bus(write=SiteError("no answer"))
    assert bus.writer.write(WANTED) == WriteFailed(reason="no answer")
    assert bus.notes["write-outcome"]["reason"] == "no answer"


def test_a_heart_that_does_not_beat_is_a_failed_write() -> None:
    shown = Setpoints({"a": 21.0, "b": 4.0, "c": 2.0})
    bus = Bus(beat=WriteFailed(reason="refused"), write=Written(in_force=shown))
    assert bus.writer.write(WANTED) == WriteFailed(reason="refused", in_force=shown), "what was written is in force"


@pytest.mark.parametrize(
    ("fails", "outcome"),
    [
        ({"note_write": AirhandlerError("disk full"), "note_write-outcome": AirhandlerError("disk full")}, Written()),
        ({"relinquish": SiteError("no answer")}, WriteFailed(reason="no answer")),
        ({"lease": False}, Written()),
    ],
)
def test_giving_back_waits_for_nothing(
    fails: dict[str, WriteOutcome | Exception | bool], outcome: WriteOutcome
) -> None:
    bus = Bus(**fails)
    assert bus.writer.relinquish() == outcome
    assert ("released" in bus.happened) == isinstance(outcome, Written)
