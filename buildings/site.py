"""Site, Writer and Clock: what the loop needs from the world, as protocols."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from .points import Point, Reading, Setpoints


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """The site confirmed the set-points.

    Attributes:
        in_force: what it says stands now, where it may differ from what was asked (a point that is not ours to write,
            a rounded number); None: just that.
    """

    in_force: Setpoints | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteFailed:
    """The site did not confirm the set-points: what was asked may be in force, in part, or not at all.

    Attributes:
        reason: why, in words.
        in_force: what it says stands now, of every set-point that it has; None: nothing may be assumed.
    """

    reason: str
    in_force: Setpoints | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overridden:
    """Somebody who comes before us holds set-points: an operator, or the building's own protection. We stand down."""

    reason: str


WriteOutcome = Written | WriteFailed | Overridden


class Site(Protocol):
    """Anything that can be read. Raises SiteError when a reading cannot be had."""

    @property
    def points(self) -> Sequence[Point]: ...

    def read(self) -> Reading: ...

    def close(self) -> None: ...


class Writer(Protocol):
    """The right to write to a site. Shadow mode never holds one."""

    def write(self, setpoints: Setpoints) -> WriteOutcome: ...

    def relinquish(self) -> WriteOutcome:
        """Gives authority back to the building's own control."""
        ...


class Clock(Protocol):
    """Now and sleep-until; real, scaled or fake."""

    def now(self) -> datetime: ...

    def sleep_until(self, when: datetime) -> bool:
        """Sleeps until `when`. Returns False when there is no more time (the run has ended)."""
        ...


class RealClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep_until(self, when: datetime) -> bool:
        while (left := (when - self.now()).total_seconds()) > 0:
            time.sleep(left)
        return True
