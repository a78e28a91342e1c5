"""Sweep: the usual case of many values made quick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any

import numpy as np

from airhandler.buildings.known import Array

_FLOATS = {float}
MANY = 40
"""From so many values on arrays are quicker than a list, measured."""


class Sweep:
    """Takes the values of many names at once, where every one is a plain float inside its range.

    Where one is anything else it takes none of them, and who asks has to look at each.

    Args:
        ranges: name, lowest and highest value of each.
    """

    def __init__(self, ranges: Iterable[tuple[str, float, float]]) -> None:
        known = tuple(ranges)
        self.names = tuple(name for name, _, _ in known)
        self._low, self._high = [low for _, low, _ in known], [high for _, _, high in known]
        self._ends = (np.array(self._low), np.array(self._high)) if len(known) >= MANY else None
        self._as_array = packer(len(known))
        self._pick = picking(self.names)

    def take(self, values: object) -> tuple[float, ...] | None:
        """The values in the order of the names, or None; never raises."""
        if type(values) is not dict:
            return None
        try:
            found = self._pick(values)
        except Exception:  # noqa: BLE001 - one is missing, or a hostile key raises: who asks finds out
            return None
        # All are plain floats, or a comparison could say what it likes.
        if not set(map(type, found)) <= _FLOATS:
            return None
        return found if self._are_inside(found) else None

    def take_named(self, values: object) -> dict[str, float] | None:
        """The same as a dict of its own, by name."""
        found = self.take(values)
        return None if found is None else dict(zip(self.names, found, strict=True))

    def take_all_but(self, values: object, others: Iterable[str]) -> dict[str, float] | None:
        """The same, quicker where the values are of these names, of `others` and of no more."""
        found = self.take(values)
        if found is None or type(values) is not dict:
            return None
        left: dict[str, float] = values.copy()
        for name in others:
            left.pop(name, None)
        return left if len(left) == len(self.names) else dict(zip(self.names, found, strict=True))

    def _are_inside(self, found: tuple[float, ...]) -> bool:
        if self._ends is not None:
            (low, high), values = self._ends, self._as_array(found)
            return bool(((low <= values) & (values <= high)).all())
        of = zip(self._low, found, self._high, strict=True)
        return False not in [low <= value <= high for low, value, high in of]


def picking(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Takes the values of these names; raises KeyError where one is missing."""
    # An itemgetter of one name gives no tuple, and there is none of no name.
    return itemgetter(*names) if len(names) > 1 else lambda values: tuple([values[name] for name in names])


def packer(count: int) -> Callable[[Iterable[float]], Array]:
    """Makes a read-only array of so many plain floats: five times as quick as `numpy.array`."""
    pack = Struct(f"{count}d").pack
    return lambda values: np.frombuffer(pack(*values))
