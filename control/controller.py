"""Controller: anything that proposes set-points from readings."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from airhandler.buildings.points import Reading, Setpoints


class Controller(Protocol):
    """Proposes set-points. It may raise: the loop then asks the shield for the fallback."""

    @property
    def name(self) -> str:
        """As in tables, metrics and logs."""
        ...

    def reset(self) -> None:
        """Forgets the past: a new run begins."""
        ...

    def propose(self, reading: Reading) -> Setpoints:
        """Set-points for the step that begins now."""
        ...


@runtime_checkable
class Confident(Protocol):
    """A controller that knows how much like its training a reading is."""

    def confidence(self, reading: Reading) -> float | None:
        """From 0 (not at all) to 1; None where it does not know."""
        ...
