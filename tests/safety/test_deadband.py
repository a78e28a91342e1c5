"""The dead band: heating and cooling never meet, whatever is asked, and on the way to the fallback too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import Building, expand
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.safety.box import Box, Case
from airhandler.safety.deadband import Deadband
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Proposal, Rejected
from tests.offices import MEDIUM, MONDAY, SMALL, reading, setpoints

HEATING, COOLING = "south_heating_setpoint_c", "south_cooling_setpoint_c"
BAND_K = SMALL.file.shield.deadband_k


def office(building: Building = SMALL, **changes: object) -> Building:
    """An office with these settings of its shield changed."""
    return expand(building.file.model_copy(update={"shield": building.file.shield.model_copy(update=changes)}))


def wide(building: Building) -> Building:
    """The same with limits so wide that only the dead band keeps a pair apart."""
    return office(building, deadband_k=3.0)


def judge(asked: Setpoints | None, in_force: Setpoints) -> Setpoints:
    proposal = None if asked is None else Proposal(setpoints=asked, time=MONDAY, controller="test")
    return Shield(SMALL).judge([reading()], in_force, proposal).setpoints


def test_heating_gives_way_to_cooling() -> None:
    verdict = Shield(wide(SMALL)).judge(
        [reading()],
        setpoints(20.0, 24.0),
        Proposal(setpoints=setpoints(20.0, 24.0, **{HEATING: 22.0}), time=MONDAY, controller="test"),
    )
    assert (verdict.setpoints[HEATING], verdict.setpoints[COOLING]) == (21.0, 24.0)
    (reason,) = verdict.reasons
    assert (reason.rule, reason.point) == ("deadband", HEATING)
    assert reason.words.endswith(
        "held at 21.0 instead of 22.0 degC: 3 K between heating and cooling, the other is 24.0"
    )


def test_cooling_rises_where_heating_cannot_fall_that_far() -> None:
    rule, names = Deadband(wide(SMALL)), [p.name for p in SMALL.setpoints]
    heating, cooling = names.index(HEATING), names.index(COOLING)
    box = Box(tuple(setpoints(22.0, 23.0).values()))
    box.at_least(heating, 21.0, rule)
    rule.narrow(box, Case({}, {}, (), ()))
    assert (box.given(heating), box.given(cooling)) == (21.0, 24.0)
    assert box.decided_by(cooling) is rule
    assert rule.why(box, Case({}, {}, (), ()), cooling) == "3 K between heating and cooling, the other is 21.0"


def test_heating_that_is_shared_gives_way_to_the_lowest_cooling_and_names_it() -> None:
    rule, names = Deadband(MEDIUM), [p.name for p in MEDIUM.setpoints]
    lowest = {"bot_core_cooling_setpoint_c": 22.5, "mid_perimeter_cooling_setpoint_c": 22.8}
    box, nothing = Box(tuple(setpoints(22.0, 26.0, building=MEDIUM, **lowest).values())), Case({}, {}, (), ())
    rule.narrow(box, nothing)
    heating = [names.index(f"{floor}_heating_setpoint_c") for floor in ("bot", "mid", "top")]
    assert [box.given(index) for index in heating] == pytest.approx([21.5, 21.8, 22.0])
    words = [rule.why(box, nothing, index) for index in heating[:2]]
    assert words == [f"1 K between heating and cooling, the other is {cooling:.1f}" for cooling in (22.5, 22.8)]


temps = st.floats(-50.0, 80.0)
pairs = st.tuples(st.floats(13.0, 22.0), st.floats(22.5, 32.0)).filter(lambda p: p[1] - p[0] >= BAND_K)


@given(base=pairs, asked=st.tuples(temps, temps))
def test_pair_keeps_its_band_whatever_is_asked(base: tuple[float, float], asked: tuple[float, float]) -> None:
    given_ = judge(setpoints(*asked), setpoints(*base))
    assert given_[HEATING] <= given_[COOLING] - BAND_K


@given(base=pairs, asked=st.tuples(temps, temps))
def test_judging_twice_changes_nothing(base: tuple[float, float], asked: tuple[float, float]) -> None:
    once = judge(setpoints(*asked), setpoints(*base))
    assert dict(judge(once, setpoints(*base))) == dict(once)


@given(base=pairs)
def test_pair_keeps_its_band_on_the_way_to_the_fallback(base: tuple[float, float]) -> None:
    now = setpoints(*base)
    for _ in range(8):
        now = judge(None, now)
        assert now[HEATING] <= now[COOLING] - BAND_K + 1e-9
    assert (now[HEATING], now[COOLING]) == (21.0, 24.0)


def test_a_good_pair_passes_bit_for_bit() -> None:
    asked = setpoints(20.3, 24.7, 14.1)
    proposal = Proposal(setpoints=asked, time=MONDAY, controller="test")
    verdict = Shield(SMALL).judge([reading()], setpoints(20.0, 25.0, 14.0), proposal)
    assert isinstance(verdict, Allowed)
    assert verdict.setpoints is asked


def test_nobody_counted_is_a_doubt() -> None:
    proposal = Proposal(setpoints=setpoints(21.0, 24.0), time=MONDAY, controller="test")
    assert isinstance(Shield(SMALL).judge([reading(south_occupants=None)], None, proposal), Rejected)


def test_ramp_starts_where_the_buildings_own_control_stands() -> None:
    """At night the model's own schedule has cooling at 40 degC: beyond our limit, where the ramp then starts."""
    night = reading(south_cooling_in_force_c=40.0, south_heating_in_force_c=14.0)
    proposal = Proposal(setpoints=setpoints(22.0, 22.5), time=MONDAY, controller="test")
    verdict = Shield(SMALL).judge([night], None, proposal)
    assert (verdict.setpoints[HEATING], verdict.setpoints[COOLING]) == (16.5, 29.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"fallback": 23.5}, "fallbacks of .*south_cooling"), ({"ramp_per_step": 1.0}, "ramp_per_step of .*the same")],
)
def test_settings_that_let_a_pair_meet_are_refused(change: dict[str, float], words: str) -> None:
    rules = dict(SMALL.file.shield.setpoints)
    cooling = "{zone}_cooling_setpoint_c"
    rules[cooling] = rules[cooling].model_copy(update=change)
    with pytest.raises(UserError, match=words):
        Deadband(office(setpoints=rules, deadband_k=3.0))
