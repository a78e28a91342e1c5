"""Controller: anything that proposes set-points from readings."""

from __future__ import annotations

from typing import Protocol

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
