"""How often a controller in shadow and the building's own control agree, and where they do not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from airhandler.buildings.known import Array, known_mean
from airhandler.buildings.points import Point

from .beside import Beside
from .table import Mask

TOLERANCE_FRAC = 0.05
"""Of a set-point's range: nearer than this the two agree. For supply air of 10 K, half a kelvin: what sensors are
sold with."""

_DAY_PARTS = ((0, 6, "at night, 0 to 6"), (6, 12, "6 to 12"), (12, 18, "12 to 18"), (18, 24, "18 to 24"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """A part of the steps, and how far apart the two were in it.

    Attributes:
        words: which.
        steps: how many.
        difference: mean of controller less own control [unit of the set-point].
    """

    words: str
    steps: int
    difference: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How the two agree about one set-point.

    Attributes:
        setpoint: its name.
        unit: of it.
        tolerance: nearer than this they agree [unit].
        agreed_frac: share of known steps in which they do; NaN where none is known.
        known_frac: share of steps in which both are known.
        stood, asked: means [unit].
        difference: mean of controller less own control [unit].
        apart: mean of its size [unit].
        situations: by weather, load and time of day.
    """

    setpoint: str
    unit: str
    tolerance: float
    agreed_frac: float
    known_frac: float
    stood: float
    asked: float
    difference: float
    apart: float
    situations: tuple[Situation, ...]


def agreements(run: Beside) -> tuple[Agreement, ...]:
    """For every set-point of the building."""
    return tuple(_agreement(run, point) for point in run.building.setpoints)


def agreed_frac(run: Beside) -> float:
    """Share of known steps in which the two agree about every set-point."""
    within, known = [], []
    for point in run.building.setpoints:
        apart = np.abs(run.asked[point.name] - run.stood[point.name])
        within.append(apart <= _tolerance(point))
        known.append(np.isfinite(apart))
    both = np.all(known, axis=0)
    return known_mean(np.all(within, axis=0)[both])


def _agreement(run: Beside, point: Point) -> Agreement:
    stood, asked = run.stood[point.name], run.asked[point.name]
    difference = asked - stood
    known = np.isfinite(difference)
    return Agreement(
        setpoint=point.name,
        unit=point.unit,
        tolerance=_tolerance(point),
        agreed_frac=known_mean(np.abs(difference[known]) <= _tolerance(point)),
        known_frac=known_mean(known),
        stood=known_mean(stood[known]),
        asked=known_mean(asked[known]),
        difference=known_mean(difference),
        apart=known_mean(np.abs(difference)),
        situations=tuple(_situations(run, difference)),
    )


def _tolerance(point: Point) -> float:
    return TOLERANCE_FRAC * (point.high - point.low)


def _situations(run: Beside, difference: Array) -> Iterator[Situation]:
    """By quarters of the outdoor temperature, thirds of the load and of the day."""
    parts: list[tuple[str, Mask]] = [*_shares(run.outdoor_c, 4, "outdoors", "degC", 1.0)]
    if run.load_frac is not None:
        parts += _shares(run.load_frac, 3, "load", "%", 100.0)
    hour = run.table.local_time[:-1].astype("datetime64[h]").astype(np.int64) % 24
    parts += [(words, (hour >= begin) & (hour < end)) for begin, end, words in _DAY_PARTS]
    for words, part in parts:
        known = part & np.isfinite(difference)
        if known.any():
            yield Situation(words=words, steps=int(known.sum()), difference=known_mean(difference[known]))


def _shares(values: Array, parts: int, what: str, unit: str, scale: float) -> Iterator[tuple[str, Mask]]:
    """Equal parts of the steps by a value; one part where it hardly varies."""
    known = values[np.isfinite(values)]
    if not known.size:
        return
    ends = np.unique(np.quantile(known, np.linspace(0.0, 1.0, parts + 1)).round(6)).tolist()
    for low, high in itertools.pairwise(ends):
        above = values >= low if low != ends[0] else np.isfinite(values)
        below = values < high if high != ends[-1] else np.isfinite(values)
        yield f"{what} {low * scale:.0f} to {high * scale:.0f} {unit}", above & below
