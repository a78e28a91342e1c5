"""The building of a twin: EnergyPlus, a step at a time, under its own control but for what is commanded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.simulated import SimulatedSite
from airhandler.control.controller import Controller
from airhandler.safety.standing import shown_by

from .twin_board import Command, Shown


class TwinBuilding:
    """One run of a building beside its own control, the incumbent.

    A rule is asked in every step, and its set-points are commanded where nobody else's are. EnergyPlus's own control
    (`stock`) is left alone there; what it asks for is what its sensors show, and while somebody commands a set-point
    the last that they showed before.

    Args:
        site: a run that has begun.
        building: whose.
        incumbent: the building's own control; None: EnergyPlus's.
    """

    def __init__(self, site: SimulatedSite, building: Building, incumbent: Controller | None) -> None:
        self._site, self._building, self._incumbent = site, building, incumbent
        self._shown_by = dict(zip((p.name for p in building.setpoints), shown_by(building), strict=True))
        self._asked = {p.name: rule.fallback for p, rule in zip(building.setpoints, building.rules, strict=True)}
        self.shown = self._show(self._site.read(), frozenset())

    @property
    def truth(self) -> Reading:
        """What is, whatever the sensors show, and what the incumbent asks for."""
        reading = self._site.truth()
        return Reading(time=reading.time, values=reading.values, incumbent=Setpoints(self.shown.incumbent))

    @property
    def time(self) -> datetime:
        """Simulated time."""
        return self._site.time

    def break_equipment(self, names: Sequence[str]) -> None:
        """Breaks equipment from the next step on, and mends all other. Raises UserError."""
        self._site.break_equipment(names)

    def step(self, commands: Mapping[str, Command]) -> Shown | None:
        """One step under what is commanded; None at the end of the period."""
        self._site.command(Setpoints({p.name: self._actuated(p.name, commands) for p in self._building.setpoints}))
        if not self._site.advance():
            return None
        self.shown = self._show(self._site.read(), frozenset(commands))
        return self.shown

    def _actuated(self, name: str, commands: Mapping[str, Command]) -> float:
        """What reaches an actuator; NaN leaves it to EnergyPlus's own control."""
        if (command := commands.get(name)) is not None:
            return command.value
        return math.nan if self._incumbent is None else self._asked[name]

    def _show(self, reading: Reading, commanded: frozenset[str]) -> Shown:
        self._asked |= self._asks(reading, commanded)
        return Shown(time=reading.time, values=reading.values, incumbent=dict(self._asked))

    def _asks(self, reading: Reading, commanded: frozenset[str]) -> dict[str, float]:
        """What the incumbent asks for now, where that is known; else it asks for what it did before."""
        if self._incumbent is not None:
            try:
                return dict(self._incumbent.propose(reading))
            except KeyError:  # a sensor shows nothing
                return {}
        shown = {name: reading.get(point) for name, point in self._shown_by.items() if name not in commanded}
        return {name: value for name, value in shown.items() if value is not None and math.isfinite(value)}
