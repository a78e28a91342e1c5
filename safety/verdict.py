"""Proposal and Verdict: what a Controller asks for and what the Shield answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self

from airhandler.buildings.points import Setpoints


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """Set-points that a Controller asks for, before the shield.

    Attributes:
        setpoints: what it asks for.
        time: of the reading that it looked at.
        controller: its name.
        confidence: how much like its training that reading is, 0 (not at all) to 1; None where it does not know.
    """

    setpoints: Setpoints
    time: datetime
    controller: str
    confidence: float | None = None


NO_WORDS = "no words for it"
"""What a reason says whose words could not be made."""


class _ToldLater:
    """A record whose `words` may be made when they are read for the first time."""

    __slots__ = ("_tell",)

    if not TYPE_CHECKING:  # or any name would pass for an attribute

        def __getattr__(self, name: str) -> str:
            """Called for what was not set: words that nobody has read yet."""
            if name != "words":
                raise AttributeError(name)
            tell = self._tell
            if tell is None:  # another thread was faster
                return self.words
            try:
                words = str(tell())
            except Exception as error:  # noqa: BLE001 - the verdict stands, whatever its words do
                words = f"{NO_WORDS}: {type(error).__name__}"
            object.__setattr__(self, "words", words)
            object.__setattr__(self, "_tell", None)
            return words


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason(_ToldLater):
    """One rule's part in a verdict.

    Immutable to whoever reads it. Words that were left for later are made once, and what they were made from is let go.

    Attributes:
        rule: the rule's name, as in metrics and logs.
        point: the set-point that it moved, or the sensor that it doubts; empty if neither applies.
        asked: value that was asked for [unit of the point], None if it does not apply.
        given: value after the rule [unit of the point], None if it does not apply.
        words: one sentence for an operator.
        multiplier: of a rule that holds several set-points together: how much nearer to what was asked the answer
            would be for one kelvin more [ranges^2 per K]; None if it does not apply.
        slack_k: how much of what the rule asks for is still missing [K]; None where nothing is.
    """

    rule: str
    words: str
    point: str = ""
    asked: float | None = None
    given: float | None = None
    multiplier: float | None = None
    slack_k: float | None = None

    @classmethod
    def later(
        cls,
        tell: Callable[[], str],
        rule: str,
        *,
        point: str = "",
        asked: float | None = None,
        given: float | None = None,
        multiplier: float | None = None,
        slack_k: float | None = None,
    ) -> Self:
        """A Reason whose words are made when they are read; `tell` must always say the same."""
        reason = cls.__new__(cls)
        _put_tell(reason, tell)
        _put_rule(reason, rule)
        _put_point(reason, point)
        _put_asked(reason, asked)
        _put_given(reason, given)
        _put_multiplier(reason, multiplier)
        _put_slack_k(reason, slack_k)
        return reason


_PARTS = ("_tell", "rule", "point", "asked", "given", "multiplier", "slack_k")
_put_tell, _put_rule, _put_point, _put_asked, _put_given, _put_multiplier, _put_slack_k = (
    getattr(Reason, part).__set__ for part in _PARTS
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """The proposal passes, bit for bit."""

    setpoints: Setpoints
    reasons: tuple[Reason, ...] = ()
    kind: Literal["allowed"] = "allowed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Adjusted:
    """The nearest safe set-points instead of those asked for, and why.

    Attributes:
        setpoints: in force from now on.
        reasons: one for every set-point that moved.
        distance: how far they are from what was asked: each move as a share of its range, root of their squares' sum.
    """

    setpoints: Setpoints
    reasons: tuple[Reason, ...]
    distance: float = 0.0
    kind: Literal["adjusted"] = "adjusted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """The proposal, or the reading it rests on, cannot be trusted: the known fallback, and why."""

    setpoints: Setpoints
    reasons: tuple[Reason, ...]
    kind: Literal["rejected"] = "rejected"


Verdict = Allowed | Adjusted | Rejected

REMARK = "watch"
"""The rule of a reason that changes nothing: what cannot be true of a point that nothing rests on, or be mended."""

MODEL = "model"
"""The rule of a reason that changes nothing by itself: what there is to say about the prediction."""

REMARKS = frozenset({REMARK, MODEL})
"""Rules of reasons that change nothing."""

INTERVENED = ("adjusted", "rejected")
"""Kinds of verdict that changed or refused a proposal."""


def interventions(verdict: Verdict | None) -> frozenset[str]:
    """Rules that changed or refused the proposal; a remark beside a verdict is none."""
    if verdict is None or verdict.kind not in INTERVENED:
        return frozenset()
    return frozenset(reason.rule for reason in verdict.reasons) - REMARKS
