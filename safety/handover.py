"""Handover: the latched return of authority to the building's own control."""

from __future__ import annotations

import logging

from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome

from .verdict import Reason, Rejected, Verdict

log = logging.getLogger("airhandler.handover")


class Handover:
    """Watches verdicts and writes; after too many bad ones in a row, authority goes back and stays back.

    Once latched it does not unlatch by itself: a person looks first and starts anew.
    Source: standards of the project, mechanisms 2 and 3 of DeepMind's eight (2018).

    Args:
        rejected: Rejected verdicts in a row that end the agent's authority.
        failed_writes: writes in a row without confirmation that end it.
    """

    def __init__(self, *, rejected: int = 3, failed_writes: int = 2) -> None:
        self._limits = {"rejected": rejected, "failed writes": failed_writes}
        self._counts = {"rejected": 0, "failed writes": 0}
        self.reason: Reason | None = None

    @property
    def latched(self) -> bool:
        """Whether authority is to go back; the loop asks the building until it confirms."""
        return self.reason is not None

    def watch(self, verdict: Verdict, outcome: WriteOutcome | None) -> Reason | None:
        """Takes note of one step. Returns the reason at the step in which it latches, else None.

        One who overrides a set-point ends it at once.

        Args:
            verdict: the shield's answer.
            outcome: what the site said to the write; None where nothing was written: it breaks no row of writes.
        """
        self._count("rejected", isinstance(verdict, Rejected))
        if outcome is not None:
            self._count("failed writes", isinstance(outcome, WriteFailed))
        if self.latched:
            return None
        if isinstance(outcome, Overridden):
            return self.give_back(f"authority must go back: {outcome.reason}")
        for what, limit in self._limits.items():
            if self._counts[what] >= limit:
                return self.give_back(self._words(what, verdict, outcome))
        return None

    def give_back(self, words: str) -> Reason:
        """Latches now, for a reason of the caller's (an operator, a signal, an exception); the first one stays."""
        if self.reason is None:
            self.reason = Reason(rule="handover", words=words)
            log.error("%s", words)
        return self.reason

    def reset(self) -> None:
        """A person has looked, and authority may be taken anew."""
        self.reason = None
        self._counts = dict.fromkeys(self._counts, 0)

    def _count(self, what: str, bad: bool) -> None:
        self._counts[what] = self._counts[what] + 1 if bad else 0

    def _words(self, what: str, verdict: Verdict, outcome: WriteOutcome | None) -> str:
        last = outcome.reason if isinstance(outcome, WriteFailed) else "; ".join(r.words for r in verdict.reasons)
        return f"authority must go back: {self._counts[what]} {what} in a row ({last})"
