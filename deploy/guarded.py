"""A writer for a real bus: nothing is written that was not granted, written down first, and covered by a lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written

from .connectors.bus import BusWriter
from .journal_rows import Kind
from .journal_ticks import outcome_payload


class Guarded:
    """Writes what is granted; the slightest doubt about ourselves latches the handover instead.

    Args:
        writer: of the bus.
        note: writes a line into the journal, durably, before it returns. Raises AirhandlerError where it cannot.
        uncovered: why the lease is not ours at this moment; None where it is.
        released: is told that nothing of ours is in force any more.
        share: of a set-point, how much of it is granted; 0 leaves it alone.
        doubt: latches the handover, for a reason.

    Attributes:
        holding: whether something of ours is or may be in force.
    """

    def __init__(
        self,
        writer: BusWriter,
        *,
        note: Callable[[Kind, Mapping[str, object]], object],
        uncovered: Callable[[], str | None],
        released: Callable[[], object],
        share: Callable[[str], float],
        doubt: Callable[[str], object],
    ) -> None:
        self._writer, self._note, self._share, self._doubt = writer, note, share, doubt
        self._uncovered, self._released = uncovered, released
        self.holding = False

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """Writes the granted ones of the set-points, in this order: journal, lease, bus, heartbeat, journal."""
        granted = Setpoints({name: value for name, value in setpoints.items() if self._share(name) > 0.0})
        if (why := self._told("write", {"setpoints": dict(granted)})) is not None:
            return WriteFailed(reason=why)
        if (why := self._uncovered()) is not None:
            return WriteFailed(reason=self._doubted(why))
        self.holding = True
        outcome = _asked(lambda: self._writer.write(granted))
        if isinstance(outcome, Written):
            outcome = self._beaten(outcome, outcome.in_force or setpoints)
        self._told("write-outcome", outcome_payload(outcome))
        return outcome

    def relinquish(self) -> WriteOutcome:
        """Gives authority back: the bus first, whatever the disk does; then the lease, and the journal."""
        outcome = _asked(self._writer.relinquish)
        if isinstance(outcome, Written):
            self.holding = False
            self._released()
        self._told("write", {"setpoints": None})
        self._told("write-outcome", outcome_payload(outcome))
        return outcome

    def held(self) -> str | None:
        """Who comes before us at a point that may be written, in words; None: nobody. Raises SiteError."""
        return self._writer.held()

    def _beaten(self, written: Written, in_force: Setpoints) -> WriteOutcome:
        """Beats the heart. Where it does not, the write has failed, but what was written is in force."""
        beaten = _asked(self._writer.beat)
        if isinstance(beaten, WriteFailed):
            return replace(beaten, in_force=in_force)
        return written if isinstance(beaten, Written) else beaten

    def _told(self, kind: Kind, payload: Mapping[str, object]) -> str | None:
        """Writes it down. Why not, where that fails: there is no authority without a record of it."""
        try:
            self._note(kind, payload)
        except AirhandlerError as error:
            return self._doubted(f"the journal does not take what is written: {error}")
        return None

    def _doubted(self, why: str) -> str:
        self._doubt(f"authority must go back: {why}")
        return why


def _asked(ask: Callable[[], WriteOutcome]) -> WriteOutcome:
    """What the bus says; one that cannot be asked has confirmed nothing."""
    try:
        return ask()
    except AirhandlerError as error:
        return WriteFailed(reason=str(error))
