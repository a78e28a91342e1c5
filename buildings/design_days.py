"""The days that equipment is sized for: from the DDY file beside a weather file, or from its own hours.

A DDY file names ASHRAE's design conditions (annual heating 99 % and cooling 1 %). Where there is none, the same
percentiles are taken from the weather file's hours. Source: ASHRAE Handbook Fundamentals, climatic design
information (percentiles of the annual hours).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DesignDays = dict[str, dict[str, Any]]

_HEATING, _COOLING = "Ann Htg 99% Condns DB", "Ann Clg 1% Condns DB=>MWB"

# epJSON names of the fields of SizingPeriod:DesignDay in file order, without the name.
# Source: EnergyPlus 25.1 Input Output Reference, SizingPeriod:DesignDay.
FIELDS = (
    "month",
    "day_of_month",
    "day_type",
    "maximum_dry_bulb_temperature",
    "daily_dry_bulb_temperature_range",
    "dry_bulb_temperature_range_modifier_type",
    "dry_bulb_temperature_range_modifier_day_schedule_name",
    "humidity_condition_type",
    "wetbulb_or_dewpoint_at_maximum_dry_bulb",
    "humidity_condition_day_schedule_name",
    "humidity_ratio_at_maximum_dry_bulb",
    "enthalpy_at_maximum_dry_bulb",
    "daily_wet_bulb_temperature_range",
    "barometric_pressure",
    "wind_speed",
    "wind_direction",
    "rain_indicator",
    "snow_indicator",
    "daylight_saving_time_indicator",
    "solar_model_indicator",
    "beam_solar_day_schedule_name",
    "diffuse_solar_day_schedule_name",
    "ashrae_clear_sky_optical_depth_for_beam_irradiance_taub_",
    "ashrae_clear_sky_optical_depth_for_diffuse_irradiance_taud_",
    "sky_clearness",
)
_WHOLE = {"month", "day_of_month"}


def from_ddy(path: Path) -> DesignDays | None:
    """The annual heating 99 % and cooling 1 % days of a DDY file; None if it does not hold both."""
    if not path.exists():
        return None
    text = re.sub(r"!.*", "", path.read_text(encoding="latin-1"))
    days: DesignDays = {}
    for item in text.split(";"):
        kind, *values = (part.strip() for part in item.split(","))
        if kind.lower() == "sizingperiod:designday" and values and values[0].endswith((_HEATING, _COOLING)):
            days[values[0]] = {
                name: typed(name, value) for name, value in zip(FIELDS, values[1:], strict=False) if value
            }
    return days if len(days) == 2 else None


def typed(name: str, value: str) -> Any:
    try:
        return int(value) if name in _WHOLE else float(value)
    except ValueError:
        return {"wetbulb": "WetBulb", "dewpoint": "DewPoint"}.get(value.lower(), value)


def from_hours(dry_bulb_c: NDArray[np.float64], wet_bulb_c: NDArray[np.float64], pressure_pa: float) -> DesignDays:
    """Design days from a year of hours: the 1st and 99th percentile of the dry bulb [n], and the wet bulb then.

    Args:
        dry_bulb_c: hourly dry bulb [n].
        wet_bulb_c: hourly wet bulb [n].
        pressure_pa: mean barometric pressure.
    """
    cold, hot = (float(np.percentile(dry_bulb_c, q)) for q in (1, 99))
    near_hot = np.abs(dry_bulb_c - hot) < 0.5
    hours = np.asarray(dry_bulb_c[: len(dry_bulb_c) // 24 * 24]).reshape(-1, 24)
    hot_days = hours[hours.max(axis=1) >= hot]
    month = 7 if _warm_half(dry_bulb_c) else 1
    common: dict[str, Any] = {
        "barometric_pressure": pressure_pa,
        "humidity_condition_type": "WetBulb",
        "wind_speed": 4.0,
        "wind_direction": 0.0,
        "solar_model_indicator": "ASHRAEClearSky",
    }
    return {
        f"Hours {_HEATING}": {
            **common,
            "month": 8 - month,
            "day_of_month": 21,
            "day_type": "WinterDesignDay",
            "maximum_dry_bulb_temperature": cold,
            "daily_dry_bulb_temperature_range": 0.0,
            "wetbulb_or_dewpoint_at_maximum_dry_bulb": cold,
            "sky_clearness": 0.0,
        },
        f"Hours {_COOLING}": {
            **common,
            "month": month,
            "day_of_month": 21,
            "day_type": "SummerDesignDay",
            "maximum_dry_bulb_temperature": hot,
            "daily_dry_bulb_temperature_range": float(np.mean(np.ptp(hot_days, axis=1))),
            "wetbulb_or_dewpoint_at_maximum_dry_bulb": float(wet_bulb_c[near_hot].mean()),
            "sky_clearness": 1.0,
        },
    }


def _warm_half(dry_bulb_c: Iterable[float]) -> bool:
    """Whether the middle of the year is the warmer half (the northern hemisphere)."""
    hours = np.asarray(list(dry_bulb_c))
    quarter = len(hours) // 4
    return bool(hours[quarter : 3 * quarter].mean() >= np.concatenate([hours[:quarter], hours[3 * quarter :]]).mean())
