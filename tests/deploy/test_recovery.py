"""What an earlier run left in force: ours goes back, anybody else's is left alone and said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written
from airhandler.deploy.connectors.bus import Marks, marks_of
from airhandler.deploy.journal_rows import Kind
from airhandler.deploy.recovery import give_back_leftovers
from airhandler.deploy.site_file import SiteSettings
from airhandler.deploy.site_schema import SiteFile
from airhandler.deploy.state import StateFolder
from tests.deploy.scenes import SUPPLY
from tests.deploy.watch import MARKS

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
    return tmp_path / "state"


def noted(folder: Path, notes: Sequence[Note]) -> StateFolder:
    state = StateFolder(folder)
    for kind, payload in notes:
        state.journal.append(kind, payload)
    return state


def test_empty_slots_are_left_alone(left: Path) -> None:
    bus = Bus({})
    assert give_back_leftovers(bus, StateFolder(left), "hall", MARKS) == {}
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
    assert give_back_leftovers(bus, noted(left, notes), "hall", MARKS) == found
    assert bus.asked == 1


@pytest.mark.parametrize(
    "notes", [[], [LATER, DONE], [WRITE, DONE, GIVE_BACK, DONE], [WRITE, DONE, GIVE_BACK, DONE, LATER, DONE]]
)
def test_what_it_does_not_know_is_somebody_elses(notes: list[Note], left: Path) -> None:
    bus = Bus({"a": 21.3, "b": 4.0})
    with pytest.raises(UserError, match=r"occupied by what this controller's journal does not know \(a = 21\.3"):
        give_back_leftovers(bus, noted(left, notes), "hall", MARKS)
    assert bus.asked == 0


def test_what_cannot_be_given_back_is_no_start(left: Path) -> None:
    with pytest.raises(SiteError, match="could not be given back: no answer"):
        give_back_leftovers(Bus({"a": 21.3}, WriteFailed(reason="no answer")), noted(left, [WRITE]), "hall", MARKS)


def test_all_that_stands_under_a_lease_is_ours_whatever_became_of_the_journal(left: Path) -> None:
    state, bus = StateFolder(left), Bus({"a": 21.3})
    state.lease.take(30.0, token="the one before", site_file=Path("site.yaml"))
    assert give_back_leftovers(bus, state, "hall", MARKS) == {"a": 21.3}
    state.lease.release()
    with pytest.raises(UserError, match="does not know"):
        give_back_leftovers(bus, state, "hall", MARKS)


def test_where_there_is_one_switch_what_was_never_written_is_not_somebody_elses(left: Path) -> None:
    state = noted(left, [WRITE])
    switched = Marks(same=MARKS.same, apart=False)
    assert give_back_leftovers(Bus({"a": 21.3, "c": 7.0}), state, "hall", switched)
    with pytest.raises(UserError, match=r"does not know \(c = 7"):
        give_back_leftovers(Bus({"a": 21.3, "c": 7.0}), state, "hall", MARKS)
    with pytest.raises(UserError, match=r"does not know \(a = 20, c = 7"):
        give_back_leftovers(Bus({"a": 20.0, "c": 7.0}), state, "hall", switched)


def test_long_journal_is_read_only_as_far_as_needed(left: Path) -> None:
    state = noted(left, [WRITE, DONE])
    for number in range(2_000):
        state.journal.append("tick", {"number": number})
    state.journal.close()
    assert give_back_leftovers(Bus({"a": 21.3, "b": 4.0}), state, "hall", MARKS)


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ({"object": "analog-output,1"}, np.float32),
        ({"object": "analog-output,1", "unit": "degF"}, np.float32),
        ({"object": "analog-output,1", "unit": "K"}, np.float32),
        ({"object": "analog-output,1", "resolution": 0.5}, lambda value: round(value * 2) / 2),
        ({"object": "large-analog-value,1", "unit": "K"}, float),
        ({"object": "multi-state-output,1"}, round),
        ({"object": "multi-state-output,1", "unit": "degF"}, round),
        ({"register": "holding,0", "unit": "K"}, np.float32),
        (
            {"register": "holding,0", "type": "int16", "scale": 0.1, "unit": "K"},
            lambda v: np.float64(round(v * 10)) / 10,
        ),
    ],
)
@given(written=st.floats(15.0, 27.0))
def test_value_is_known_again_as_its_device_holds_it(
    where: dict[str, Any], shown: Callable[[float], float], written: float
) -> None:
    site = _site(where)
    place = site.places[SUPPLY]
    found = place.conversion.to_building(float(shown(place.conversion.to_device(written))))
    same = marks_of(site).same
    assert same(SUPPLY, written, found)
    assert not same(SUPPLY, written + 2.0, found)


def _site(where: Mapping[str, Any]) -> SiteSettings:
    link = {"bacnet": {"device": "127.0.0.1:47808", "device_id": 1}}
    if "register" in where:
        link = {"modbus": {"host": "127.0.0.1", "enable": "coil,0"}}
    text = {"site": "hall", "building": "datacentre-dx", "time_zone": "UTC", "points": {SUPPLY: where}} | link
    file = SiteFile.model_validate(text)
    return SiteSettings(file=file, path=Path("site.yaml"), building=find_building("datacentre-dx"))
