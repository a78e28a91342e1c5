"""What a twin shows and what stands in its slots: no bus, no simulation."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.errors import UserError
from airhandler.deploy.twin_board import ENABLE, HEARTBEAT, REMOTE_SLOT, SLOTS, SUPERVISED, RefusedError
from airhandler.deploy.twin_drill import USAGE, Drill
from tests.deploy.twins import BUILDING, FLOW, INLET, SUPPLY, Twin, shown


@pytest.fixture
def twin() -> Twin:
    return Twin()


@given(st.dictionaries(st.integers(1, SLOTS), st.floats(18.0, 26.0)))
def test_the_lowest_number_wins_and_nobody_gives_the_incumbent(slots: dict[int, float]) -> None:
    twin = Twin()
    for number, value in slots.items():
        twin.board.command(SUPPLY, value, number, "somebody")
    first = min(slots, default=None)
    assert twin.board.active(SUPPLY) == first
    assert twin.board.present(SUPPLY) == (twin.board.default(SUPPLY) if first is None else slots[first])
    assert set(twin.board.commands()) == ({SUPPLY} if slots else set())


def test_null_gives_a_slot_back_to_the_next(twin: Twin) -> None:
    twin.board.command(SUPPLY, 20.0, 8, "operator")
    twin.board.command(SUPPLY, 25.0, 10, "us")
    twin.board.command(SUPPLY, None, 8, "operator")
    assert (twin.board.active(SUPPLY), twin.board.present(SUPPLY)) == (10, 25.0)


def test_a_slot_holds_what_was_written_and_the_actuator_keeps_its_limits(twin: Twin) -> None:
    twin.board.command(SUPPLY, 90.0, 10, "us")
    assert twin.board.present(SUPPLY) == 90.0
    assert twin.board.commands()[SUPPLY].value == BUILDING.point(SUPPLY).high


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_and_noted(twin: Twin, value: float) -> None:
    with pytest.raises(RefusedError, match="value-out-of-range"):
        twin.board.command(SUPPLY, value, 10, "us")
    assert twin.board.active(SUPPLY) is None
    assert twin.writes[-1].outcome == "value-out-of-range"


def test_the_default_follows_what_the_incumbent_asks_for(twin: Twin) -> None:
    later = shown(1)
    later = type(later)(time=later.time, values=later.values, incumbent={**later.incumbent, SUPPLY: 21.5})
    twin.board.show(later)
    assert twin.board.present(SUPPLY) == 21.5


def _step(twin: Twin, number: int = 1) -> None:
    twin.board.watch()
    twin.board.commands()
    twin.board.show(shown(number))


def test_without_a_heartbeat_the_supervised_slots_are_emptied_and_no_others(twin: Twin) -> None:
    for number in range(1, SLOTS + 1):
        twin.board.command(SUPPLY, 20.0, number, "somebody")
    for _ in range(2):
        _step(twin)
    assert None not in twin.board.slots(SUPPLY)
    _step(twin)
    assert [n for n, value in enumerate(twin.board.slots(SUPPLY), 1) if value is None] == list(SUPERVISED)
    assert len(twin.events) == 1


def test_a_heartbeat_keeps_the_slots(twin: Twin) -> None:
    twin.board.command(SUPPLY, 20.0, 10, "us")
    for count in range(20):
        twin.board.beat(float(count), "us")
        _step(twin)
    assert twin.board.active(SUPPLY) == 10


def test_the_watch_counts_from_the_moment_that_a_slot_is_taken(twin: Twin) -> None:
    for _ in range(10):
        _step(twin)
    twin.board.command(SUPPLY, 20.0, 14, "us")
    for _ in range(2):
        _step(twin)
    assert twin.board.active(SUPPLY) == 14


def test_the_watch_leaves_an_operator_alone(twin: Twin) -> None:
    twin.board.command(SUPPLY, 20.0, 8, "operator")
    for _ in range(10):
        _step(twin)
    assert (twin.board.active(SUPPLY), twin.events) == (8, [])


def test_the_watch_lets_a_remote_controller_out(twin: Twin) -> None:
    twin.board.let_remote(True, "us")
    twin.board.command(SUPPLY, 20.0, REMOTE_SLOT, "us")
    for _ in range(3):
        _step(twin)
    assert (twin.board.remote, twin.board.active(SUPPLY)) == (False, None)


def test_the_clock_goes_on_within_a_step_and_never_past_it() -> None:
    twin = Twin(speed=1e9)
    first = twin.board.now()
    assert shown().time < first < shown(1).time
    assert twin.board.now() - shown(1).time > -timedelta(seconds=1)


def test_time_stands_still_until_somebody_asks() -> None:
    twin = Twin(speed=1e9)
    twin.board.waits = True
    assert twin.board.now() == shown().time
    twin.board.heard()
    assert twin.board.now() > shown().time
    assert not twin.board.waits


def test_what_nobody_measured_shows_the_last_that_was_known(twin: Twin) -> None:
    twin.board.show(shown(5))
    twin.board.show(shown(6, **{INLET: None}))
    seen = twin.board.seen(INLET)
    assert (seen.value, seen.reliable) == (5.0, False)


@pytest.mark.parametrize(
    ("words", "value", "reliable"),
    [
        (("stuck", INLET), 2.0, True),
        (("missing", INLET), 2.0, False),
        (("absurd", INLET, "999"), 999.0, True),
        (("bias", INLET, "-1.5"), 4.5, True),
        (("drift", INLET, "2"), 8.0, True),
    ],
)
def test_a_sensor_that_is_ill(twin: Twin, words: tuple[str, ...], value: float, reliable: bool) -> None:
    twin.board.show(shown(2))
    twin.drill.do(words[0], words[1:])
    twin.board.show(shown(6))  # an hour later
    seen = twin.board.seen(INLET)
    assert (seen.value, seen.reliable) == (value, reliable)
    assert twin.board.seen("west_inlet_temp_c").value == 6.0
    twin.drill.do("clear", [words[0]])
    assert twin.board.seen(INLET).value == 6.0


def test_an_ill_sensor_shows_it_at_once(twin: Twin) -> None:
    twin.drill.do("nan", [INLET])
    assert math.isnan(twin.board.seen(INLET).value)


def test_writes_that_are_refused_and_ignored(twin: Twin) -> None:
    twin.drill.do("refuse", [])
    with pytest.raises(RefusedError):
        twin.board.command(SUPPLY, 20.0, 10, "us")
    with pytest.raises(RefusedError):
        twin.board.beat(1.0, "us")
    twin.drill.do("clear", [])
    twin.drill.do("ignore", [SUPPLY])
    twin.board.command(SUPPLY, 20.0, 10, "us")
    twin.board.command(FLOW, 3.0, 10, "us")
    assert (twin.board.active(SUPPLY), twin.board.active(FLOW)) == (None, 10)


def test_an_actuator_that_sticks_stays_with_what_it_had(twin: Twin) -> None:
    twin.board.command(SUPPLY, 20.0, 10, "us")
    _step(twin)
    twin.drill.do("stick", [SUPPLY])
    twin.board.command(SUPPLY, 25.0, 10, "us")
    assert twin.board.present(SUPPLY) == 25.0
    assert twin.board.commands()[SUPPLY].value == 20.0


def test_an_operator_sets_by_hand_and_lets_go(twin: Twin) -> None:
    twin.drill.do("operator", [SUPPLY, "19.5"])
    assert (twin.board.active(SUPPLY), twin.board.present(SUPPLY)) == (8, 19.5)
    twin.drill.do("operator", [SUPPLY, "null"])
    assert twin.board.active(SUPPLY) is None


def test_a_clock_that_jumps_jumps_back_when_it_is_cleared(twin: Twin) -> None:
    twin.drill.do("clock", ["-7200"])
    assert twin.board.now() < shown().time - timedelta(hours=1.9)
    twin.drill.do("clear", ["clock"])
    assert twin.board.now() >= shown().time


def test_starting_anew_forgets_slots_and_count(twin: Twin) -> None:
    twin.board.command(SUPPLY, 20.0, 8, "operator")
    twin.board.beat(7.0, "us")
    twin.board.forget()
    assert (twin.board.active(SUPPLY), twin.board.heartbeat) == (None, 0.0)


def test_everything_that_is_explained_can_be_done() -> None:
    for name in USAGE:
        assert name in ("stuck", "missing", "nan", "absurd", "drift", "bias") or hasattr(Drill, f"_{name}")


@pytest.mark.parametrize(
    "words",
    [
        ("bogus",),
        ("stuck",),
        ("stuck", SUPPLY),
        ("stuck", "nowhere_c"),
        ("bias", INLET, "much"),
        ("gone",),
        ("gone", "nowhere_c"),
        ("slow", "-1"),
        ("slow", "nan"),
        ("abort", "tired", "4"),
        ("abort", "buffer-overflow"),
        ("operator", INLET, "20"),
        ("operator", SUPPLY, "20", "17"),
        ("equipment", "flood"),
        ("clear", "restart"),
        ("local", "now"),
    ],
)
def test_a_fault_that_cannot_be_is_a_users_mistake(twin: Twin, words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as told:
        twin.drill.do(words[0], words[1:])
    assert "\n" not in str(told.value)
    assert twin.events == []


def test_what_is_wrong_is_told_and_cleared(twin: Twin) -> None:
    for words in (("stuck", INLET), ("gone", HEARTBEAT), ("abort", "buffer-overflow", "4"), ("equipment", "load-step")):
        twin.drill.do(words[0], words[1:])
    told = twin.board.faults.words()
    assert told == [f"stuck {INLET}", "gone heartbeat", "abort buffer-overflow 4", "equipment load-step"]
    twin.drill.do("clear", [])
    assert twin.board.faults.words() == []


def test_a_remote_controller_is_let_in_and_out(twin: Twin) -> None:
    twin.board.let_remote(True, "us")
    twin.board.command(SUPPLY, 20.0, REMOTE_SLOT, "us")
    twin.drill.do("local", [])
    assert (twin.board.remote, twin.board.active(SUPPLY)) == (False, None)
    assert [w.point for w in twin.writes] == [ENABLE, SUPPLY, ENABLE]
