"""The quantities of the world outside: names, units, plausible ranges, where a weather file has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .points import Point, Role


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """One quantity of the world outside.

    Attributes:
        stem: its name without the unit.
        suffix: the unit, as names end with it.
        unit: the unit, as written for people.
        plausible: low and high [unit].
        observed: what becomes -1 and 1 in an observation [unit].
        help: one line.
        column: of a weather file; "" for a signal.
        relative: whether errors and noise multiply it, so that nights stay dark and still air still.
        at_instant: whether a weather file's row is the value at the end of its hour, and not of the whole hour.
    """

    stem: str
    suffix: str
    unit: str
    plausible: tuple[float, float]
    observed: tuple[float, float]
    help: str
    column: str = ""
    relative: bool = False
    at_instant: bool = True

    @property
    def name(self) -> str:
        """As points are named."""
        return self.stem + self.suffix

    def point(self, lead_h: int = 0, plausible: tuple[float, float] | None = None) -> Point:
        """It as a signal of a building: now, or its forecast so many hours ahead."""
        low, high = plausible or self.plausible
        name = f"{self.stem}_in_{lead_h}h{self.suffix}" if lead_h else self.name
        words = f"{self.help}, forecast {lead_h} h ahead" if lead_h else self.help
        return Point(name=name, unit=self.unit, role=Role.SIGNAL, low=low, high=high, help=words)


def _radiation(stem: str, column: str, words: str) -> Quantity:
    """Solar radiation: of the whole hour, and none at night."""
    return Quantity(
        stem=stem,
        suffix="_w_per_m2",
        unit="W/m2",
        plausible=(0.0, 1500.0),
        observed=(0.0, 1000.0),
        help=words,
        column=column,
        relative=True,
        at_instant=False,
    )


def _by_name(*quantities: Quantity) -> Mapping[str, Quantity]:
    return MappingProxyType({q.name: q for q in quantities})


DRY_BULB = Quantity(
    stem="outdoor_air_temp",
    suffix="_c",
    unit="degC",
    plausible=(-70.0, 70.0),
    observed=(-25.0, 45.0),
    help="Outdoor dry bulb",
    column="Dry Bulb Temperature",
)
DEW_POINT = Quantity(
    stem="outdoor_dew_point_temp",
    suffix="_c",
    unit="degC",
    plausible=(-70.0, 70.0),
    observed=(-30.0, 30.0),
    help="Outdoor dew point",
    column="Dew Point Temperature",
)
HUMIDITY = Quantity(
    stem="outdoor_humidity",
    suffix="_percent",
    unit="%",
    plausible=(0.0, 100.0),
    observed=(0.0, 100.0),
    help="Outdoor relative humidity",
    column="Relative Humidity",
)
PRESSURE = Quantity(
    stem="outdoor_pressure",
    suffix="_pa",
    unit="Pa",
    plausible=(31_000.0, 120_000.0),
    observed=(80_000.0, 105_000.0),
    help="Outdoor air pressure",
    column="Atmospheric Station Pressure",
)
INFRARED = Quantity(
    stem="infrared_radiation",
    suffix="_w_per_m2",
    unit="W/m2",
    plausible=(0.0, 700.0),
    observed=(100.0, 500.0),
    help="Infrared radiation from the sky",
    column="Horizontal Infrared Radiation Intensity",
)
GLOBAL = _radiation("global_radiation", "Global Horizontal Radiation", "Sun and sky on the horizontal")
DIRECT = _radiation("direct_radiation", "Direct Normal Radiation", "Sun alone, facing it")
DIFFUSE = _radiation("diffuse_radiation", "Diffuse Horizontal Radiation", "Sky alone, on the horizontal")
WIND_SPEED = Quantity(
    stem="wind_speed",
    suffix="_m_s",
    unit="m/s",
    plausible=(0.0, 40.0),
    observed=(0.0, 20.0),
    help="Wind speed",
    column="Wind Speed",
    relative=True,
)
WEATHER = _by_name(DRY_BULB, DEW_POINT, HUMIDITY, PRESSURE, INFRARED, GLOBAL, DIRECT, DIFFUSE, WIND_SPEED)
"""Quantities of a weather file, by name. Plausible ranges: EnergyPlus, EPW data dictionary; radiation and infrared
beyond what the ground can receive (secondary)."""

TARIFF = Quantity(
    stem="tariff",
    suffix="_usd_per_kwh",
    unit="USD/kWh",
    plausible=(0.0, 1.0),
    observed=(0.0, 1.0),
    help="Price of electricity",
    relative=True,
)
CARBON = Quantity(
    stem="carbon",
    suffix="_kg_per_kwh",
    unit="kg/kWh",
    plausible=(0.0, 1.2),
    observed=(0.0, 1.2),
    help="Carbon dioxide of the grid's electricity",
    relative=True,
)
EVENT = Quantity(
    stem="event_active",
    suffix="",
    unit="1",
    plausible=(-0.5, 1.5),
    observed=(0.0, 1.0),
    help="Demand-response event: 1 while one is on",
)
EVENT_CAP = Quantity(
    stem="event_cap",
    suffix="_kw",
    unit="kW",
    plausible=(0.0, 1e6),
    observed=(0.0, 1e6),
    help="Power that the facility is asked to stay below; twice the highest cap where none is asked for",
)
