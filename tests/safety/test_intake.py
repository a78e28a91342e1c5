"""What comes from outside becomes plain floats, or reasons to reject it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest

from airhandler.buildings.points import Setpoints
from airhandler.control.hostile_values import EvilFloat
from airhandler.safety.intake import ProposalCheck, as_number, is_plain
from airhandler.safety.verdict import Proposal
from tests.safety.situations import FLOW, START, TEMP, names, proposal, setpoints

NOT_NUMBERS = [
    None,
    float("nan"),
    float("inf"),
    -float("inf"),
    True,
    "20",
    b"20",
    1j,
    Decimal(20),
    [20.0],
    10**400,
]


@pytest.mark.parametrize(
    "value", [20.5, 20, np.float64(20.5), np.float32(20.5), np.int64(20), Fraction(41, 2), EvilFloat(20.5)]
)
def test_number_becomes_a_plain_float(value: object) -> None:
    number = as_number(value)
    assert type(number) is float
    assert number in (20.0, 20.5)


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_no_finite_number_becomes_none(value: object) -> None:
    assert as_number(value) is None


def test_proposal_becomes_numbers_in_the_order_of_the_setpoints() -> None:
    shuffled = dict(reversed(list(proposal(24.0, 3.2, **{TEMP: 22, FLOW: np.float32(3.5)}).setpoints.items())))
    sound = Proposal(setpoints=Setpoints(shuffled), time=START, controller="test")
    assert ProposalCheck(names()).read(sound) == ((22.0, 3.5, 24.0, 3.2), ())


def words_of(rejected: Proposal | None) -> list[str]:
    asked, reasons = ProposalCheck(names()).read(rejected)
    assert asked == ()
    assert {reason.rule for reason in reasons} == {"proposal"}
    return [reason.words for reason in reasons]


def test_no_proposal_is_the_controller_that_failed() -> None:
    assert words_of(None) == ["no proposal: the controller failed or missed its deadline"]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_setpoint_that_is_no_finite_number_is_named(value: object) -> None:
    asked, (reason,) = ProposalCheck(names()).read(proposal(**{TEMP: value}))
    assert (asked, reason.point) == ((), TEMP)
    shown = str(value) if type(value) is float else f"a {type(value).__name__}"
    assert reason.words == f"{TEMP} proposed as {shown}: not a finite number"


def test_missing_setpoint_is_named() -> None:
    values = dict(setpoints())
    del values[FLOW]
    lacking = Proposal(setpoints=Setpoints(values), time=START, controller="test")
    assert words_of(lacking) == [f"{FLOW} is missing in the proposal"]
    assert [reason.point for reason in ProposalCheck(names()).read(lacking)[1]] == [FLOW]


def test_unknown_setpoint_is_named_and_cut_short() -> None:
    assert words_of(proposal(boiler_c=60.0)) == ["proposed boiler_c: the building has no such set-point"]
    assert len(words_of(proposal(boiler_c=60.0, pump_frac=1.0))) == 1
    assert len(words_of(proposal(**{"x" * 10_000: 1.0}))[0]) < 120


class Miscounted(dict[str, float]):
    """Set-points that say they are more than there are."""

    def __len__(self) -> int:
        return super().__len__() + 1


def test_setpoints_that_do_not_hold_together_are_rejected() -> None:
    odd = Proposal(setpoints=Setpoints(Miscounted(setpoints())), time=START, controller="test")
    assert words_of(odd) == ["the proposal's set-points do not hold together"]


@pytest.mark.parametrize("thing", ["set-points", 7, object(), {"a": 1.0}, setpoints()])
def test_thing_that_is_no_proposal_is_rejected(thing: object) -> None:
    assert words_of(thing) == [f"the proposal is not set-points but {type(thing).__name__}"]
    assert len(words_of(Proposal(setpoints=dict(setpoints()), time=START, controller="test"))) == 1


def test_only_a_dict_of_plain_floats_is_passed_on_as_it_is() -> None:
    assert is_plain(setpoints())
    assert not is_plain(setpoints(24))
    assert not is_plain(setpoints(EvilFloat(24.0)))
    assert not is_plain(Setpoints(MappingProxyType(dict(setpoints()))))
