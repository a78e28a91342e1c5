"""What an earlier run left in force: ours goes back, anybody else's is left alone and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written
from airhandler.deploy.journal import Journal
from airhandler.deploy.journal_rows import Kind
from airhandler.deploy.recovery import give_back_leftovers

Note = tuple[Kind, Mapping[str, object]]
WRITE: Note = ("write", {"setpoints": {"a": 21.3, "b": 4.0}})
LATER: Note = ("write", {"setpoints": {"a": 21.5, "b": 4.0}})
GIVE_BACK: Note = ("write", {"setpoints": None})
DONE: Note = ("write-outcome", {"kind": "written", "in_force": None})
FAILED: Note = ("write-outcome", {"kind": "failed", "reason": "no answer"})


class Bus:
    """Slots, and what is said when they are to be emptied."""

    def __init__(self, found: Mapping[str, float], said: WriteOutcome | None = None) -> None:
        self.found, self.said, self.asked = found, said or Written(), 0

    def ours(self) -> Mapping[str, float]:
        return self.found

    def relinquish(self) -> WriteOutcome:
        self.asked += 1
        return self.said

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        raise AssertionError

    def beat(self) -> WriteOutcome:
        raise AssertionError


@pytest.fixture
def left(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def noted(folder: Path, notes: Sequence[Note]) -> Path:
    journal = Journal(folder)
    for kind, payload in notes:
        journal.append(kind, payload)
    journal.close()
    return folder


def test_empty_slots_are_left_alone(left: Path) -> None:
    bus = Bus({})
    assert give_back_leftovers(bus, left, "hall") == {}
    assert bus.asked == 0


@pytest.mark.parametrize(
    "notes",
    [
        [WRITE],
        [WRITE, DONE],
        [WRITE, DONE, LATER],  # killed before the later one went out
        [GIVE_BACK, DONE, WRITE, FAILED],
        [WRITE, DONE, GIVE_BACK, FAILED],
        [WRITE, DONE, GIVE_BACK],
    ],
)
def test_what_the_journal_knows_goes_back(notes: list[Note], left: Path) -> None:
    found = {"a": 21.299999237060547, "b": 4.0}  # single precision
    bus = Bus(found)
    assert give_back_leftovers(bus, noted(left, notes), "hall") == found
    assert bus.asked == 1


@pytest.mark.parametrize(
    "notes", [[], [LATER, DONE], [WRITE, DONE, GIVE_BACK, DONE], [WRITE, DONE, GIVE_BACK, DONE, LATER, DONE]]
)
def test_what_it_does_not_know_is_somebody_elses(notes: list[Note], left: Path) -> None:
    bus = Bus({"a": 21.3, "b": 4.0})
    with pytest.raises(UserError, match=r"occupied by what this controller's journal does not know \(a = 21\.3"):
        give_back_leftovers(bus, noted(left, notes), "hall")
    assert bus.asked == 0


def test_what_cannot_be_given_back_is_no_start(left: Path) -> None:
    with pytest.raises(SiteError, match="could not be given back: no answer"):
        give_back_leftovers(Bus({"a": 21.3}, WriteFailed(reason="no answer")), noted(left, [WRITE]), "hall")
