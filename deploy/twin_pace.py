"""The pace of a twin: its steps fall due at even intervals of the machine's time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from .stop import Stop

log = logging.getLogger("airhandler.twin")


class Pace:
    """When each step is due, by a monotonic clock. A step that is late is not caught up by hurrying others.

    Args:
        interval_s: machine seconds from one step to the next [s].
        clock: a monotonic clock [s].

    Attributes:
        late: steps that were late by more than an interval.
    """

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s, self._clock = interval_s, clock
        self.late = 0
        self.begin()

    def begin(self) -> None:
        """Now the first interval begins."""
        self._due_s = self._clock()

    def wait(self, stop: Stop) -> bool:
        """Waits until the next step is due. Returns False once a stop was asked for."""
        self._due_s += self._interval_s
        left_s = self._due_s - self._clock()
        if left_s < -self._interval_s:  # it cannot hold the pace: go on from here
            if not self.late:
                log.warning("the machine is too slow for a step every %g s: some are late", self._interval_s)
            self.late += 1
            self._due_s -= left_s
        return not (stop.wait(left_s) if left_s > 0 else stop.asked)
