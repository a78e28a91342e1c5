"""A building's points on the engine: which EnergyPlus values they are, and how raw arrays become points."""

from __future__ import annotations

import atexit
import functools
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np

from .catalog import Building
from .energyplus import Actuator, Meter, Simulation, Variable
from .errors import UserError
from .folders import own_folder, remove, remove_with
from .fork import fork_map
from .known import Array
from .model import Period, prepare
from .points import Point, Reading, Setpoints
from .settings import WriteTo
from .weather import Weather

NO_DRIVES: Mapping[str, Array] = MappingProxyType({})


class InstrumentedRun:
    """One simulated stretch of a building, read and written by points.

    Values are arrays in the order of `measured`; set-points are arrays in the order of `building.setpoints`,
    where NaN leaves a set-point to the building's own control. Energy meters [J per step] become watts; they
    are absent (NaN) in the first reading, because no step has ended.

    Args:
        building: which building.
        weather: which weather.
        period: which stretch of the year.
        drives: what the world puts on the building's drives, step by step [total_steps each, unit of the drive];
            NaN, and a drive that is not named, is left to the model. Raises UserError for one that does not fit.
        forced: what faults put on set-points, whoever commands them [total_steps each, unit of the set-point]; NaN
            where nothing is wrong. They may leave the set-point's limits.
        arrive: what arrives of the commands of each step [len(building.setpoints)]; None: all as they are.
        keep: a folder to run in and to leave, with EnergyPlus's error file; by default one that is removed.
    """

    def __init__(
        self,
        building: Building,
        weather: Weather,
        period: Period,
        drives: Mapping[str, Array] = NO_DRIVES,
        *,
        forced: Mapping[str, Array] = NO_DRIVES,
        arrive: Callable[[Array], Array] | None = None,
        keep: Path | None = None,
    ) -> None:
        self.building, self.weather, self.period = building, weather, period
        self.measured = measured_points(building)
        self.total_steps = period.days * 24 * building.file.timesteps_per_hour
        raw = [p for p in self.measured if p.name in building.sources]
        model = _prepared(building, weather, period)
        self._removal = remove_with(self, model)
        self._engine = Simulation(
            model=model,
            weather=weather.path,
            sensors=[_sensor(building, p) for p in raw],
            actuators=[Actuator(w.component, w.control, w.key) for w in _writes(building, drives)],
            keep=keep,
        )
        self._drives = drive_table(building, drives, self.total_steps)
        self._forced = _force_table(building, forced, self.total_steps)
        self._arrive = arrive
        self._now: Array | None = None
        self._driven = tuple(d.name for d in building.drives if d.name in drives)
        self._convert = _conversion(building, self.measured, raw)
        self._meters = np.array([building.sources[p.name].meter is not None for p in raw])
        self._names = tuple(p.name for p in self.measured)
        self._began = begin_of(period, weather)
        self._step = timedelta(seconds=building.step_s)

    @property
    def steps(self) -> int:
        """Steps done."""
        return self._engine.steps

    @property
    def time(self) -> datetime:
        """Simulated time, in the local standard time of the weather file."""
        return self._began + self.steps * self._step

    def start(self) -> Array:
        """Sizing and warm-up; the first values [len(measured)]."""
        raw = self._engine.start()
        return self._first(raw)

    def step(self, setpoints: Array) -> Array | None:
        """One control step under set-points [len(setpoints)]; None after the last step of the period."""
        raw = self._engine.step(self._commands(setpoints))
        return None if raw is None else self._convert @ raw

    def bare_steps_per_s(self, setpoints: Array) -> float:
        """Runs the whole period under constant set-points with no exchange: the speed of EnergyPlus itself."""
        return self.total_steps / self._engine.run_through(self._commands(setpoints))

    def reading(self, values: Array) -> Reading:
        """Values as a Reading; NaN becomes absent."""
        return reading_of(self._names, values, self.time)

    def array(self, setpoints: Setpoints | None) -> Array:
        """Set-points as an array; None, the building's own control, as NaN."""
        return setpoint_array(self.building, setpoints)

    def force(self, values: Mapping[str, float]) -> None:
        """What breaks from the next step on, by set-point and drive, in place of what it broke before; {}: nothing.

        It comes before whatever else is commanded or forced. Raises UserError for what the run does not have.
        """
        names = [*(p.name for p in self.building.setpoints), *self._driven]
        if unknown := sorted(set(values) - set(names)):
            raise UserError(f"{self.building.id}: {', '.join(unknown)}: this run cannot force it")
        self._now = np.array([values.get(name, np.nan) for name in names]) if values else None

    def fork(self) -> int:
        """As `Simulation.fork`: 0 in the child, which goes on with an exact copy of the run."""
        return self._engine.fork()

    def branch[T](self, jobs: Sequence[Callable[[], T]], *, processes: int = 1) -> list[T]:
        """Results of jobs, each run in a forked copy of this process that may step this run on.

        This run itself does not move. Raises SimulationError if a job fails or its process is killed.
        """
        return fork_map(self._engine.open_files, jobs, processes=processes)

    def close(self) -> None:
        """Ends the run and removes its files."""
        try:
            self._engine.close()
        finally:  # a Ctrl-C that came meanwhile
            self._removal()

    def _commands(self, setpoints: Array) -> Array:
        """Set-points, and what faults and the world put on them and on the drives in the next step."""
        if self.steps >= self.total_steps:
            return setpoints
        if self._arrive is not None:
            setpoints = self._arrive(setpoints)
        if self._forced is not None:
            force = self._forced[self.steps]
            setpoints = np.where(np.isnan(force), setpoints, force)
        commands = setpoints if self._drives is None else np.concatenate([setpoints, self._drives[self.steps]])
        return commands if self._now is None else np.where(np.isnan(self._now), commands, self._now)

    def _first(self, raw: Array) -> Array:
        values = self._convert @ raw
        of_meters = (np.abs(self._convert) @ self._meters.astype(float)) > 0
        values[of_meters] = np.nan
        return values


