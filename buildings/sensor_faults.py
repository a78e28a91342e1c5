"""What faulty sensors show: bias, noise, drift, delay, drop-out, stuck, not-a-number, absurd and swapped values.

The truth is only read, never changed. What is random is drawn before the first step, so that a seed decides it alone.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, assert_never

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from .known import Array
from .points import Point, Reading
from .strict import Strict

Kind = Literal["bias", "noise", "drift", "delay", "dropout", "stuck", "nan", "absurd", "swap"]
_VALUED: tuple[Kind, ...] = ("bias", "noise", "drift")
_RANDOM: tuple[Kind, ...] = ("dropout", "stuck")


class SensorFault(Strict):
    """One fault of one sensor.

    Attributes:
        point: the sensor or meter.
        kind: what is wrong with it.
        value: of `bias` and `noise` (standard deviation) [unit of the point], of `drift` [unit per hour], of `absurd`
            what it shows [unit of the point; by default ten ranges above its plausible one]; of `dropout` and `stuck`
            the probability that one begins in a step.
        steps: of `delay` how late it shows, of `dropout` and `stuck` how long each lasts [control steps].
        other: of `swap` the point whose cable it has.
    """

    point: str
    kind: Kind
    value: float | None = None
    steps: int = Field(default=1, ge=1)
    other: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> SensorFault:
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.kind} needs a finite number")
        if self.kind in _VALUED and self.value is None:
            raise ValueError(f"{self.kind} needs a value: POINT:{self.kind}=2")
        if self.kind == "noise" and self.value is not None and self.value < 0:
            raise ValueError("noise needs a standard deviation of 0 or more")
        if self.kind in _RANDOM and not 0 <= (1.0 if self.value is None else self.value) <= 1:
            raise ValueError(f"{self.kind} needs a probability, 0 to 1")
        if (self.kind == "swap") != (self.other is not None):
            raise ValueError("swap, and nothing else, needs another point")
        return self


Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class TimedFault:
    """A sensor's fault and the readings that have it [readings]."""

    fault: SensorFault
    active: Mask


class SensorFaults:
    """The sensors of one run.

    Args:
        faults: in the order in which they act; one on another's result.
        points: of the value arrays, in order.
        step_s: length of a control step [s].
        seed: of what is random.

    Raises KeyError for a fault of a point that is not among them.
    """

    def __init__(self, faults: Sequence[TimedFault], points: Sequence[Point], *, step_s: float, seed: int) -> None:
        index = {p.name: i for i, p in enumerate(points)}
        self._effects = [
            _effect(timed, index, points, step_s / 3600.0, np.random.default_rng([seed, number]))
            for number, timed in enumerate(faults)
        ]
        self._nan = [(t.fault.point, t.active) for t in faults if t.fault.kind == "nan"]
        self._step, self._shown = -1, np.empty(0)

    def seen(self, values: Array, step: int) -> Array:
        """What sensors show of values [points] at a step; absent is NaN. Ask once a step, in order."""
        if step != self._step:
            shown = values.copy()
            for effect in self._effects:
                effect.apply(shown, step)
            self._step, self._shown = step, shown
        return self._shown

    def said(self, reading: Reading, step: int) -> Reading:
        """What is seen at a step as a Reading, with not-a-number where that is shown: it is wrong, and not absent."""
        wrong = {name: math.nan for name, active in self._nan if active[step]}
        return replace(reading, values={**reading.values, **wrong}) if wrong else reading


class _Effect(Protocol):
    def apply(self, shown: Array, step: int) -> None:
        """Changes what is shown [points] at a step."""


@dataclass(frozen=True, eq=False)
class _Added:
    at: int
    added: Array

    def apply(self, shown: Array, step: int) -> None:
        shown[self.at] += self.added[step]


@dataclass(frozen=True, eq=False)
class _Replaced:
    at: int
    active: Mask
    by: float

    def apply(self, shown: Array, step: int) -> None:
        if self.active[step]:
            shown[self.at] = self.by


@dataclass(eq=False)
class _Stuck:
    """Shows the value of its first step on; in a spell that comes and goes that of the step before, if there is one."""

    at: int
    active: Mask
    spells: bool
    held: float = math.nan

    def apply(self, shown: Array, step: int) -> None:
        if step > 0 and self.active[step] and (self.spells or self.active[step - 1]):
            shown[self.at] = self.held
        self.held = float(shown[self.at])


@dataclass(eq=False)
class _Delayed:
    at: int
    active: Mask
    steps: int
    past: deque[float] = field(default_factory=deque)

    def apply(self, shown: Array, step: int) -> None:
        self.past.append(float(shown[self.at]))
        late = self.past[0]
        if len(self.past) > self.steps:
            self.past.popleft()
        if self.active[step]:
            shown[self.at] = late


@dataclass(frozen=True, eq=False)
class _Swapped:
    at: int
    other: int
    active: Mask

    def apply(self, shown: Array, step: int) -> None:
        if self.active[step]:
            shown[[self.at, self.other]] = shown[[self.other, self.at]]


def _effect(
    timed: TimedFault, index: dict[str, int], points: Sequence[Point], step_h: float, draws: np.random.Generator
) -> _Effect:
    fault, active = timed.fault, timed.active
    at, value = index[fault.point], 0.0 if fault.value is None else fault.value
    match fault.kind:
        case "bias":
            return _Added(at, np.where(active, value, 0.0))
        case "noise":
            return _Added(at, np.where(active, value * draws.standard_normal(len(active)), 0.0))
        case "drift":
            begin = int(active.argmax())
            return _Added(at, np.where(active, value * step_h * (np.arange(len(active)) - begin), 0.0))
        case "delay":
            return _Delayed(at, active, fault.steps)
        case "dropout":
            return _Replaced(at, _spells(fault, active, draws), math.nan)
        case "stuck":
            return _Stuck(at, _spells(fault, active, draws), fault.value is not None)
        case "nan":
            return _Replaced(at, active, math.nan)
        case "absurd":
            point = points[at]
            return _Replaced(at, active, point.high + 10.0 * (point.high - point.low) if fault.value is None else value)
        case "swap":
            return _Swapped(at, index[fault.other or ""], active)
        case _:
            assert_never(fault.kind)


def _spells(fault: SensorFault, active: Mask, draws: np.random.Generator) -> Mask:
    """When a fault that comes and goes is there [readings]; without a probability always."""
    probability = 1.0 if fault.value is None else fault.value
    begins = draws.random(len(active)) < probability
    lasting = np.convolve(begins, np.ones(fault.steps))[: len(active)] > 0.5
    return np.asarray(lasting & active)
