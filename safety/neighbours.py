"""Neighbours: zones side by side whose supply air must not differ much, or it flows from one to the other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from .box import Box, Case, around
from .projection import Row, Shortfall
from .zones import ZonePart


class Neighbours:
    """Greatest difference between the supply-air set-points of zones that follow each other in the building file.

    First every interval is narrowed to what its neighbours can still follow, from one end of the row to the other and
    back; then the zones are settled in their order, each near enough to the one before. The rule comes last: where a
    guard holds a zone cool, its neighbours come down to it.
    Source: building file, `neighbour_difference_k`.
    """

    name = "neighbours"

    def __init__(self, zones: tuple[ZonePart, ...], difference_k: float) -> None:
        self._zones, self._difference_k = zones, difference_k
        self._places = [zone.temp for zone in zones]
        self._pairs = list(itertools.pairwise(self._places))
        self._back = [(other, one) for one, other in reversed(self._pairs)]

    def narrow(self, box: Box, case: Case) -> None:
        """Along the row, back, and along again with what is given."""
        pairs, reach, low, high = self._pairs, self._difference_k, box.low, box.high
        for one, other in (*pairs, *self._back):
            if low[one] - reach >= low[other]:  # or it narrows nothing, whatever the rounding
                box.at_least(other, around(low[one], reach)[0], self)
            if high[one] + reach <= high[other]:
                box.at_most(other, around(high[one], reach)[1], self)
        for one, other in pairs:
            given = box.given(one)
            if given - reach >= low[other]:
                box.at_least(other, around(given, reach)[0], self)
            if given + reach <= high[other]:
                box.at_most(other, around(given, reach)[1], self)

    def rows(self, box: Box, case: Case, at: Sequence[float]) -> list[Row]:
        """Each pair, either way round."""
        pairs = itertools.pairwise(self._places)
        return [
            Row(self, ((warm, 1.0), (cool, -1.0)), self._difference_k)
            for one, other in pairs
            for warm, cool in ((one, other), (other, one))
        ]

    def shortfalls(self, box: Box, case: Case) -> list[Shortfall]:
        """Nothing: a guard that holds a zone further apart comes before it."""
        return []

    def why(self, box: Box, case: Case, index: int) -> str:
        """The neighbours, as they are given."""
        place = self._places.index(index)
        beside = [self._zones[i] for i in (place - 1, place + 1) if 0 <= i < len(self._zones)]
        given = ", ".join(f"{zone.name} {box.given(zone.temp):.1f} degC" for zone in beside)
        return f"at most {self._difference_k:g} K between neighbours ({given})"
