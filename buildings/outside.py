"""Outside: the values of a World's signals at every control step of a simulated year, and the weather that goes along.

Everything is computed before the first step; at a step it is one row of a table. A signal of a step is what holds from
its begin on; where an event's price is in the tariff, so it is in forecasts of it, once the event is announced.
"""

from __future__ import annotations

import functools
from datetime import datetime
from typing import assert_never

import numpy as np

from .catalog import Building
from .epw import read_epw
from .errors import UserError
from .events import EventYear, event_year, no_cap_kw
from .forecasts import Forecast, forecast
from .known import Array
from .model import Period
from .noise import generator
from .own_file import changed_ns
from .points import Reading
from .quantities import CARBON, EVENT, EVENT_CAP, TARIFF, Quantity
from .reward import Priced
from .signal_csv import read_series
from .signals import (
    Flat,
    Series,
    SyntheticCarbon,
    TimeOfUse,
    Year,
    check_range,
    synthetic_carbon,
    time_of_use,
)
from .variability import vary
from .weather import Weather
from .world import World, quantity_of


class Outside:
    """What surrounds one building in one weather, in one of the years that may be drawn.

    Attributes:
        names: of the signals, in the order of the building's points.

    Args:
        world: as declared.
        weather: what the simulation runs in: forecasts are of this weather.
        step_s: length of a control step [s].
        draw: which of the possible years; see `held_out`.

    Raises UserError for a file that cannot be read, a value outside its range, events that overlap.
    """

    def __init__(self, world: World, weather: Weather, step_s: float, draw: int) -> None:
        self._year = Year(number=Period().first.year, step_s=round(step_s), zone=weather.zone)
        self._world, self._weather, self._draw = world, weather, draw
        self.names = tuple(point.name for point, _ in world.signals())
        events = None
        if world.events is not None:
            events = event_year(world.events, self._year, generator(world.seed, draw, "events"))
        columns = self._now(events)
        for declared in world.forecasts:
            columns |= self._ahead(declared, columns, events)
        self._table = (
            np.column_stack([columns[name] for name in self.names]) if self.names else np.empty((self._year.steps, 0))
        )
        self._price_factor = self._factor(columns)
        self._cap_kw = np.full(self._year.steps, np.inf) if events is None else events.cap_kw

    def at(self, time: datetime) -> Array:
        """The signals from a time on [len(names)], in the order of `names`."""
        return np.asarray(self._table[self._year.index(time)])

    def priced(self, time: datetime) -> Priced:
        """What the reward weighs in the step that begins then."""
        row = self._year.index(time)
        return Priced(factor=float(self._price_factor[row]), cap_kw=float(self._cap_kw[row]))

    def join(self, reading: Reading) -> Reading:
        """A reading with the signals of its time."""
        signals = dict(zip(self.names, self.at(reading.time).tolist(), strict=True))
        return Reading(time=reading.time, values={**reading.values, **signals}, age_s=reading.age_s)

    def _now(self, events: EventYear | None) -> dict[str, Array]:
        """The signals themselves, by name [steps]."""
        world, columns = self._world, {}
        for quantity, declared, plausible in (
            (TARIFF, world.tariff_usd_per_kwh, world.tariff_range),
            (CARBON, world.carbon_kg_per_kwh, world.carbon_range),
        ):
            if declared is not None:
                columns[quantity.name] = self._series(declared, quantity, plausible)
        self._base_tariff = columns.get(TARIFF.name)
        if events is not None:
            columns[EVENT.name] = events.active.astype(np.float64)
            if world.capped:
                assert world.events is not None
                columns[EVENT_CAP.name] = np.minimum(events.cap_kw, no_cap_kw(world.events))
            if self._base_tariff is not None:
                possible = self._base_tariff * events.possible_multiplier  # of every draw: none fails in training
                check_range(possible, world.tariff_range, self._year, "tariff in an event")
                columns[TARIFF.name] = self._base_tariff * events.price_multiplier
        return columns

    def _series(
        self,
        declared: Flat | TimeOfUse | Series | SyntheticCarbon,
        quantity: Quantity,
        plausible: tuple[float, float],
    ) -> Array:
        match declared:
            case Flat(value=value):
                values = np.full(self._year.steps, value)
            case TimeOfUse():
                values = time_of_use(declared, self._year)
            case Series():
                values = read_series(declared, quantity.name, plausible, self._year)
            case SyntheticCarbon():
                both = declared.model_copy(update={"sigma_frac": 0.0}), declared
                calm, noisy = (synthetic_carbon(d, self._year, self._generator(quantity.name)) for d in both)
                check_range(calm, plausible, self._year, quantity.name)
                values = np.clip(noisy, *plausible)
            case _:
                assert_never(declared)
        return check_range(values, plausible, self._year, quantity.name)

    def _ahead(self, declared: Forecast, now: dict[str, Array], events: EventYear | None) -> dict[str, Array]:
        """Forecasts of one quantity, by the names of their points [steps]."""
        quantity = quantity_of(declared.of)
        truth = now[declared.of] if declared.of in now else weather_series(self._weather, quantity, self._year)
        per_hour = 3600 // self._year.step_s
        rng = self._generator("forecast", declared.of)
        foretold = forecast(declared, truth, per_hour, rng, relative=quantity.relative)
        if declared.of == TARIFF.name and events is not None and declared.model in ("noisy", "published"):
            # The same errors on the tariff without events: nobody knows of one before it is announced.
            assert self._base_tariff is not None
            assert self._world.events is not None
            rng, notice_h = self._generator("forecast", declared.of), self._world.events.notice_h
            without = forecast(declared, self._base_tariff, per_hour, rng, relative=quantity.relative)
            foretold = {lead: foretold[lead] if lead <= notice_h else without[lead] for lead in foretold}
        points = {point.name: point for point, _ in self._world.signals()}
        clipped = {}
        for lead, values in foretold.items():
            point = points[quantity.point(lead).name]
            clipped[point.name] = np.clip(values, point.low, point.high)
        return clipped

    def _factor(self, columns: dict[str, Array]) -> Array:
        """See PricedReward; 1 where the world has no part in the reward [steps]."""
        factor = np.ones(len(self._table))
        if (reward := self._world.reward) is None:
            return factor
        for weight, name, base in (
            (reward.price_weight, TARIFF.name, self._base_tariff),
            (reward.carbon_weight, CARBON.name, columns.get(CARBON.name)),
        ):
            if weight and base is not None:
                if (mean := float(base.mean())) <= 0.0:
                    raise UserError(f"reward: the mean of {name} over the year is {mean:g}: it must be above 0")
                factor = factor + weight * (columns[name] / mean - 1.0)
        return factor

    def _generator(self, *purpose: str) -> np.random.Generator:
        return generator(self._world.seed, self._draw, *purpose, self._weather.place)


