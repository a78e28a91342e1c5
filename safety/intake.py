"""What comes from outside, as plain floats: nothing else may reach a rule or leave the shield."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from numbers import Real

from airhandler.buildings.points import Setpoints

from .sweep import Sweep
from .verdict import Proposal, Reason

_MAX_NAME = 60  # characters of a foreign name that a reason repeats


def as_number(value: object) -> float | None:
    """A finite plain float, or None for anything else: NaN, infinity, True, text, a number beyond floats."""
    if type(value) is not float:
        if isinstance(value, bool) or not isinstance(value, Real):
            return None
        try:
            value = float(value)
        except (OverflowError, ValueError):
            return None
    return value if math.isfinite(value) else None


class ProposalCheck:
    """Turns a proposal into numbers in the order of the set-points, or into reasons to reject it."""

    name = "proposal"

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._sweep = Sweep((name, -sys.float_info.max, sys.float_info.max) for name in names)

    def read(self, proposal: Proposal | None) -> tuple[tuple[float, ...], tuple[Reason, ...]]:
        """The numbers and no reason, or reasons."""
        if proposal is None:
            return (), (self._reason("no proposal: the controller failed or missed its deadline"),)
        if type(proposal) is not Proposal or type(proposal.setpoints) is not Setpoints:
            return (), (self._reason(f"the proposal is not set-points but {type(proposal).__name__}"),)
        values = proposal.setpoints.by_name
        if len(values) == len(self._names) and (found := self._sweep.take(values)) is not None:
            return found, ()
        numbers = [as_number(values.get(name)) for name in self._names]
        asked = tuple([number for number in numbers if number is not None])
        if len(asked) == len(self._names) == len(values):
            return asked, ()
        faults = [
            self._fault(name, values) for name, number in zip(self._names, numbers, strict=True) if number is None
        ]
        unknown = [str(name)[:_MAX_NAME] for name in values if name not in self._names]
        faults += [self._reason(f"proposed {name}: the building has no such set-point") for name in unknown[:1]]
        return (), tuple(faults) or (self._reason("the proposal's set-points do not hold together"),)

    def _fault(self, name: str, values: Mapping[str, float]) -> Reason:
        if name not in values:
            return self._reason(f"{name} is missing in the proposal", name)
        value: object = values[name]
        shown = str(value) if type(value) is float else f"a {type(value).__name__}"
        return self._reason(f"{name} proposed as {shown}: not a finite number", name)

    def _reason(self, words: str, point: str = "") -> Reason:
        return Reason(rule=self.name, words=words, point=point)


def is_plain(setpoints: Setpoints) -> bool:
    """Whether Setpoints hold a dict of plain floats, so that they can be passed on as they are."""
    values = setpoints.by_name
    return type(values) is dict and all(type(value) is float for value in values.values())
