"""The sweep takes all values or none."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import pytest

from airhandler.control.hostile_values import EvilFloat
from airhandler.safety.sweep import Sweep
from tests.safety.situations import Explosive

SWEEP = Sweep([("east_c", 10.0, 30.0), ("west_kg_s", 0.0, 5.0)])
SOUND: dict[str, Any] = {"west_kg_s": 5.0, "east_c": 10.0, "other": None}


def test_values_come_in_the_order_of_the_names() -> None:
    assert SWEEP.take(SOUND) == (10.0, 5.0)
    assert SWEEP.take({"east_c": 12.5, "west_kg_s": 0.0}) == (12.5, 0.0)
    assert Sweep([]).take({}) == ()


@pytest.mark.parametrize(
    "value", [None, math.nan, math.inf, 5, True, "5.0", EvilFloat(99.0), math.nextafter(5.0, 6.0), -5e-324]
)
def test_none_is_taken_where_one_is_no_plain_float_inside_its_range(value: object) -> None:
    assert SWEEP.take({**SOUND, "west_kg_s": value}) is None


@pytest.mark.parametrize("values", [{"east_c": 20.0}, {}, None, 7, MappingProxyType(SOUND), Explosive()])
def test_none_is_taken_out_of_anything_else(values: object) -> None:
    assert SWEEP.take(values) is None
