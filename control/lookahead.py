"""Look-ahead: many futures of a simulated building from one moment, each an exact branch of the real simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.simulated import SimulatedClock, SimulatedSite
from airhandler.safety.shield import Shield

from .controller import Controller
from .loop import Loop
from .tick import Tick


class Plan:
    """A controller that proposes a given sequence of set-points, and its last ones from there on."""

    name = "plan"

    def __init__(self, setpoints: Sequence[Setpoints]) -> None:
        if not setpoints:
            raise UserError("a plan needs at least one step")
        self._setpoints, self._next = tuple(setpoints), 0

    def reset(self) -> None:
        """Back to the first step."""
        self._next = 0

    def propose(self, reading: Reading) -> Setpoints:
        """The next step of the plan."""
        setpoints = self._setpoints[min(self._next, len(self._setpoints) - 1)]
        self._next += 1
        return setpoints


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Where futures begin, beside the simulation itself: what the shield needs to know of the past.

    Attributes:
        in_force: set-points in force; None: the building's own control is.
        history: readings before now, the newest last.
        past: what was in force in the steps until now, the newest last.
    """

    in_force: Setpoints | None = None
    history: Sequence[Reading] = ()
    past: Sequence[Setpoints] = ()


def branch(
    site: SimulatedSite,
    futures: Sequence[Controller | Sequence[Setpoints]],
    steps: int,
    *,
    step_s: float,
    shield: Shield | None = None,
    moment: Moment | None = None,
    processes: int = 1,
) -> list[list[Tick]]:
    """The Ticks of each future: `steps + 1` of them, unless the period ends before. The site itself does not move.

    Args:
        site: a simulated site, anywhere in its run.
        futures: controllers, or sequences of set-points.
        steps: how far to look.
        step_s: control interval [s].
        shield: judges every proposal; None applies them as they are.
        moment: what was before; nothing by default.
        processes: how many futures run at once.

    Raises SimulationError where this process cannot fork (torch, threads) or a branch fails.
    """
    controllers = [Plan(f) if isinstance(f, Sequence) else f for f in futures]
    job = partial(_future, site, steps, step_s, shield, moment or Moment())
    return site.branch([partial(job, controller) for controller in controllers], processes=processes)


def _future(
    site: SimulatedSite, steps: int, step_s: float, shield: Shield | None, moment: Moment, controller: Controller
) -> list[Tick]:
    """In the child: the loop, for so many steps."""
    ticks: list[Tick] = []
    Loop(
        site=site,
        clock=_Horizon(site.clock, steps),
        step_s=step_s,
        controller=controller,
        shield=shield,
        writer=site.writer(),
        on_tick=ticks.append,
        in_force=moment.in_force,
        history=moment.history,
        past=moment.past,
    ).run()
    return ticks


class _Horizon:
    """A simulated clock that ends after so many sleeps."""

    def __init__(self, clock: SimulatedClock, steps: int) -> None:
        self._clock, self._left = clock, steps

    def now(self) -> datetime:
        return self._clock.now()

    def sleep_until(self, when: datetime) -> bool:
        self._left -= 1
        return self._left >= 0 and self._clock.sleep_until(when)
