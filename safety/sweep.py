"""Sweep: the usual case of many values made quick."""

from __future__ import annotations

from collections.abc import Iterable
from operator import le

_FLOATS = {float}


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

    def take(self, values: object) -> tuple[float, ...] | None:
        """The values in the order of the names, or None; never raises."""
        if type(values) is not dict:
            return None
        try:
            found = tuple(map(values.__getitem__, self.names))
        except Exception:  # noqa: BLE001 - one is missing, or a hostile key raises: who asks finds out
            return None
        # All are plain floats, or a comparison could say what it likes.
        if set(map(type, found)) <= _FLOATS and all(map(le, self._low, found)) and all(map(le, found, self._high)):
            return found
        return None