def begin_of(period: Period, weather: Weather) -> datetime:
    """The first instant of a period, in the local standard time of the weather file."""
    return datetime(*period.first.timetuple()[:3], tzinfo=weather.zone)


def reading_of(names: Sequence[str], values: Array, time: datetime) -> Reading:
    """Values [len(names)] as a Reading; NaN becomes absent."""
    pairs = zip(names, values.tolist(), strict=True)
    return Reading(time=time, values={name: (value if value == value else None) for name, value in pairs})


def setpoint_array(building: Building, setpoints: Setpoints | None) -> Array:
    """Set-points in the order of the building's; None, the building's own control, as NaN."""
    if setpoints is None:
        return np.full(len(building.setpoints), np.nan)
    return np.array([setpoints[p.name] for p in building.setpoints])


def measured_points(building: Building) -> tuple[Point, ...]:
    """Points that are read from the engine: the order of every value array. A world's signals are not in it."""
    return tuple(p for p in building.points if p.name in building.sources or p.name in building.sums)


def _sensor(building: Building, point: Point) -> Variable | Meter:
    source = building.sources[point.name]
    if source.meter is not None:
        return Meter(source.meter)
    assert source.variable is not None and source.key is not None  # noqa: PT018 - checked by ReadFrom
    return Variable(source.variable, source.key)


def _writes(building: Building, drives: Mapping[str, Array]) -> list[WriteTo]:
    driven = [d.write for d in building.drives if d.name in drives]
    return [building.writes[p.name] for p in building.setpoints] + driven


def drive_table(building: Building, drives: Mapping[str, Array], steps: int) -> Array | None:
    """Drives [steps, drives that are named], in the building's order; None where none is named. Raises UserError."""
    known = [d.name for d in building.drives]
    if unknown := sorted(set(drives) - set(known)):
        raise UserError(f"{building.id}: no drive {', '.join(unknown)}; it has: {', '.join(known) or 'none'}")
    if not drives:
        return None
    for drive in building.drives:
        values = drives.get(drive.name, np.full(steps, np.nan))
        if np.shape(values) != (steps,):
            raise UserError(
                f"{building.id}: drive {drive.name}: needs one value a step, {steps}, not {np.shape(values)}"
            )
        if np.any((values < drive.low) | (values > drive.high)):
            raise UserError(f"{building.id}: drive {drive.name}: must stay within {drive.low:g} to {drive.high:g}")
    return np.column_stack([drives[name] for name in known if name in drives])


def _force_table(building: Building, forced: Mapping[str, Array], steps: int) -> Array | None:
    """What is forced [steps, set-points]; None where nothing is."""
    if not forced:
        return None
    return np.column_stack([forced.get(p.name, np.full(steps, np.nan)) for p in building.setpoints])


def _conversion(building: Building, measured: Sequence[Point], raw: Sequence[Point]) -> Array:
    """The matrix [measured, raw] that scales every raw value and adds up the sums."""
    column = {p.name: i for i, p in enumerate(raw)}
    matrix = np.zeros((len(measured), len(raw)))
    for row, point in enumerate(measured):
        for name in building.sums.get(point.name, (point.name,)):
            source = building.sources[name]
            matrix[row, column[name]] = source.scale / (building.step_s if source.meter else 1.0)
    return matrix


def _prepared(building: Building, weather: Weather, period: Period) -> Path:
    """The prepared model as a new file."""
    number, name = tempfile.mkstemp(dir=_scratch(), prefix=f"{building.id}-", suffix=".epJSON")
    with open(number, "w") as file:  # noqa: PTH123 - a descriptor, not a path
        json.dump(prepare(building.file, weather, period), file)
    return Path(name)


@functools.cache
def _scratch() -> Path:
    folder = own_folder("models")
    atexit.register(remove, folder)
    return folder
