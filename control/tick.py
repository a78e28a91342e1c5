"""Tick: the record of one control step. Everything that is reported reads this one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from airhandler.buildings.points import Reading
from airhandler.buildings.site import WriteOutcome
from airhandler.safety.verdict import Proposal, Verdict

Stage = Literal["observe", "shadow", "advisory", "live", "fallback"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """How much authority a controller is given for a step.

    Attributes:
        stage: what that is called.
        writes: whether its set-points are written.
        why: why they are not, where that is new.
    """

    stage: Stage
    writes: bool
    why: str = ""


LIVE = Grant(stage="live", writes=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """One control step.

    Attributes:
        number: 0, 1, 2, ... within a run.
        stage: how much authority the agent had.
        reading: what was known when deciding. Meters in it are of the step that just ended.
        proposal: what the controller asked for; None when it was not asked or failed.
        verdict: the shield's answer; None in `observe`.
        outcome: what the site said to the write; None when nothing was written.
        decide_s: time of proposal and shield [s].
        write_s: time of the write [s].
    """

    number: int
    stage: Stage
    reading: Reading
    proposal: Proposal | None
    verdict: Verdict | None
    outcome: WriteOutcome | None
    decide_s: float
    write_s: float
