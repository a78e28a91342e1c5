"""What is granted at each step: by the stage of the site, by people, and by how long it has gone well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from airhandler.control.tick import Grant
from airhandler.safety.handover import Handover

from .gradual import Ramp


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
        self._leaving: tuple[datetime, datetime, str] | None = None
        self._share_left = 1.0
        self._why = ""

    @property
    def accepted(self) -> bool:
        """Whether what is advised now is written."""
        return self._accepted_until is not None and self._now() < self._accepted_until

    @property
    def leaving(self) -> bool:
        """Whether authority goes back step by step, or has."""
        return self._leaving is not None

    @property
    def until(self) -> datetime | None:
        """Until when what is granted now holds, in the site's time; None where nobody has said."""
        if self._leaving is not None:
            return None if self._handover.latched else self._leaving[1]
        return self._accepted_until if self.accepted else None

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
        if self._accepted_until is not None and not self.accepted:
            self._why, self._accepted_until = "what was accepted has run out", None
        writes = (self.stage == "live" or self.accepted) and not self._handover.latched
        return Grant(stage=self.stage, writes=writes, why="" if writes else self._why)

    def share(self, name: str) -> float:
        """How much of the way from the building's own control a set-point goes, 0 to 1."""
        by_the_end_s = self.exercised_s + self._step_s
        granted = 1.0 if self.stage == "advisory" else self._ramp.share(name, by_the_end_s)
        return granted * self._share_left if name in self._ramp.points else 0.0

    def granted(self, name: str) -> float:
        """The same, and nothing while authority stays back or a person has not accepted: for who looks on."""
        writes = not self._handover.latched and (self.stage == "live" or self.accepted_s is not None)
        return self.share(name) if writes else 0.0

    @property
    def waits(self) -> bool:
        """Whether what is proposed waits for a person to accept it."""
        return self.stage == "advisory" and not self._handover.latched and self.accepted_s is None

    @property
    def accepted_s(self) -> float | None:
        """For how long what is proposed is still accepted [s of the site]; None where it is not."""
        until = self._accepted_until
        left_s = 0.0 if until is None else (until - self._now()).total_seconds()
        return left_s if left_s > 0.0 else None

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
        """A person has looked: authority may be taken anew."""
        self._handover.reset()
        self._leaving, self._share_left = None, 1.0

    def accept(self, length: timedelta | None) -> datetime:
        """A person takes the advice, for a while, or only for the step that comes. Returns until when."""
        self._accepted_until = self._now() + (length or timedelta(seconds=self._step_s))
        return self._accepted_until

    def reject(self, by: str) -> None:
        """A person takes it no longer."""
        self._accepted_until, self._why = None, f"{by} rejects what is advised"

    def _left(self, now: datetime) -> float:
        """What is left of authority that goes back step by step."""
        if self._leaving is None:
            return 1.0
        begin, end, _ = self._leaving
        return max(0.0, min(self._share_left, (end - now) / (end - begin)))
