"""Weather that differs: Ornstein-Uhlenbeck noise and shifts on the columns of a weather file, kept physical.

Humidity follows what it must: the dew point stays at or below the dry bulb, and the relative humidity is that of the
two (over ice below 0 degC, where files differ); the sky's infrared radiation follows its emissivity. Sun and sky are
varied together by one factor, so that nights stay dark and global stays direct plus diffuse. A missing value stays
missing. Equipment is sized for the design days of the file as it was: nobody sizes for noise. (Sinergym's own noise, in
sinergym_weather.py, is kept for parity.)
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field

from .epw import Epw, read_epw
from .folders import own_folder, remove, remove_with
from .known import Array
from .noise import generator, ornstein_uhlenbeck
from .own_file import changed_ns
from .psychrometrics import dew_points_c, relative_humidities_frac
from .quantities import DEW_POINT, DIFFUSE, DIRECT, DRY_BULB, GLOBAL, HUMIDITY, INFRARED, PRESSURE, WIND_SPEED, Quantity
from .strict import Strict
from .weather import Weather

SOLAR = "solar_frac"
_LEAST_PERCENT = 1.0  # of relative humidity: drier air has no dew point that a weather file can hold
VARIED = (*(q.name for q in (DRY_BULB, DEW_POINT, HUMIDITY, PRESSURE, INFRARED, WIND_SPEED)), SOLAR)
"""What noise can be declared on."""


class ColumnNoise(Strict):
    """Noise on one quantity of the weather, new each hour, and a shift. Units are the quantity's.

    Attributes:
        sigma: standard deviation of the noise.
        tau_h: hours after which it has forgotten all but 1 / e of what it was.
        shift: is added to every hour.
    """

    sigma: float = Field(default=0.0, ge=0)
    tau_h: float = Field(default=24.0, gt=0)
    shift: float = 0.0


def vary(weather: Weather, noise: Mapping[str, ColumnNoise], seed: int, draw: int) -> Weather:
    """A weather like the given one, with noise; the same arguments give the same file, in any process.

    Args:
        noise: by the names in VARIED; none: the weather itself.
        draw: which of the possible years.
    """
    if not noise:
        return weather
    declared = "; ".join(f"{name} {noise[name].model_dump_json()}" for name in sorted(noise))
    source = f"{weather.path} {changed_ns(weather.path)}"
    mark = hashlib.sha256(f"{source} {declared} {seed} {draw}".encode()).hexdigest()[:16]
    return _varied(weather, tuple(sorted(noise.items(), key=lambda item: item[0])), seed, draw, mark)


_held: weakref.WeakValueDictionary[str, Weather] = weakref.WeakValueDictionary()


@functools.lru_cache(maxsize=64)
def _varied(weather: Weather, noise: tuple[tuple[str, ColumnNoise], ...], seed: int, draw: int, mark: str) -> Weather:
    """Its file stays as long as it: while a run, or this cache, holds it."""
    if (held := _held.get(mark)) is not None:
        return held
    path = _scratch() / f"{weather.path.stem}-{mark}.epw"
    epw = read_epw(weather.path)
    add_noise(epw, dict(noise), seed, draw, weather.path.stem)
    epw.write(path)
    if (ddy := weather.path.with_suffix(".ddy")).exists():  # for a process that is given only the path
        shutil.copyfile(ddy, path.with_suffix(".ddy"))
    varied = replace(weather, name=f"{weather.name}+noise{draw}", path=path, dry_bulb_c=epw[DRY_BULB.column])
    remove_with(varied, path, path.with_suffix(".ddy"))
    _held[mark] = varied
    return varied


@functools.cache
def _scratch() -> Path:
    folder = own_folder("weather")
    atexit.register(remove, folder)
    return folder


def add_noise(epw: Epw, noise: Mapping[str, ColumnNoise], seed: int, draw: int, place: str) -> None:
    """Varies the columns of a file in memory; each has a generator of its own, by its name and the place's."""

    def varied(quantity: Quantity, values: Array) -> Array:
        if quantity.name not in noise:
            return values
        added = _noise(noise[quantity.name], len(values), generator(seed, draw, "weather", place, quantity.name))
        return np.clip(values + added, *quantity.plausible)

    for quantity in (PRESSURE, WIND_SPEED):
        if quantity.name in noise:
            epw[quantity.column] = varied(quantity, epw[quantity.column])
    if SOLAR in noise:
        added = _noise(noise[SOLAR], len(epw.rows), generator(seed, draw, "weather", place, SOLAR))
        _vary_sun(epw, np.maximum(0.0, 1.0 + added))
    if {DRY_BULB.name, DEW_POINT.name, HUMIDITY.name} & set(noise):
        _vary_air(epw, varied)
    if INFRARED.name in noise:
        epw[INFRARED.column] = varied(INFRARED, epw[INFRARED.column])


def _vary_air(epw: Epw, varied: Callable[[Quantity, Array], Array]) -> None:
    """Dry bulb and dew point, or humidity in its place, and what follows from them."""
    before_c, before_dew_c, humidity = (epw[q.column] for q in (DRY_BULB, DEW_POINT, HUMIDITY))
    dry_c, dew_c = varied(DRY_BULB, before_c), varied(DEW_POINT, before_dew_c)
    if (moved := varied(HUMIDITY, humidity)) is not humidity:
        dew_c = dew_points_c(dry_c, np.maximum(moved, _LEAST_PERCENT) / 100.0)
    dew_c = np.minimum(dew_c, dry_c)
    epw[DRY_BULB.column], epw[DEW_POINT.column] = dry_c, dew_c
    epw[HUMIDITY.column] = 100.0 * relative_humidities_frac(dry_c, dew_c)
    epw[INFRARED.column] = epw[INFRARED.column] * sky_radiation_ratio(before_c, before_dew_c, dry_c, dew_c)


def sky_radiation_ratio(before_c: Array, before_dew_c: Array, after_c: Array, after_dew_c: Array) -> Array:
    """Infrared radiation of the sky after a change of dry bulb and dew point, per that before, under the same clouds.

    emissivity x T^4 (K), emissivity = (0.787 + 0.764 ln(T_dew / 273)) x a factor of the clouds, which cancels.

    Source: EnergyPlus 25.1, Engineering Reference, Climate Calculations (Clark and Allen 1978).
    """

    def clear(dry_c: Array, dew_c: Array) -> Array:
        emissivity = 0.787 + 0.764 * np.log((dew_c + 273.15) / 273.0)
        return np.asarray(emissivity * (dry_c + 273.15) ** 4)

    return np.asarray(clear(after_c, after_dew_c) / clear(before_c, before_dew_c))


def _vary_sun(epw: Epw, factor: Array) -> None:
    """Multiplies global, direct and diffuse radiation, as far as the sun outside the atmosphere allows."""
    radiation = {q.column: epw[q.column] for q in (GLOBAL, DIRECT, DIFFUSE)}
    for column, outside in (
        (GLOBAL.column, "Extraterrestrial Horizontal Radiation"),
        (DIRECT.column, "Extraterrestrial Direct Normal Radiation"),
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            most = np.fmax(1.0, epw[outside] / radiation[column])  # a file that breaks it already stays as it is
        factor = np.where(radiation[column] > 0.0, np.fmin(factor, most), factor)
    for column, values in radiation.items():
        epw[column] = values * factor


def _noise(noise: ColumnNoise, hours: int, rng: np.random.Generator) -> Array:
    return noise.shift + noise.sigma * ornstein_uhlenbeck(hours, 1, noise.tau_h, rng)[:, 0]
