"""The servers' load made by a pattern: days, weeks, noise, bursts, uneven zones, and work that moves between them.

Shapes as published traces have them: interactive work follows people's days and weeks, batch work does not, and jobs
come in bursts. Source: Cortez et al., "Resource Central", SOSP 2017 (Azure); Reiss et al., SoCC 2012, and Tirmazi et
al., "Borg: the Next Generation", EuroSys 2020 (Google) (secondary). The figures of the patterns below are our choice
within what these show, and no measurement.

Loads are shares of full load, 0..1, as arrays [steps, zones].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .known import Array
from .noise import ornstein_uhlenbeck

_H_PER_DAY, _DAYS_PER_WEEK = 24.0, 7


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadPattern:
    """What a load is made of.

    Attributes:
        base_frac: mean of the hall on a weekday.
        daily_frac: how far a day rises above its mean, and falls below.
        peak_hour: when it is at its highest [h].
        weekend_frac: what a Saturday and a Sunday lack.
        noise_frac: standard deviation of what wanders about, each zone by itself.
        noise_h: how long it remembers [h].
        bursts_per_day: jobs that come at random, in each zone.
        burst_frac: their greatest height; the least is half of it.
        burst_h: their mean length [h].
        uneven_frac: how much busier the last zone is than the first.
        moving_frac: standard deviation of the work that moves between zones; the hall's load stays.
        moving_h: how long it stays where it went [h].
    """

    base_frac: float
    daily_frac: float = 0.0
    peak_hour: float = 15.0
    weekend_frac: float = 0.0
    noise_frac: float = 0.0
    noise_h: float = 3.0
    bursts_per_day: float = 0.0
    burst_frac: float = 0.0
    burst_h: float = 1.5
    uneven_frac: float = 0.0
    moving_frac: float = 0.0
    moving_h: float = 12.0


PATTERNS: Mapping[str, LoadPattern] = MappingProxyType(
    {
        "daily": LoadPattern(
            base_frac=0.6, daily_frac=0.2, weekend_frac=0.15, noise_frac=0.03, uneven_frac=0.1, moving_frac=0.03
        ),
        "bursty": LoadPattern(
            base_frac=0.5,
            daily_frac=0.1,
            weekend_frac=0.05,
            noise_frac=0.05,
            bursts_per_day=3.0,
            burst_frac=0.4,
            uneven_frac=0.2,
            moving_frac=0.1,
        ),
    }
)
"""The patterns that a command line knows by name."""


def pattern_load(
    pattern: LoadPattern, *, hours: Array, first_weekday: int, zones: int, generator: np.random.Generator
) -> Array:
    """A load [steps, zones], kept to 0..1.

    Args:
        pattern: what it is made of.
        hours: begin of every step, in hours from midnight of the first day [steps].
        first_weekday: weekday of the first day, 0 is Monday.
        zones: how many.
        generator: of everything random.
    """
    step_h = float(hours[1] - hours[0])
    load = _rhythm(pattern, hours, first_weekday)[:, None] + _offsets(pattern, zones)
    load = load + pattern.noise_frac * ornstein_uhlenbeck(len(hours), zones, pattern.noise_h / step_h, generator)
    load += _bursts(pattern, len(hours), zones, step_h, generator)
    moving = ornstein_uhlenbeck(len(hours), zones, pattern.moving_h / step_h, generator)
    load += pattern.moving_frac * (moving - moving.mean(axis=1, keepdims=True))
    return np.clip(load, 0.0, 1.0)


def _rhythm(pattern: LoadPattern, hours: Array, first_weekday: int) -> Array:
    """What days and weeks do to every zone alike [steps]."""
    day = np.cos(2.0 * np.pi * (hours - pattern.peak_hour) / _H_PER_DAY)
    weekday = (first_weekday + hours // _H_PER_DAY) % _DAYS_PER_WEEK
    return pattern.base_frac + pattern.daily_frac * day - pattern.weekend_frac * (weekday >= 5)


def _offsets(pattern: LoadPattern, zones: int) -> Array:
    """How busy each zone is beside the mean [zones]."""
    return pattern.uneven_frac * np.linspace(-0.5, 0.5, zones) if zones > 1 else np.zeros(1)


def _bursts(pattern: LoadPattern, steps: int, zones: int, step_h: float, generator: np.random.Generator) -> Array:
    """Jobs on top, each of some height for some time [steps, zones]."""
    load = np.zeros((steps, zones))
    for zone in range(zones):
        count = generator.poisson(pattern.bursts_per_day * steps * step_h / _H_PER_DAY)
        begins = generator.integers(steps, size=count)
        lengths = np.ceil(generator.exponential(pattern.burst_h / step_h, size=count)).astype(int)
        heights = pattern.burst_frac * generator.uniform(0.5, 1.0, size=count)
        for begin, length, height in zip(begins, lengths, heights, strict=True):
            load[begin : begin + length, zone] += height
    return load
