"""Controllers that mean harm: what the shield is tried against. No seed of theirs is chosen for its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.known import Array
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.ways import choose_setpoints

Begin = Callable[[Building, int], Callable[[], Array]]


class Hostile:
    """Asks, within their limits, for set-points that serve nobody.

    Args:
        name: as in `HOSTILE`.
        building: what it would harm.
        seed: of its random numbers, the same in every run.
    """

    def __init__(self, name: str, building: Building, seed: int = 0) -> None:
        self.name, self._building, self._seed = name, building, seed
        self._names = [p.name for p in building.setpoints]
        self.reset()

    def reset(self) -> None:
        """Begins its random numbers anew."""
        self._choose = HOSTILE[self.name](self._building, self._seed)

    def propose(self, reading: Reading) -> Setpoints:
        """The next set-points; the reading is not looked at."""
        return Setpoints(dict(zip(self._names, self._choose().tolist(), strict=True)))


def _heat(building: Building, seed: int) -> Callable[[], Array]:
    """As warm as it goes, with the least air."""
    warmest = np.array([p.high if p.unit == "degC" else p.low for p in building.setpoints])
    return lambda: warmest


HOSTILE: Mapping[str, Begin] = {
    "hostile-random": lambda building, seed: choose_setpoints("random", building, seed),
    "hostile-bang-bang": lambda building, seed: choose_setpoints("extreme", building, seed),
    "hostile-heat": _heat,
}
"""By name, as `airhandler evaluate` knows them; nothing that writes to a building does."""
