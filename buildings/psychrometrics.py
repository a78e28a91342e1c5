"""The few properties of moist air that are needed here, in SI. Source: psychrolib 2.5 (ASHRAE Handbook 2017, ch. 1)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import psychrolib

from .known import Array

psychrolib.SetUnitSystem(psychrolib.SI)


def wet_bulb_c(dry_bulb_c: float, dew_point_c: float, pressure_pa: float) -> float:
    """Wet bulb [degC] from dry bulb [degC], dew point [degC] and pressure [Pa]."""
    return float(psychrolib.GetTWetBulbFromTDewPoint(dry_bulb_c, dew_point_c, pressure_pa))


def relative_humidities_frac(dry_bulb_c: Array, dew_point_c: Array) -> Array:
    """Relative humidity, 0..1, from dry bulb and a dew point not above it [n, degC]; NaN gives NaN."""
    vapour, saturated = (_saturation_pressures_pa(t) for t in (dew_point_c, dry_bulb_c))
    return np.asarray(np.minimum(1.0, vapour / saturated))


def dew_points_c(dry_bulb_c: Array, humidity_frac: Array) -> Array:
    """Dew point [n, degC] from dry bulb [degC] and relative humidity above 0, to 1; NaN gives NaN."""
    wanted = _saturation_pressures_pa(dry_bulb_c) * humidity_frac
    return np.asarray(np.interp(np.log(wanted), *_by_pressure()))


def dry_bulbs_c(dew_points_c: Sequence[float], humidity_frac: float) -> list[float]:
    """Dry bulbs [degC] at which air of these dew points has a relative humidity above 0, to 1: warmer air is drier."""
    log_pa, temp_c = _by_pressure()
    wanted = np.interp(dew_points_c, temp_c, log_pa) - math.log(humidity_frac)
    found: list[float] = np.interp(wanted, log_pa, temp_c).tolist()
    return found


@functools.cache
def _by_pressure() -> tuple[Array, Array]:
    """Logarithm of the saturation pressure [log Pa], and the temperature [degC]: both rise, so it reads backwards."""
    grid = np.union1d(np.arange(-99.0, 100.0, 0.05), [psychrolib.TRIPLE_POINT_WATER_SI])  # from ice to water
    return np.log(_saturation_pressures_pa(grid)), grid


def _saturation_pressures_pa(temp_c: Array) -> Array:
    """Saturation pressure over water, or ice below 0 degC [n, Pa]."""
    return np.array([math.nan if t != t else psychrolib.GetSatVapPres(t) for t in temp_c.tolist()])
