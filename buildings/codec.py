"""Codec: Reading -> observation array, action array -> Setpoints. Only this file knows order and scaling."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .catalog import Building
from .errors import UserError
from .known import Array
from .points import Reading, Setpoints

Float32 = NDArray[np.float32]

TIME_FEATURES = ("hour_sin", "hour_cos", "day_sin", "day_cos")


class AbsentValueError(UserError):
    """A reading lacks a value that an observation needs."""


class Codec:
    """Arrays for a learned policy, from points and back.

    An observation is `[time features, observations]`, clipped to -1..1, float32. An action is one number in -1..1
    for each set-point, in the order of the building's set-points: it becomes low..high, times the reading's
    value of `per` where the building file names one, within the limits of the set-point.
    """

    def __init__(self, building: Building) -> None:
        self.observations, self.actions = building.observations, building.actions
        low, high = (np.array([getattr(o, end) for o in self.observations]) for end in ("low", "high"))
        self._gain = 2.0 / (high - low)
        self._offset = -1.0 - low * self._gain
        self._action_low = np.array([a.low for a in self.actions])
        self._action_span = np.array([a.high for a in self.actions]) - self._action_low
        self._action_half, self._action_mid = self._action_span / 2, self._action_low + self._action_span / 2
        self._least = np.array([p.low for p in building.setpoints])
        self._most = np.array([p.high for p in building.setpoints])
        self._setpoints = tuple(a.setpoint for a in self.actions)
        self._buffer = np.empty(len(self.names))
        self._scaled = self._buffer[len(TIME_FEATURES) :]
        # Arrays, because a number would be made one in each step.
        self._ends = -np.ones_like(self._scaled), np.ones_like(self._scaled)
        self._action_ends = -np.ones(len(self.actions), np.float32), np.ones(len(self.actions), np.float32)

    @property
    def names(self) -> tuple[str, ...]:
        """What each entry of an observation is."""
        return TIME_FEATURES + tuple(o.point for o in self.observations)

    def encode(self, reading: Reading) -> Float32:
        """The observation [len(names)] of a reading. Raises AbsentValueError if it lacks a value."""
        return self.encode_values(_values(reading, [o.point for o in self.observations]), reading.time)

    def encode_values(self, values: Array, time: datetime) -> Float32:
        """The observation of values [len(observations)] in the order of the observations."""
        out, scaled = self._buffer, self._scaled
        out[0], out[1] = _of_hour(time.hour, time.minute)
        out[2], out[3] = _of_day(time.toordinal())
        np.multiply(values, self._gain, out=scaled)
        np.add(scaled, self._offset, out=scaled)
        np.maximum(scaled, self._ends[0], out=scaled)
        np.minimum(scaled, self._ends[1], out=scaled)
        return out.astype(np.float32)

    def decode(self, action: NDArray[np.floating[Any]], reading: Reading) -> Setpoints:
        """The Setpoints of an action [len(actions)]. Raises AbsentValueError if the reading lacks a reference."""
        values = self.decode_values(action, self.references(reading))
        return Setpoints(dict(zip(self._setpoints, values.tolist(), strict=True)))

    def decode_values(self, action: NDArray[np.floating[Any]], references: Array) -> Array:
        """Set-points [len(actions)] in physical units; an action outside -1..1 is clipped."""
        least, most = self._action_ends
        wanted = np.minimum(np.maximum(action, least), most) * self._action_half
        wanted += self._action_mid
        wanted *= references
        return np.asarray(np.minimum(np.maximum(wanted, self._least), self._most))

    def encode_setpoints(self, setpoints: Setpoints, reading: Reading) -> Float32:
        """The action [len(actions)] that asks for these set-points, clipped to -1..1."""
        values = np.array([setpoints[name] for name in self._setpoints])
        share = (values / self.references(reading) - self._action_low) / self._action_span
        return np.asarray(np.clip(2.0 * share - 1.0, -1.0, 1.0), dtype=np.float32)

    def references(self, reading: Reading) -> Array:
        """What each action is multiplied with [len(actions)]; 1 where nothing is named."""
        return np.array([1.0 if a.per is None else _values(reading, [a.per])[0] for a in self.actions])


@functools.lru_cache(maxsize=24 * 60)
def _of_hour(hour: int, minute: int) -> tuple[float, float]:
    """Sine and cosine of a time of day."""
    turned = (hour + minute / 60) / 24 * math.tau
    return math.sin(turned), math.cos(turned)


@functools.lru_cache(maxsize=366)
def _of_day(ordinal: int) -> tuple[float, float]:
    """Sine and cosine of a day of the year."""
    turned = date.fromordinal(ordinal).timetuple().tm_yday / 365 * math.tau
    return math.sin(turned), math.cos(turned)


def _values(reading: Reading, names: Sequence[str]) -> Array:
    values = [reading.get(name) for name in names]
    absent = [name for name, value in zip(names, values, strict=True) if value is None or value != value]
    if absent:
        raise AbsentValueError(f"{', '.join(absent)} absent at {reading.time.isoformat()}")
    return np.array(values, dtype=np.float64)
