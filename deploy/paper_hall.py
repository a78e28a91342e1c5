"""A hall on paper: a site of a few lines that answers its set-points, for measuring what is around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Point, Reading, Role, Setpoints
from airhandler.buildings.site import WriteOutcome, Written

BEGIN = datetime(2025, 7, 1, tzinfo=UTC)

_LEAK_FRAC, _SERVERS_K = 0.05, 11.0
_QUIET_FRAC = 0.7  # where in its range a point stands that nothing here says more about
_DAY_S = 24 * 3600


class PaperHall:
    """A data centre's points by a day of weather and load, and by the set-points in force: no physics to learn from.

    A Site, a Writer and a Clock in one.

    Args:
        building: whose points.
        steps: after how many its time ends.
        seed: of what moves every value a little.
    """

    def __init__(self, building: Building, *, steps: int, seed: int = 0) -> None:
        self._building, self._rng = building, Random(seed)
        self._now, self._end = BEGIN, BEGIN + steps * timedelta(seconds=building.step_s)
        self._own = Setpoints({p.name: p.low + 0.5 * (p.high - p.low) for p in building.setpoints})
        self._in_force = self._own
        self._measured = [p for p in building.points if p.role is not Role.SETPOINT]

    @property
    def points(self) -> Sequence[Point]:
        """Every point of the building."""
        return self._building.points

    def read(self) -> Reading:
        """What it shows now."""
        turned = math.tau * (self._now - BEGIN).total_seconds() / _DAY_S
        load = 0.6 + 0.2 * math.sin(turned)
        values: dict[str, float | None] = {
            p.name: p.low + _QUIET_FRAC * (p.high - p.low) * self._rng.uniform(0.999, 1.001) for p in self._measured
        }
        for roles in self._building.zones.values():
            supply_c = self._in_force[roles.supply_temp_setpoint] + self._rng.gauss(0.0, 0.05)
            flow_kg_s = self._in_force[roles.supply_flow_setpoint]
            inlet_c = supply_c + _LEAK_FRAC * _SERVERS_K + self._rng.gauss(0.0, 0.05)
            values |= {
                roles.it_load: load,
                roles.supply_temp: supply_c,
                roles.inlet_temp: inlet_c,
                roles.zone_temp: inlet_c + _SERVERS_K,
                roles.supply_flow: flow_kg_s * self._rng.uniform(0.99, 1.01),
                roles.server_flow: 0.85 * flow_kg_s * self._rng.uniform(0.99, 1.01),
            }
        return Reading(time=self._now, values=values, incumbent=self._own)

    def close(self) -> None:
        """There is nothing to close."""

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """They are in force at once."""
        self._in_force = setpoints
        return Written()

    def relinquish(self) -> WriteOutcome:
        """Its own control is in force again."""
        self._in_force = self._own
        return Written()

    def now(self) -> datetime:
        """Its time."""
        return self._now

    def sleep_until(self, when: datetime) -> bool:
        """Goes there; False at its end."""
        if when > self._end:
            return False
        self._now = when
        return True
