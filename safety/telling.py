"""Telling: what moved each set-point of an Adjusted, for an operator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from airhandler.buildings.catalog import Building

from .box import Box, Case, Rule
from .confidence import Confidence
from .projection import Coupled, Pull
from .verdict import Reason
from .zones import zone_parts

_FORMS = {decimals: f"%.{decimals}f" for decimals in (1, 2, 3, 6)}


class Telling:
    """Makes the reasons.

    Args:
        building: its set-points.
        coupled: the rules that hold several of them together.
        confidence: why a proposal is drawn towards the fallback.
    """

    def __init__(self, building: Building, coupled: Sequence[Coupled], confidence: Confidence) -> None:
        self._coupled, self._confidence = tuple(coupled), confidence
        self._names = tuple(point.name for point in building.setpoints)
        self._units, self._labels = tuple(point.unit for point in building.setpoints), _labels(building)

    def held(self, box: Box, case: Case, pulls: Mapping[int, Pull]) -> tuple[Reason, ...]:
        """One reason for every set-point that moved: the rule whose bound decided, and why."""
        reasons, slack_k = [], self._slack_k(box, case)
        for index, name in enumerate(self._names):
            if (rule := box.decided_by(index)) is None:
                continue
            reason = Reason.later(
                partial(self._words, box, case, index, rule),
                rule.name,
                point=name,
                asked=box.asked[index],
                given=box.given(index),
                multiplier=pulls[index].multiplier if index in pulls and pulls[index].rule is rule else None,
                slack_k=slack_k.get(index),
            )
            reasons.append(reason)
        return tuple(reasons)

    def drawn(self, asked: tuple[float, ...], wanted: tuple[float, ...], confidence: object) -> Iterable[Reason]:
        """One reason for every set-point that was drawn towards the fallback before the rules saw it."""
        why = self._confidence.why(confidence)
        for index, (before, after) in enumerate(zip(asked, wanted, strict=True)):
            if before != after:
                words = f"{self._moved(index, 'drawn to', before, after)}: {why}"
                yield Reason(rule=Confidence.name, point=self._names[index], asked=before, given=after, words=words)

    def _words(self, box: Box, case: Case, index: int, rule: Rule) -> str:
        moved = self._moved(index, "held at", box.asked[index], box.given(index))
        return f"{moved}: {rule.why(box, case, index)}"

    def _moved(self, index: int, how: str, asked: float, given: float) -> str:
        unit = self._units[index]
        shown_given, shown_asked = _apart(given, asked, 1 if unit == "degC" else 2)
        return f"{self._labels[index]} {how} {shown_given} instead of {shown_asked} {unit}"

    def _slack_k(self, box: Box, case: Case) -> Mapping[int, float]:
        """What is still missing, by the place of a set-point that would have to do it [K]."""
        short = [short for rule in self._coupled for short in rule.shortfalls(box, case)]
        return {place: one.slack_k for one in short for place in one.places}


def _labels(building: Building) -> tuple[str, ...]:
    """What an operator calls every set-point."""
    labels = {p.name: p.name for p in building.setpoints}
    for zone in zone_parts(building):
        labels[zone.roles.supply_temp_setpoint] = f"{zone.name} supply air"
        labels[zone.roles.supply_flow_setpoint] = f"{zone.name} supply airflow"
    return tuple(labels.values())


def _apart(given: float, asked: float, fewest: int) -> tuple[str, str]:
    """Both values with as few decimals, `fewest` or more, as tell them apart."""
    for decimals in (fewest, 3, 6):
        form = _FORMS[decimals]
        shown = form % given, form % asked
        if shown[0] != shown[1]:
            return shown
    return repr(given), repr(asked)
