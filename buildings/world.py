"""World: what surrounds a building, as declared: weather that varies, tariff, carbon, events, forecasts of them.

A World gives a building further points with the role `signal`; this file says which. Their values are computed in
outside.py for a simulated site; a real or recorded site gives them as it gives every other point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from .events import DeclaredEvents, DrawnEvents, no_cap_kw
from .forecasts import Forecast
from .points import Point
from .quantities import CARBON, EVENT, EVENT_CAP, TARIFF, WEATHER, Quantity
from .signals import Flat, Range, Series, SyntheticCarbon, TimeOfUse
from .strict import Strict
from .variability import VARIED, ColumnNoise

Tariff = Annotated[Flat | TimeOfUse | Series, Field(discriminator="kind")]
Carbon = Annotated[Flat | TimeOfUse | Series | SyntheticCarbon, Field(discriminator="kind")]


class PricedReward(Strict):
    """How the world weighs in the reward: its energy term is multiplied by

    1 + price_weight (tariff / mean - 1) + carbon_weight (carbon / mean - 1), means over the year without events.

    Attributes:
        price_weight, carbon_weight: 0 to 1, together at most 1; both 0 is the energy alone.
        over_cap_per_kw: what a kilowatt of the whole facility above an event's cap costs in a step [1/kW].
    """

    price_weight: float = Field(default=0.0, ge=0, le=1)
    carbon_weight: float = Field(default=0.0, ge=0, le=1)
    over_cap_per_kw: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _at_most_all(self) -> PricedReward:
        if self.price_weight + self.carbon_weight > 1.0:
            raise ValueError("price_weight and carbon_weight: together at most 1")
        return self


class World(Strict):
    """What surrounds a building.

    Attributes:
        name: what readers know it by; where none is given, the name of the file that it was read from.
        seed: of everything that is drawn.
        draws: how many different years training draws from; an evaluation has years of its own.
        weather_variability: noise by quantity of the weather; see variability.py.
        tariff_range, carbon_range: low and high of the signal and of its observation; a value outside is refused.
        forecasts: each becomes points such as `outdoor_air_temp_in_6h_c`.
        reward: without it, the reward is what it is without a world.
    """

    name: str | None = None
    seed: int = Field(default=0, ge=0)
    draws: int = Field(default=1, ge=1, le=1000)
    weather_variability: dict[str, ColumnNoise] = Field(default_factory=dict)
    tariff_usd_per_kwh: Tariff | None = None
    tariff_range: Range = TARIFF.plausible
    carbon_kg_per_kwh: Carbon | None = None
    carbon_range: Range = CARBON.plausible
    events: Annotated[DeclaredEvents | DrawnEvents, Field(discriminator="kind")] | None = None
    forecasts: tuple[Forecast, ...] = Field(default=(), strict=False)
    reward: PricedReward | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> World:
        for name, (low, high) in (("tariff_range", self.tariff_range), ("carbon_range", self.carbon_range)):
            if not low < high:
                raise ValueError(f"{name} {[low, high]}: low must be below high")
        if unknown := sorted(set(self.weather_variability) - set(VARIED)):
            raise ValueError(f"weather_variability: {', '.join(unknown)}: must be among {', '.join(VARIED)}")
        if {"outdoor_dew_point_temp_c", "outdoor_humidity_percent"} <= set(self.weather_variability):
            raise ValueError("weather_variability: give the dew point or the humidity: each follows from the other")
        if len({f.of for f in self.forecasts}) < len(self.forecasts):
            raise ValueError("forecasts: name each quantity once, with all its leads")
        self._check_forecasts()
        self._check_reward()
        return self

    @property
    def words(self) -> str:
        """Its name and a few characters that tell it from another world, for titles and reports."""
        mark = hashlib.sha256(self.model_dump_json(exclude={"name"}).encode()).hexdigest()[:6]
        return mark if self.name is None else f"{self.name} ({mark})"

    @property
    def capped(self) -> bool:
        """Whether an event has a cap."""
        return self.events is not None and bool(self.events.caps_kw)

    @property
    def files(self) -> tuple[Path, ...]:
        """What its signals are read from."""
        declared = (self.tariff_usd_per_kwh, self.carbon_kg_per_kwh)
        return tuple(Path(one.file).expanduser() for one in declared if isinstance(one, Series))

    def signals(self) -> Iterator[tuple[Point, tuple[float, float]]]:
        """The points that it adds to a building, in order, each with what becomes -1 and 1 in an observation."""
        if self.tariff_usd_per_kwh is not None:
            yield TARIFF.point(plausible=self.tariff_range), self.tariff_range
        if self.carbon_kg_per_kwh is not None:
            yield CARBON.point(plausible=self.carbon_range), self.carbon_range
        if self.events is not None:
            yield EVENT.point(), EVENT.observed
            if self.capped:
                yield EVENT_CAP.point(), (0.0, no_cap_kw(self.events))
        for forecast in self.forecasts:
            quantity, (plausible, observed) = quantity_of(forecast.of), self._ranges(forecast.of)
            for lead_h in forecast.leads_h:
                yield quantity.point(lead_h, plausible), observed

    def within(self, folder: Path) -> World:
        """It with files that were named relative to a folder."""
        changes = {
            name: declared.model_copy(update={"file": str(folder / Path(declared.file).expanduser())})
            for name in (TARIFF.name, CARBON.name)
            if isinstance(declared := getattr(self, name), Series)
        }
        return self.model_copy(update=changes) if changes else self

    def _ranges(self, name: str) -> tuple[tuple[float, float], tuple[float, float]]:
        declared = {TARIFF.name: self.tariff_range, CARBON.name: self.carbon_range}
        quantity = quantity_of(name)
        return declared.get(name, quantity.plausible), declared.get(name, quantity.observed)

    def _check_forecasts(self) -> None:
        has = {
            TARIFF.name: self.tariff_usd_per_kwh is not None,
            CARBON.name: self.carbon_kg_per_kwh is not None,
            EVENT.name: self.events is not None,
        }
        for forecast in self.forecasts:
            if not has.get(forecast.of, True):
                raise ValueError(f"forecasts: of {forecast.of}, which this world does not have")
            notice_h = self.events.notice_h if self.events is not None else 0
            if forecast.of == EVENT.name and forecast.model == "published" and forecast.leads_h[-1] > notice_h:
                raise ValueError(f"forecasts: {EVENT.name} is announced {notice_h} h ahead, not {forecast.leads_h[-1]}")

    def _check_reward(self) -> None:
        reward = self.reward or PricedReward()
        for weight, has, name in (
            (reward.price_weight, self.tariff_usd_per_kwh is not None, "price_weight: a tariff"),
            (reward.carbon_weight, self.carbon_kg_per_kwh is not None, "carbon_weight: a carbon intensity"),
            (reward.over_cap_per_kw, self.capped, "over_cap_per_kw: an event with cap_kw"),
        ):
            if weight and not has:
                raise ValueError(f"reward.{name} is needed, which this world does not have")


def quantity_of(name: str) -> Quantity:
    """What can be forecast, by name."""
    return {**WEATHER, TARIFF.name: TARIFF, CARBON.name: CARBON, EVENT.name: EVENT}[name]
