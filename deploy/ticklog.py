"""A log line for every Tick, with what a machine needs as fields; and one for people where something is new."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from airhandler.buildings.site import Overridden, WriteFailed, Written
from airhandler.control.tick import Tick
from airhandler.safety.verdict import Reason, Rejected

log = logging.getLogger("airhandler.tick")
news = logging.getLogger("airhandler.news")

_SAME_FOR = 8  # ticks: a reason that was there in one of so many before is not new
_MOST_TOLD = 3  # reasons in a line for people; the JSON lines have all


class TickLog:
    """Writes the lines. A warning begins a stretch of rejections or failed writes.

    What the shield holds is told once, and again when it has not been held for a while: an agent that leans on a limit
    is held in every other step.
    """

    def __init__(self) -> None:
        self._trouble, self._seen = "", dict[tuple[str, ...], int]()

    def write(self, tick: Tick) -> None:
        """One line."""
        trouble = _trouble(tick)
        level = logging.WARNING if trouble and trouble != self._trouble else logging.INFO
        self._trouble = trouble
        log.log(level, "%s", _words(tick), extra=_fields(tick))
        if tick.verdict is not None and not isinstance(tick.verdict, Rejected):
            self._tell(
                tick.verdict.kind, [reason for reason in tick.verdict.reasons if self._is_new(reason, tick.number)]
            )

    def _is_new(self, reason: Reason, number: int) -> bool:
        """Whether nothing like it was there lately. Of what is of no point the words tell, but for their numbers."""
        key = (reason.rule, reason.point or re.sub(r"[-+\d.:]+", "#", reason.words))
        before = self._seen.get(key)
        self._seen[key] = number
        return before is None or number - before > _SAME_FOR

    def _tell(self, kind: str, reasons: Sequence[Reason]) -> None:
        if reasons:
            more = f"; and {len(reasons) - _MOST_TOLD} more" if len(reasons) > _MOST_TOLD else ""
            news.info("%s", "; ".join([kind, *(reason.words for reason in reasons[:_MOST_TOLD])]) + more)


def _trouble(tick: Tick) -> str:
    if isinstance(tick.outcome, WriteFailed | Overridden):
        return "not written"
    return "rejected" if isinstance(tick.verdict, Rejected) else ""


def _words(tick: Tick) -> str:
    said: list[str] = [tick.verdict.kind if tick.verdict else "observed"]
    said += [reason.words for reason in (tick.verdict.reasons if tick.verdict else ())]
    if isinstance(tick.outcome, WriteFailed | Overridden):
        said.append(
            f"{'write failed' if isinstance(tick.outcome, WriteFailed) else 'overridden'}: {tick.outcome.reason}"
        )
    return "; ".join(said)


def _fields(tick: Tick) -> dict[str, object]:
    return {
        "tick": tick.number,
        "stage": tick.stage,
        "site_time": tick.reading.time.isoformat(),
        "confidence": tick.proposal.confidence if tick.proposal else None,
        "verdict": tick.verdict.kind if tick.verdict else None,
        "rules": sorted({reason.rule for reason in tick.verdict.reasons}) if tick.verdict else [],
        "setpoints": dict(tick.verdict.setpoints) if tick.verdict else None,
        "written": None if tick.outcome is None else isinstance(tick.outcome, Written),
        "decide_s": tick.decide_s,
    }
