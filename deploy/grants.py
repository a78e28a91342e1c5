"""What is granted at each step: by the stage of the site, by people, and by how long it has gone well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from airhandler.control.tick import Grant
from airhandler.safety.handover import Handover

from .gradual import Ramp

_RUN_OUT = "what was accepted has run out"


class Grants:
    """Keeps what a controller may do; the loop asks once in each step.

    Args:
        stage: `live` writes by itself; `advisory` writes for as long as a person has accepted.
        ramp: how authority grows in `live`. What a person accepts is written as it is.
        handover: latched, it ends everything until a person resets it.
        now: the site's time.
        step_s: length of a control step [s].
        exercised_s: for how long authority was exercised before, in earlier runs [s].

    Attributes:
        stage: as above.
        exercised_s: for how long authority was exercised, with the steps since [s].
    """

    def __init__(
        self,
        *,
        stage: Literal["advisory", "live"],
        ramp: Ramp,
        handover: Handover,
        now: Callable[[], datetime],
        step_s: float,
        exercised_s: float = 0.0,
    ) -> None:
        self.stage, self._ramp, self._handover = stage, ramp, handover
        self._now, self._step_s, self.exercised_s = now, step_s, exercised_s
        self._accepted_until: datetime | None = None
        self._steps = 0  # accepted alone: 2 is one that comes, 1 the one that runs
        self._leaving: tuple[datetime, datetime, str] | None = None
        self._share_left = 1.0
        self._why = ""

    @property
    def accepted(self) -> bool:
        """Whether what is advised now is written."""
        in_time = self._accepted_until is not None and self._now() < self._accepted_until
        return (in_time or self._steps > 0) and not self._handover.latched

    @property
    def leaving(self) -> bool:
        """Whether authority goes back step by step, or has."""
        return self._leaving is not None

    @property
    def until(self) -> datetime | None:
        """Until when what is granted now holds, in the site's time; None where nobody has said, or nothing is."""
        if self._handover.latched:
            return None
        ends = [self._leaving[1] if self._leaving else None, self._accepted_until if self.accepted else None]
        return min((end for end in ends if end is not None), default=None)

    @property
    def ramp_s(self) -> float:
        """After how long all authority is given [s]; 0: at once."""
        return self._ramp.length_s if self.stage == "live" else 0.0

    def grant(self) -> Grant:
        """Authority for the step that begins now."""
        now = self._now()
        self._share_left = self._left(now)
        if self._leaving is not None and self._share_left == 0.0:
            self._handover.give_back(f"{self._leaving[2]}, step by step")
        if self._steps == 1:
            self._why = _RUN_OUT
        self._steps = max(0, self._steps - 1)
        return self.stands()

    def stands(self) -> Grant:
        """The same between two steps: what a person or the clock has ended is granted no longer."""
        writes = self._may_write
        if not writes and (self._accepted_until is not None or self._handover.latched):
            self._forget(_RUN_OUT)
        return Grant(stage=self.stage, writes=writes, why="" if writes else self._why)

    @property
    def _may_write(self) -> bool:
        return (self.stage == "live" or self.accepted) and not self._handover.latched

    def _forget(self, why: str) -> None:
        """What was accepted counts no longer."""
        self._accepted_until, self._steps, self._why = None, 0, why

    def share(self, name: str) -> float:
        """How much of the way from the building's own control a set-point goes, 0 to 1."""
        by_the_end_s = self.exercised_s + self._step_s
        granted = 1.0 if self.stage == "advisory" else self._ramp.share(name, by_the_end_s)
        return granted * self._share_left if name in self._ramp.points else 0.0

    def granted(self, name: str) -> float:
        """The same, and nothing while authority stays back or a person has not accepted: for who looks on."""
        return self.share(name) if self._may_write else 0.0

    @property
    def waits(self) -> bool:
        """Whether what is proposed waits for a person to accept it."""
        return self.stage == "advisory" and not self._handover.latched and not self.accepted

    @property
    def accepted_s(self) -> float | None:
        """For how long what is proposed is still accepted [s of the site]; None where it is not, or for a step."""
        until = self._accepted_until if self.accepted else None
        return None if until is None else max(0.0, (until - self._now()).total_seconds())

    def exercised(self) -> None:
        """A step in which what we asked for was in force has passed."""
        self.exercised_s += self._step_s

    def give_back(self, why: str, over: timedelta = timedelta()) -> datetime:
        """A person asks for authority: at once, or step by step over a while. It stays back until a reset.

        Returns when it will be back, in the site's time: asked twice, the sooner end counts.
        """
        end = self._now() + over
        if over <= timedelta():
            self._handover.give_back(why)
        elif self._leaving is None or end < self._leaving[1]:
            self._leaving = (self._now(), end, why)
        return end if self._leaving is None else min(end, self._leaving[1])

    def reset(self) -> None:
        """A person has looked: authority may be taken anew. What was accepted before must be accepted anew."""
        self._handover.reset()
        self._leaving, self._share_left = None, 1.0
        self._forget("")

    def accept(self, length: timedelta | None) -> datetime | None:
        """A person takes the advice: for a while, and until when is returned; or, None, for the step that comes."""
        if length is None:
            self._steps = 2
        else:
            self._accepted_until = self._now() + length
        return self._accepted_until

    def reject(self, by: str) -> None:
        """A person takes it no longer."""
        self._forget(f"{by} rejects what is advised")

    def _left(self, now: datetime) -> float:
        """What is left of authority that goes back step by step."""
        if self._leaving is None:
            return 1.0
        begin, end, _ = self._leaving
        return max(0.0, min(self._share_left, (end - now) / (end - begin)))
