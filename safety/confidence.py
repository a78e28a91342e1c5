"""Confidence: a proposal made far from what a policy was trained on is drawn back to what is known."""

from __future__ import annotations

from airhandler.buildings.catalog import Building

from .intake import as_number


class Confidence:
    """Draws a proposal towards the known fallback, by as much as its confidence is short of what is enough.

    It moves what is asked for and narrows nothing: every rule then judges the result as any other proposal. With no
    confidence at all that is the fallback. A proposal that does not know its confidence is left alone: those of rules,
    and of set-points that were judged before. One whose confidence is no number has none.
    Source: mechanism 6 of DeepMind's eight (2018), only confident actions pass.
    """

    name = "confidence"

    def __init__(self, building: Building) -> None:
        self._from = building.file.shield.confident_from
        self._fallback = tuple(float(rule.fallback) for rule in building.rules)

    def drawn(self, asked: tuple[float, ...], confidence: object) -> tuple[float, ...]:
        """The set-points to judge instead of those asked for; the same object where confidence suffices."""
        share = self._share(confidence)
        if share >= 1.0:
            return asked
        return tuple([known + share * (value - known) for value, known in zip(asked, self._fallback, strict=True)])

    def why(self, confidence: object) -> str:
        """The confidence, and how much is enough."""
        enough = "" if self._from is None else f", {self._from:.0%} is enough"
        return f"this is unlike the policy's training (confidence {_sure(confidence):.0%}{enough})"

    def _share(self, confidence: object) -> float:
        if self._from is None or confidence is None:
            return 1.0
        return _sure(confidence) / self._from


def _sure(confidence: object) -> float:
    """From 0 to 1, whatever it was."""
    return min(1.0, max(0.0, as_number(confidence) or 0.0))
