"""The sweep takes all values or none."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import pytest

from airhandler.control.hostile_values import EvilFloat
from airhandler.safety.sweep import Sweep, packer, picking
from tests.safety.situations import Explosive

SWEEP = Sweep([("east_c", 10.0, 30.0), ("west_kg_s", 0.0, 5.0)])
SOUND: dict[str, Any] = {"west_kg_s": 5.0, "east_c": 10.0, "other": None}
MANY = Sweep([*((f"bay{i}_c", -50.0, 50.0 + i) for i in range(60)), ("east_c", 10.0, 30.0), ("west_kg_s", 0.0, 5.0)])
BAYS = {f"bay{i}_c": 50.0 + i for i in range(60)}


def test_values_come_in_the_order_of_the_names() -> None:
    assert SWEEP.take(SOUND) == (10.0, 5.0)
    assert SWEEP.take({"east_c": 12.5, "west_kg_s": 0.0}) == (12.5, 0.0)
    assert Sweep([]).take({}) == ()


@pytest.mark.parametrize(
    "value", [None, math.nan, math.inf, 5, True, "5.0", EvilFloat(99.0), math.nextafter(5.0, 6.0), -5e-324]
)
def test_none_is_taken_where_one_is_no_plain_float_inside_its_range(value: object) -> None:
    assert SWEEP.take({**SOUND, "west_kg_s": value}) is None
    assert MANY.take({**BAYS, **SOUND, "west_kg_s": value}) is None


def test_of_many_values_each_has_its_own_range() -> None:
    assert MANY.take({**BAYS, **SOUND}) == (*BAYS.values(), 10.0, 5.0)
    for name, low in ((name, -50.0) for name in BAYS):
        assert MANY.take({**BAYS, **SOUND, name: low}) is not None
        assert MANY.take({**BAYS, **SOUND, name: math.nextafter(low, -math.inf)}) is None
        assert MANY.take({**BAYS, **SOUND, name: math.nextafter(BAYS[name], math.inf)}) is None


@pytest.mark.parametrize("others", [{}, {"other": None}, {"other": 1.0, "foreign": 2.0}, {"foreign": Explosive()}])
def test_the_rest_is_left_behind_whatever_it_is(others: dict[str, Any]) -> None:
    values = {"west_kg_s": 5.0, "east_c": 10.0, **others}
    before = dict(values)
    assert SWEEP.take_all_but(values, ["other"]) == {"east_c": 10.0, "west_kg_s": 5.0}
    assert values == before
    assert SWEEP.take_all_but({**values, "east_c": None}, ["other"]) is None


def test_what_is_taken_is_a_dict_of_its_own() -> None:
    values = {"west_kg_s": 5.0, "east_c": 10.0}
    for taken in (SWEEP.take_named(values), SWEEP.take_all_but(values, [])):
        assert taken == values
        assert taken is not values


def test_picked_and_packed_values_are_those_of_the_names_in_their_order() -> None:
    for names in ([], ["a"], ["b", "a"]):
        found = picking(names)({"a": 1.0, "b": 2.0})
        assert found == tuple({"a": 1.0, "b": 2.0}[name] for name in names)
        assert packer(len(names))(found).tolist() == list(found)
    with pytest.raises(KeyError):
        picking(["c"])({"a": 1.0})


@pytest.mark.parametrize("values", [{"east_c": 20.0}, {}, None, 7, MappingProxyType(SOUND), Explosive()])
def test_none_is_taken_out_of_anything_else(values: object) -> None:
    assert SWEEP.take(values) is None
