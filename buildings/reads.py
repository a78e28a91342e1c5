"""Reads many values of a simulation: in one call of C where it was compiled at installation, else one by one."""

from __future__ import annotations

import ctypes
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .known import Array

try:
    from ._reads import read_all

    COMPILED = True
except ImportError:  # there was no compiler: a step takes some microseconds more
    COMPILED = False


def bound(function: Any, state: int, *arguments: int) -> Callable[..., Any]:
    """A C function with its first arguments made ready, which costs more than the call itself.

    A reference is passed on as it is, where a pointer would be wrapped anew in each call.
    """
    return functools.partial(function, ctypes.byref(ctypes.c_char.from_address(state)), *arguments)


def one_by_one(state: int, wanted: Sequence[tuple[Any, int]], refused: Any) -> Callable[[], Array | None]:
    """What reads the values [len(wanted)] of C functions `double f(void *state, int handle)` under their handles.

    It returns None if `int refused(void *state)` then says that something was refused.
    """
    calls, has_refused = [bound(function, state, handle) for function, handle in wanted], bound(refused, state)

    def read() -> Array | None:
        values = np.fromiter(map(operator.call, calls), np.float64, len(calls))
        return None if has_refused() else values

    return read


def all_at_once(state: int, wanted: Sequence[tuple[Any, int]], refused: Any) -> Callable[[], Array | None]:
    """The same in one call of C. Only where it is `COMPILED`."""
    functions = np.array([_address(function) for function, _ in wanted], np.uintp)
    handles, last = np.array([handle for _, handle in wanted], np.intc), _address(refused)
    empty, count = np.empty, len(handles)

    def read() -> Array | None:
        values = empty(count)
        return values if read_all(state, functions, handles, values, last) else None

    return read


def _address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


reader = all_at_once if COMPILED else one_by_one
"""The faster way that is there."""
