"""A simulated building as Site, Writer and Clock over one run: time passes when the loop sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from .catalog import Building
from .errors import SiteError, UserError
from .fitting import fit
from .known import Array
from .model import Period
from .outside import enter, held_out
from .points import Point, Reading, Setpoints
from .scenario import NORMAL, Scenario
from .site import WriteFailed, WriteOutcome, Written
from .weather import Weather


class SimulatedSite:
    """A building of the catalogue, running in EnergyPlus. It begins, and stays, under its own control.

    Args:
        building: which building.
        weather: which weather.
        period: which stretch of the year.
        speed: simulated seconds per second; None runs as fast as it can.
        draw: which of the years of the building's world, and of the models that a scenario draws from; by default
            one that never occurs in training.
        scenario: what it is put through. The server type is the building's: see `find_building`.
        seed: of what else is random in the scenario.
        breakable: whether equipment can be broken while it runs; see `break_equipment`.

    Attributes:
        randomised: what was drawn, by name.
    """

    def __init__(
        self,
        building: Building,
        weather: Weather,
        period: Period,
        *,
        speed: float | None = None,
        draw: int = held_out(0),
        scenario: Scenario = NORMAL,
        seed: int = 0,
        breakable: bool = False,
    ) -> None:
        entered, self._outside = enter(building, weather, draw)
        fitting = fit(scenario, building, period, variant=draw, seed=seed)
        self._sensors, self.randomised = fitting.sensors, fitting.randomised
        self._run = fitting.run(entered, period, breakable=breakable)
        self._values: Array = self._run.start()
        self._commands: Array = self._run.array(None)
        self._ended = False
        self.clock = SimulatedClock(self, speed)

    @property
    def points(self) -> Sequence[Point]:
        """Every point of the building."""
        return self._run.building.points

    @property
    def time(self) -> datetime:
        """Simulated time."""
        return self._run.time

    @property
    def has_faulty_sensors(self) -> bool:
        """Whether what `read` gives may differ from the truth."""
        return self._sensors is not None

    def read(self) -> Reading:
        """What the sensors show at the end of the last step. Raises SiteError once closed."""
        if self._sensors is None:
            return self.truth()
        step = self._run.steps
        return self._sensors.said(self._reading(self._sensors.seen(self._values, step)), step)

    def truth(self) -> Reading:
        """What is, whatever the sensors show. Raises SiteError once closed."""
        return self._reading(self._values)

    def _reading(self, values: Array) -> Reading:
        if self._ended:
            raise SiteError("the simulated site is closed")
        reading = self._run.reading(values)
        return reading if self._outside is None else self._outside.join(reading)

    def writer(self) -> SimulatedWriter:
        """The right to write; shadow mode never asks for it."""
        return SimulatedWriter(self)

    def command(self, setpoints: Setpoints | None) -> None:
        """Puts set-points in force from the next step on; None gives control back to the building.

        NaN leaves that set-point to the building's own control.
        """
        self._commands = self._run.array(setpoints)

    def break_equipment(self, names: Sequence[str]) -> None:
        """Breaks equipment from the next step on, and mends all other. Raises UserError for a name that is no fault."""
        faults = self._run.building.faults
        if unknown := sorted(set(names) - set(faults)):
            raise UserError(
                f"equipment {', '.join(unknown)}: {self._run.building.id} has: {', '.join(faults) or 'none'}"
            )
        self._run.force({point: value for name in names for point, value in faults[name].force.items()})

    def advance(self) -> bool:
        """Simulates one step. Returns False, and does nothing, at the end of the period."""
        values = self._run.step(self._commands) if self._run.steps < self._run.total_steps else None
        if values is None:
            return False
        self._values = values
        if self._sensors is not None:  # delays and values that stick go on, read or not
            self._sensors.seen(values, self._run.steps)
        return True

    def branch[T](self, jobs: Sequence[Callable[[], T]], *, processes: int = 1) -> list[T]:
        """Results of jobs, each run in a forked copy of this process; this site itself does not move."""
        return self._run.branch(jobs, processes=processes)

    def close(self) -> None:
        """Ends the run and removes its files."""
        self._ended = True
        self._run.close()


class SimulatedWriter:
    """Writes to a simulated site."""

    def __init__(self, site: SimulatedSite) -> None:
        self._site = site
        self._known = {p.name for p in site.points}

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """Puts set-points in force from the next step on."""
        if unknown := sorted(set(setpoints) - self._known):
            return WriteFailed(reason=f"no point {', '.join(unknown)}")
        self._site.command(setpoints)
        return Written()

    def relinquish(self) -> WriteOutcome:
        """Gives control back to the building."""
        self._site.command(None)
        return Written()


class SimulatedClock:
    """Simulated time, at a pace; `stop` wakes a sleeper and ends the run."""

    def __init__(self, site: SimulatedSite, speed: float | None) -> None:
        self._site, self._speed = site, speed
        self._stop = threading.Event()

    def now(self) -> datetime:
        """Simulated time."""
        return self._site.time

    def sleep_until(self, when: datetime) -> bool:
        """Advances the building until `when`; False at the end of the period or once stopped."""
        while self.now() < when:
            began, before = time.monotonic(), self.now()
            if self._stop.is_set() or not self._site.advance():
                return False
            if self._speed is not None:
                pause_s = (self.now() - before) / timedelta(seconds=1) / self._speed
                if self._stop.wait(max(0.0, pause_s - (time.monotonic() - began))):
                    return False
        return True

    def stop(self) -> None:
        """Ends the run at once. Call it from a thread, not from a signal handler (it takes a lock)."""
        self._stop.set()
