"""The Gymnasium environment of a building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from .bank import SnapshotBank
from .catalog import Building, find_building, with_world
from .codec import Codec, Float32
from .errors import SimulationError, UserError
from .fitting import faults_of, fit, randomise_of
from .instrumentation import measured_points
from .known import Array
from .late_reward import LateReward
from .load import load_drives
from .model import Period
from .outside import Outside, enter
from .points import Reading, Role
from .random_quantities import Randomise
from .randomise import find_randomise
from .reward import UNPRICED, Reward
from .scenario import Scenario
from .sensor_faults import SensorFaults
from .stress import find_stress
from .weather import Weather, find_weather
from .world import World


class Run(Protocol):
    """One simulated stretch that is stepped from outside: an `InstrumentedRun`, or a `BranchedRun` from a bank."""

    @property
    def weather(self) -> Weather:
        """The weather that it runs in."""

    @property
    def steps(self) -> int:
        """Steps from the begin of the period."""

    @property
    def time(self) -> datetime:
        """Simulated time, in the local standard time of the weather file."""

    def start(self) -> Array:
        """The first values [measured]."""

    def step(self, setpoints: Array) -> Array | None:
        """One control step under set-points [setpoints]; None after the last step of the period."""

    def reading(self, values: Array) -> Reading:
        """Values as a Reading; NaN becomes absent."""

    def close(self) -> None:
        """Ends the run."""


class BuildingEnv(gym.Env[Float32, Float32]):
    """A building as a Gymnasium environment.

    An episode is the period (a year by default) in one weather; it ends with `truncated`. With several
    weathers, each reset draws one.

    Observation: `[len(codec.names)]` float32 in -1..1; `codec.names` says what each entry is.
    Action: `[len(building.setpoints)]` float32 in -1..1, from low to high of each set-point.
    Info: `weather`, `time`, `setpoints` (what was commanded in the step, in physical units; NaN: the building's own
    control; a fault of the equipment may have forced something else) and the terms of the reward `controllable_w`,
    `exceedance_k`; in a world that weighs in the reward, `over_cap_kw` and `price_factor` too;
    of a reset `randomised`, where something is drawn: its values by name.

    Args:
        building: id of the catalogue, or the path of a building file.
        weather: name or path of a weather file, or several.
        start: first day of an episode as (month, day), or "random": each reset draws a day, so that the
            episode ends within the year.
        days: length of an episode.
        banks: snapshots to begin episodes from; each reset draws a bank and a snapshot of it that has `days` left.
            They take the place of `weather` and `start`, and stay the caller's to close. Banks of several variants
            of the model are what `randomise` is without them.
        world: what surrounds the building, in place of what its file may say; each reset draws one of its years.
        servers: a server type in place of the building's own; see servers.yaml.
        it_load: the servers' load in place of the model's own: `daily` or `bursty`, drawn anew in each episode, or a
            trace; see load.py.
        faults: what is wrong with sensors and equipment, as on the command line; see faults.py. Observations are what
            the sensors show, an absent value being the middle of its range; the reward and `reading` are the truth.
            An airflow that is asked for per an absent value is left to the building's own control.
        stress: level, 1 to 3: sensors, commands and rewards get worse, and the physics are drawn anew; see stress.py.
            What is in force in the building is then not the info's `setpoints`, which are what was commanded.
        randomise: what each reset draws: `default`, the building's own section, or the path of a YAML file; see
            randomise.py.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own convention

    def __init__(
        self,
        building: str = "datacentre-dx",
        weather: str | Sequence[str] = "chicago",
        start: tuple[int, int] | Literal["random"] = (1, 1),
        days: int = 365,
        banks: Sequence[SnapshotBank] = (),
        world: World | None = None,
        servers: str | None = None,
        it_load: str | None = None,
        faults: Sequence[str] = (),
        stress: int | None = None,
        randomise: str | Path | Randomise | None = None,
    ) -> None:
        self.building = with_world(find_building(building, servers), world)
        names = [weather] if isinstance(weather, str) else list(weather)
        self.weathers = [b.weather for b in banks] or [find_weather(name) for name in names]
        if not self.weathers:
            raise UserError("an environment needs at least one weather")
        self._starts = _starts(banks, self.building, days)
        self._period = Period(start=(1, 1) if start == "random" else start, days=days)
        self._random_start = start == "random"
        declared = find_randomise(randomise, self.building)
        self._scenario = Scenario(it_load=it_load, faults=tuple(faults), stress=stress, randomise=declared)
        if it_load is not None:
            load_drives(self.building)
        faults_of(self._scenario, self.building)
        if self._scenario.is_of_simulation and banks:
            raise UserError(f"{self._scenario.words}: a bank's snapshots are of a run without it: use no banks")
        drawn = randomise_of(self._scenario, self.building)
        self._variants = 0 if drawn is None else drawn.variants
        self._randomised: Mapping[str, float] = {}
        self.codec = Codec(self.building)
        reward = Reward(self.building, measured_points(self.building))
        late_steps = 0 if stress is None else find_stress(stress).reward_delay_steps
        self._reward: Reward | LateReward = LateReward(reward, late_steps) if late_steps else reward
        signals = [p for p, _ in self.building.world.signals()] if self.building.world is not None else []
        self._measured = len(measured_points(self.building))
        index = {p.name: i for i, p in enumerate([*measured_points(self.building), *signals])}
        self._observed = np.array([index[c.point] for c in self.codec.observations])
        self._of_meters = np.array([self.building.point(c.point).role is Role.METER for c in self.codec.observations])
        self._least_seen = np.array([c.low for c in self.codec.observations])
        self._inlets = np.array([index[z.inlet_temp] for z in self.building.zones.values()], dtype=np.intp)
        self._alone = np.ones(len(self.building.setpoints))
        self._relative = np.array([i for i, a in enumerate(self.codec.actions) if a.per], dtype=np.intp)
        self._reference_of = np.array([index[a.per] for a in self.codec.actions if a.per], dtype=np.intp)
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (len(self.codec.names),), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (len(self.building.setpoints),), np.float32)
        self._run: Run | None = None
        self._outside: Outside | None = None
        self._last_step = 0
        self._values: Array = np.empty(0)
        self._sensors: SensorFaults | None = None
        self._shown: Array = np.empty(0)

    @property
    def reading(self) -> Reading:
        """The newest reading of the running episode: the truth."""
        reading = self._running().reading(self._values[: self._measured])
        return reading if self._outside is None else self._outside.join(reading)

    @property
    def inlet_temps_c(self) -> Array:
        """Air at the server inlets of each zone [zones] [degC]: the truth, at the end of the last step."""
        self._running()
        return self._values[self._inlets]

    @property
    def has_faulty_sensors(self) -> bool:
        """Whether `seen` may differ from `reading` in the running episode."""
        return self._sensors is not None

    @property
    def seen(self) -> Reading:
        """The newest reading of the running episode: what the sensors show."""
        if self._sensors is None:
            return self.reading
        run = self._running()
        reading = self._sensors.said(run.reading(self._shown[: self._measured]), run.steps)
        return reading if self._outside is None else self._outside.join(reading)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32, dict[str, Any]]:
        """Begins an episode. `options["weather"]` names one of the environment's weathers, `options["draw"]` a year.

        `options["randomise"]` names a variant of the model: 0 to `variants` - 1 as in training, below 0 another.
        """
        super().reset(seed=seed)
        self._end()
        self._run = self._begin(options or {})
        self._take(self._run.start())
        self._last_step = self._run.steps + self._period.days * 24 * self.building.file.timesteps_per_hour
        info: dict[str, Any] = {"weather": self._run.weather.name, "time": self._run.time}
        if self._randomised:
            info["randomised"] = dict(self._randomised)
        return self._observe_first(), info

    def step(self, action: NDArray[np.floating[Any]]) -> tuple[Float32, float, bool, bool, dict[str, Any]]:
        """One control step. Raises SimulationError when EnergyPlus fails: that is never the end of an episode."""
        return self.step_setpoints(self.codec.decode_values(action, self._references()))

    def step_setpoints(self, setpoints: Array) -> tuple[Float32, float, bool, bool, dict[str, Any]]:
        """One control step under set-points [len(setpoints)] in physical units; NaN: the building's own control."""
        run = self._running()
        priced = UNPRICED if self._outside is None else self._outside.priced(run.time)
        values = run.step(setpoints) if run.steps < self._last_step else None
        if values is None:
            raise SimulationError("the episode is over: call reset()")
        self._take(values)
        terms = self._reward(values, priced)
        time = run.time
        info = {
            "weather": run.weather.name,
            "time": time,
            "setpoints": setpoints,
            "controllable_w": terms.controllable_w,
            "exceedance_k": terms.exceedance_k,
        }
        if priced is not UNPRICED:
            info["over_cap_kw"], info["price_factor"] = terms.over_cap_kw, priced.factor
        return self._observe(self._shown[self._observed], time), terms.reward, False, run.steps >= self._last_step, info

    def close(self) -> None:
        """Ends the running episode and removes its files."""
        self._end()

    def _references(self) -> Array:
        self._running()
        references = self._alone.copy()
        references[self._relative] = self._shown[self._reference_of]
        return references

    def _begin(self, options: dict[str, Any]) -> Run:
        if self._starts:
            starts = self._starts_in(options)
            bank, index = starts[int(self.np_random.integers(len(starts)))]
            self._randomised = bank.parameters
            _, self._outside = enter(self.building, bank.weather, self._draw(options))
            return bank.run(index)
        weather, self._outside = enter(self.building, self._draw_weather(options), self._draw(options))
        period = self._draw_period()
        variant = self._draw_variant(options)
        seed = int(self.np_random.integers(2**32)) if self._scenario.is_of_simulation else 0
        fitting = fit(self._scenario, self.building, period, variant=variant, seed=seed)
        self._sensors, self._randomised = fitting.sensors, fitting.randomised
        if isinstance(self._reward, LateReward):
            self._reward.begin()
        return fitting.run(weather, period)

    def _draw(self, options: dict[str, Any]) -> int:
        """Which of the world's years; without several of them nothing is drawn."""
        if "draw" in options:
            return int(options["draw"])
        world = self.building.world
        return int(self.np_random.integers(world.draws)) if world is not None and world.draws > 1 else 0

    def _take(self, values: Array) -> None:
        """Keeps the truth, and what the sensors show of it."""
        self._values = self._shown = self._with_signals(values)
        if self._sensors is not None:
            self._shown = self._with_signals(self._sensors.seen(values, self._running().steps))

    def _with_signals(self, values: Array) -> Array:
        """What was measured, and what the world says from now on."""
        if self._outside is None:
            return values
        return np.concatenate([values, self._outside.at(self._running().time)])

    def _starts_in(self, options: dict[str, Any]) -> list[tuple[SnapshotBank, int]]:
        """The snapshots that an episode may begin at."""
        if "weather" not in options:
            return self._starts
        weather = self._named(options["weather"])
        starts = [(bank, i) for bank, i in self._starts if bank.weather == weather]
        if not starts:
            raise UserError(f"no snapshot in {weather.name} has {self._period.days} days left")
        return starts

    def _draw_weather(self, options: dict[str, Any]) -> Weather:
        if "weather" in options:
            return self._named(options["weather"])
        return self.weathers[int(self.np_random.integers(len(self.weathers)))]

    def _named(self, wanted: object) -> Weather:
        for weather in self.weathers:
            if weather.name == wanted:
                return weather
        raise UserError(f"weather {wanted!r} is not one of this environment's: {[w.name for w in self.weathers]}")

    def _draw_variant(self, options: dict[str, Any]) -> int:
        """Which model; without several of them nothing is drawn."""
        if "randomise" in options:
            return int(options["randomise"])
        return int(self.np_random.integers(self._variants)) if self._variants else 0

    def _draw_period(self) -> Period:
        if not self._random_start:
            return self._period
        first = Period().first + timedelta(days=int(self.np_random.integers(365 - self._period.days + 1)))
        return Period(start=(first.month, first.day), days=self._period.days)

    def _running(self) -> Run:
        if self._run is None:
            raise SimulationError("no episode is running: call reset() first")
        return self._run

    def _observe(self, shown: Array, time: datetime) -> Float32:
        seen = self.codec.encode_values(shown, time)
        return seen if self._sensors is None else np.nan_to_num(seen, nan=0.0)

    def _observe_first(self) -> Float32:
        """Before any step has ended a meter has measured nothing: it is seen at the low end of its range."""
        unmeasured = np.isnan(self._values[self._observed]) & self._of_meters
        shown = np.where(unmeasured, self._least_seen, self._shown[self._observed])
        return self._observe(shown, self._running().time)

    def _end(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None


def _starts(banks: Sequence[SnapshotBank], building: Building, days: int) -> list[tuple[SnapshotBank, int]]:
    """Every snapshot that has so many days left. Raises UserError for banks that do not fit."""
    steps = days * 24 * building.file.timesteps_per_hour
    if banks and building.world is not None and building.world.weather_variability:
        raise UserError("snapshots have their own weather: leave weather_variability out of the world")
    for bank in banks:
        if bank.building.file is not building.file:
            why = "its servers or its file differ" if bank.building.id == building.id else "it is another building"
            raise UserError(f"a bank of {bank.building.id} cannot serve an environment of {building.id}: {why}")
    starts = [
        (bank, i)
        for bank in banks
        for i, snapshot in enumerate(bank.snapshots)
        if snapshot.step + steps <= bank.period.days * 24 * building.file.timesteps_per_hour
    ]
    if banks and not starts:
        raise UserError(f"no snapshot has {days} days left: shorten the episodes, or keep earlier snapshots")
    return starts


gym.register(
    id="airhandler/DataCentreDX-v0",
    entry_point="airhandler.buildings.env:BuildingEnv",
    kwargs={"building": "datacentre-dx"},
)
