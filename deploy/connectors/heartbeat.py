"""The heartbeat: what we count up on a site while we are in charge, for the building to watch."""

from __future__ import annotations

from collections.abc import Callable

from airhandler.buildings.errors import SiteError
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written

from .answers import Refused

# It counts to here and begins anew: every number to it is exact as a float32 and as an int16.
BEATS = 32_000
NAME = "heartbeat"
"""What its object is called where it was made for us: a twin's is."""


class Heartbeat:
    """Counts on from where it stands, so that whoever counted before is not told from us.

    Args:
        where: its object or register.
        shown: gives what it shows; None where that is no number. Raises SiteError.
        put: writes it; gives what the device says against it. Raises SiteError.
    """

    def __init__(
        self, where: object, shown: Callable[[], float | None], put: Callable[[float], Refused | None]
    ) -> None:
        self._where, self._shown, self._put = where, shown, put
        self._beats: int | None = None

    def beat(self) -> WriteOutcome:
        """One more."""
        try:
            beats = (self._count() + 1) % BEATS
            refused = self._put(float(beats))
        except SiteError as error:
            return WriteFailed(reason=f"heartbeat: {error}")
        if refused is not None:
            return WriteFailed(reason=f"heartbeat {self._where}: {refused.words}")
        self._beats = beats
        return Written()

    def _count(self) -> int:
        """Where it stands: what we wrote last, or at first what the device shows."""
        if self._beats is None:
            self._beats = int(self._shown() or 0.0)
        return self._beats
