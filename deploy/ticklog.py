"""A log line for every Tick, with what a machine needs as fields."""

from __future__ import annotations

import logging

from airhandler.buildings.site import Overridden, WriteFailed, Written
from airhandler.control.tick import Tick
from airhandler.safety.verdict import Rejected

log = logging.getLogger("airhandler.tick")


class TickLog:
    """Writes the lines. A warning begins a stretch of rejections or failed writes; the rest is not news."""

    def __init__(self) -> None:
        self._trouble = ""

    def write(self, tick: Tick) -> None:
        """One line."""
        trouble = _trouble(tick)
        level = logging.WARNING if trouble and trouble != self._trouble else logging.INFO
        self._trouble = trouble
        log.log(level, "%s", _words(tick), extra=_fields(tick))


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