def weather_series(weather: Weather, quantity: Quantity, year: Year) -> Array:
    """A quantity of a weather file at the begin of each step [steps].

    A row of the file stands for the hour before its time. What is an instant's is reached at the end of that hour, on
    a line between; what is an hour's sum holds throughout it. 29 February is left out. Source: EnergyPlus 25.1,
    Engineering Reference, Climate Calculations; Auxiliary Programs, EPW Data Dictionary. Raises UserError where a value
    is missing, and for a file with more than one row an hour.
    """
    epw = read_epw(weather.path)
    rows = epw[quantity.column][~epw.leap_day][: year.steps * year.step_s // 3600]
    if np.isnan(rows).any():
        raise UserError(
            f"weather {weather.name}: {quantity.column} is missing in row {int(np.isnan(rows).argmax()) + 1} of the "
            f"hours: a forecast of {quantity.name} needs every one"
        )
    hours = np.arange(year.steps) * year.step_s / 3600.0
    if not quantity.at_instant:
        return np.asarray(rows[hours.astype(np.intp)])
    return np.asarray(np.interp(hours, np.arange(1, len(rows) + 1), rows, period=len(rows)))


def held_out(seed: int) -> int:
    """A draw that never occurs in training."""
    return -1 - seed


def enter(building: Building, weather: Weather, draw: int) -> tuple[Weather, Outside | None]:
    """The weather that a building is simulated in, and what else surrounds it; nothing without a world.

    The same arguments give the same object, so that environments side by side share one, until a file is changed.
    """
    world = building.world
    if world is None:
        return weather, None
    changed = tuple(changed_ns(file) for file in world.files)
    return _enter(world.model_dump_json(), changed, weather, building.step_s, draw)


@functools.lru_cache(maxsize=32)  # a table of 20 signals at 15-minute steps holds 6 MB
def _enter(
    declared: str, changed: tuple[int, ...], weather: Weather, step_s: float, draw: int
) -> tuple[Weather, Outside]:
    """As `enter`; `changed` [ns] makes edited files new ones."""
    world = World.model_validate_json(declared)
    varied = vary(weather, world.weather_variability, world.seed, draw)
    return varied, Outside(world, varied, step_s, draw)
