"""The box: what the rules leave free for each set-point, and the nearest point in it.

Every rule narrows an interval for each set-point; the answer is the proposal, clipped once into them. Four
promises follow from that alone, whatever the rules compute:

- a bound narrows an interval and never empties it, so a safe answer exists (G6), and a rule that comes
  earlier wins over a later one: first the limits and the ramp, then the guards;
- what leaves the box is inside the limits and ramps, because they narrowed it first (G1); a bound that is
  not a number compares as false and changes nothing;
- a value inside its interval is returned bit for bit (G4);
- the result lies in the box, so a second pass returns it (G5). For this a rule may look at the measured
  situation, and at a set-point that earlier rules have settled (`given`), but never at what was asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

from .forecast import Forecast


class Case(NamedTuple):
    """What the rules may know.

    Attributes:
        values: the sensors that the shield rests on, checked, newest reading [unit of the point].
        previous: the same sensors in the reading before; empty if one of them was not sound there.
        base: where each set-point stands now, inside its limits: there its ramp starts [unit of the point].
        commanded: what the building was told: the base, but in shadow what is measured [unit of the point].
        past: what was in force in the control steps until now, the newest last, by the place of the set-point and
            inside its limits [unit of the point]; of those set-points only whose pace is limited.
        time: when the newest reading was taken; None where nobody knows.
        forecast: what was learned of the air of the server zones; None: the building file alone.
        recent: what rules that are `Watching` look at in the readings until now, the newest last; what is absent,
            implausible or too old is not there [unit of the point].
    """

    values: Mapping[str, float]
    previous: Mapping[str, float]
    base: tuple[float, ...]
    commanded: tuple[float, ...]
    past: Sequence[Mapping[int, float]] = ()
    time: datetime | None = None
    forecast: Forecast | None = None
    recent: Sequence[Mapping[str, float]] = ()


def around(middle: float, reach: float) -> tuple[float, float]:
    """The values at most `reach` from a middle: lowest and highest. Rounding never lets more than that through."""
    low, high = middle - reach, middle + reach
    if middle - low > reach:
        low = math.nextafter(low, middle)
    if high - middle > reach:
        high = math.nextafter(high, middle)
    return low, high


class Rule(Protocol):
    """One constraint on set-points."""

    @property
    def name(self) -> str:
        """As in metrics and logs."""
        ...

    def narrow(self, box: Box, case: Case) -> None:
        """Raises low bounds and lowers high bounds."""
        ...

    def why(self, box: Box, case: Case, index: int) -> str:
        """The cause for an operator, where this rule's bound on a set-point decided."""
        ...


@runtime_checkable
class Watching(Protocol):
    """A rule that looks at earlier readings, or at points that the shield does not rest on."""

    @property
    def watches(self) -> frozenset[str]:
        """The points."""
        ...

    @property
    def readings(self) -> int:
        """How many of the last readings, the newest included."""
        ...


@runtime_checkable
class Remarking(Protocol):
    """A rule that has something to say beside a verdict: what no set-point can mend."""

    def remarks(self, box: Box, case: Case) -> Iterable[str]:
        """Words for an operator, once every rule has narrowed the box."""
        ...


class Box:
    """One interval for each set-point, in the order of the building's set-points.

    Attributes:
        asked: the proposal [set-points].
        low: lowest value left [set-points].
        high: highest value left [set-points].
        found: what a rule worked out about the case, by its name: the same for every box of that case.
        notes: what it worked out about this box.
    """

    __slots__ = ("_high_rule", "_low_rule", "asked", "found", "high", "low", "notes")

    def __init__(self, asked: tuple[float, ...]) -> None:
        count = len(asked)
        self.asked = asked
        self.low = [-math.inf] * count
        self.high = [math.inf] * count
        self._low_rule: list[Rule | None] = [None] * count
        self._high_rule: list[Rule | None] = [None] * count
        self.found: dict[str, Any] = {}
        self.notes: dict[str, Any] = {}

    def at_least(self, index: int, bound: float, rule: Rule) -> None:
        """Asks for a set-point of at least `bound`, as far as the interval goes."""
        if bound > self.low[index]:
            high = self.high[index]
            self.low[index] = bound if bound < high else high
            self._low_rule[index] = rule

    def at_most(self, index: int, bound: float, rule: Rule) -> None:
        """Asks for a set-point of at most `bound`, as far as the interval goes."""
        if bound < self.high[index]:
            low = self.low[index]
            self.high[index] = bound if bound > low else low
            self._high_rule[index] = rule

    def begin(self, low: Sequence[float], high: Sequence[float], rule: Rule) -> None:
        """The intervals of the first rule, whatever was there."""
        self.low, self.high = list(low), list(high)
        self._low_rule, self._high_rule = [rule] * len(low), [rule] * len(high)

    def all_at_least(self, places: Iterable[int], bounds: Iterable[float], rule: Rule) -> None:
        """`at_least` for many set-points."""
        low, high, rules = self.low, self.high, self._low_rule
        for index, bound in zip(places, bounds, strict=True):
            if bound > low[index]:
                top = high[index]
                low[index] = bound if bound < top else top
                rules[index] = rule

    def all_at_most(self, places: Iterable[int], bounds: Iterable[float], rule: Rule) -> None:
        """`at_most` for many set-points."""
        low, high, rules = self.low, self.high, self._high_rule
        for index, bound in zip(places, bounds, strict=True):
            if bound < high[index]:
                bottom = low[index]
                high[index] = bound if bound > bottom else bottom
                rules[index] = rule

    def asked_for(self, asked: tuple[float, ...]) -> Box:
        """A copy of what the rules left until now, for another proposal."""
        box = Box(asked)
        box.low, box.high = self.low.copy(), self.high.copy()
        box._low_rule, box._high_rule = self._low_rule.copy(), self._high_rule.copy()
        box.found = self.found
        return box

    def settled(self, free: Box, pulls: Mapping[int, Rule]) -> Box:
        """A box that leaves what is given here and nothing else, for what another one was asked for at first.

        Args:
            free: that one. Where it gives the same, its rule decided.
            pulls: the rules that moved what was asked for here, by place.
        """
        box, given = Box(free.asked), self.all_given()
        box.low, box.high, box.found = list(given), list(given), self.found
        for index, value in enumerate(given):
            bound = free.decided_by(index) if free.given(index) == value else None
            box._low_rule[index] = box._high_rule[index] = bound or pulls.get(index) or self.decided_by(index)
        return box

    def given(self, index: int) -> float:
        """The value nearest to what was asked that the interval leaves."""
        asked = self.asked[index]
        if asked < self.low[index]:
            return self.low[index]
        return self.high[index] if asked > self.high[index] else asked

    def given_of(self, places: Iterable[int]) -> list[float]:
        """`given` for many set-points."""
        asked, low, high = self.asked, self.low, self.high
        return [
            low[i] if asked[i] < low[i] else high[i] if asked[i] > high[i] else asked[i]  # as in `given`
            for i in places
        ]

    def all_given(self) -> tuple[float, ...]:
        """`given` for every set-point."""
        return self.nearest(self.asked)

    def nearest(self, values: Sequence[float]) -> tuple[float, ...]:
        """The values nearest to these that the intervals leave."""
        of = zip(values, self.low, self.high, strict=True)
        return tuple([low if value < low else high if value > high else value for value, low, high in of])

    def decided_by(self, index: int) -> Rule | None:
        """The rule whose bound moved a set-point; None if it passes as asked."""
        asked = self.asked[index]
        if asked < self.low[index]:
            return self._low_rule[index]
        return self._high_rule[index] if asked > self.high[index] else None
