"""Authority that grows: at first a controller moves set-points a little way from where the building has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Reading, Setpoints
from airhandler.control.controller import Confident, Controller

_DAY_S = 86400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ramp:
    """How authority grows while it is exercised. Source: standards of the project, ramped authority at go-live.

    Attributes:
        points: the set-points that may be written, in the order in which they get it; the others never do.
        days: until all of it is given [days]; 0 gives all at once.
        in_order: a point at a time, each in its share of the days; False: all points together.
    """

    points: tuple[str, ...]
    days: float
    in_order: bool = True

    @property
    def length_s(self) -> float:
        """After how long all authority is given [s]."""
        return self.days * _DAY_S

    def share(self, name: str, exercised_s: float) -> float:
        """How far a set-point goes from the building's own control (0) towards the controller (1).

        Args:
            name: of the set-point.
            exercised_s: for how long authority has been exercised by the end of the step [s].
        """
        if name not in self.points:
            return 0.0
        progress = exercised_s / self.length_s if self.days > 0.0 else float("inf")
        if self.in_order:
            progress = progress * len(self.points) - self.points.index(name)
        return min(1.0, max(0.0, progress))


class Gradual:
    """A controller whose proposals are drawn towards what the building's own control asks for.

    Args:
        controller: who proposes.
        share: of a set-point, how much of the way is the controller's: 1 leaves its proposal as it is, bit for bit.
    """

    def __init__(self, controller: Controller, share: Callable[[str], float]) -> None:
        self._controller, self._share = controller, share
        self.name = controller.name

    def reset(self) -> None:
        """A new run begins."""
        self._controller.reset()

    def propose(self, reading: Reading) -> Setpoints:
        """Set-points between the two. Raises SiteError where the site does not tell what its own control asks for."""
        wanted = self._controller.propose(reading)
        incumbent = reading.incumbent or Setpoints({})
        return Setpoints({name: self._between(name, value, incumbent) for name, value in wanted.items()})

    def confidence(self, reading: Reading) -> float | None:
        """The controller's own."""
        return self._controller.confidence(reading) if isinstance(self._controller, Confident) else None

    def _between(self, name: str, wanted: float, incumbent: Mapping[str, float]) -> float:
        share = self._share(name)
        if share == 1.0:
            return wanted
        if name not in incumbent:
            raise SiteError(f"{name}: the site does not tell what its own control asks for")
        return incumbent[name] + share * (wanted - incumbent[name])
