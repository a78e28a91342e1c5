"""Reading many values: in C and one by one, with the same result."""

from __future__ import annotations

import ctypes
import shutil
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from airhandler.buildings import reads

_READER = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p, ctypes.c_int)
Way = Callable[[int, Sequence[tuple[Any, int]], Any], Callable[[], NDArray[np.float64] | None]]
WAYS: list[Way] = [reads.one_by_one, *([reads.all_at_once] if reads.COMPILED else [])]


@_READER
def tenth(state: int, handle: int) -> float:
    return ctypes.c_int.from_address(state).value + handle / 10


@_READER
def negative(state: int, handle: int) -> float:
    return -float(handle)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
def is_99(state: int) -> int:
    return int(ctypes.c_int.from_address(state).value == 99)


def listed(values: NDArray[np.float64] | None) -> list[float]:
    assert values is not None
    return [float(value) for value in values]


@pytest.mark.parametrize("way", WAYS)
def test_each_function_gets_the_simulation_and_its_handle(way: Way) -> None:
    state = ctypes.c_int(40)
    read = way(ctypes.addressof(state), [(tenth, 3), (negative, 7), (tenth, 5)], is_99)
    assert listed(read()) == [40.3, -7.0, 40.5]
    first = read()
    state.value = 50
    assert listed(read()) == [50.3, -7.0, 50.5]
    assert listed(first) == [40.3, -7.0, 40.5], "each reading is an array of its own"


@pytest.mark.parametrize("way", WAYS)
def test_values_are_not_handed_on_once_something_was_refused(way: Way) -> None:
    state = ctypes.c_int(99)
    read = way(ctypes.addressof(state), [(tenth, 3)], is_99)
    assert read() is None
    state.value = 98
    assert listed(read()) == [98.3]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_wanted_is_nothing_read(way: Way) -> None:
    state = ctypes.c_int(1)
    assert listed(way(ctypes.addressof(state), [], is_99)()) == []


def test_it_is_compiled_where_it_can_be() -> None:
    possible = shutil.which("cc") and (Path(sysconfig.get_path("include")) / "Python.h").exists()
    assert reads.COMPILED or not possible


@pytest.mark.parametrize(
    ("state", "lengths", "refused", "error"),
    [
        (1, (2, 2, 3), 1, ValueError),
        (1, (2, 1, 2), 1, ValueError),
        (0, (2, 2, 2), 1, ValueError),
        (1, (2, 2, 2), 0, ValueError),
        ("x", (2, 2, 2), 1, TypeError),
    ],
)
def test_what_does_not_fit_is_an_error(
    state: object, lengths: tuple[int, int, int], refused: int, error: type[Exception]
) -> None:
    if not reads.COMPILED:  # nothing to try
        return
    functions, handles, values = (np.zeros(n, t) for n, t in zip(lengths, (np.uintp, np.intc, float), strict=True))
    with pytest.raises(error):
        reads.read_all(state, functions, handles, values, refused)  # type: ignore[arg-type]
