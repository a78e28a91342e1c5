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
        self._stage, self._ramp, self._handover = stage, ramp, handover
        self._now, self._step_s, self.exercised_s = now, step_s, exercised_s
        self._accepted_until: datetime | None = None
        self._leaving: tuple[datetime, datetime] | None = None
        self._share_left = 1.0

    def grant(self) -> Grant:
        """Authority for the step that begins now."""
        now = self._now()
        self._share_left = self._left(now)
        if self._share_left == 0.0:
            self._handover.give_back("authority was asked back, and has gone back step by step")
        accepted = self._accepted_until is not None and now < self._accepted_until
        writes = (self._stage == "live" or accepted) and not self._handover.latched
        return Grant(stage=self._stage, writes=writes)

    def share(self, name: str) -> float:
        """How much of the way from the building's own control a set-point goes, 0 to 1."""
        by_the_end_s = self.exercised_s + self._step_s
        granted = 1.0 if self._stage == "advisory" else self._ramp.share(name, by_the_end_s)
        return granted * self._share_left if name in self._ramp.points else 0.0

    def exercised(self) -> None:
        """A step in which what we asked for was in force has passed."""
        self.exercised_s += self._step_s

    def give_back(self, why: str, over: timedelta = timedelta()) -> None:
        """A person asks for authority: at once, or step by step over a while. It stays back until a reset."""
        if over <= timedelta():
            self._handover.give_back(why)
        elif self._leaving is None or self._now() + over < self._leaving[1]:
            self._leaving = (self._now(), self._now() + over)

    def reset(self) -> None:
        """A person has looked: authority may be taken anew."""
        self._handover.reset()
        self._leaving, self._share_left = None, 1.0

    def accept(self, length: timedelta | None) -> None:
        """A person takes the advice, for a while, or only for the step that comes."""
        self._accepted_until = self._now() + (length or timedelta(seconds=self._step_s))

    def reject(self) -> None:
        """A person takes it no longer."""
        self._accepted_until = None

    def _left(self, now: datetime) -> float:
        """What is left of authority that goes back step by step."""
        if self._leaving is None:
            return 1.0
        begin, end = self._leaving
        return max(0.0, min(self._share_left, (end - now) / (end - begin)))
