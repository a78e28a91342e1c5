"""Forecaster: learns from every reading how the zones' air answers, and how far its predictions are off.

In each step every zone's inlet is predicted 1, 2, ... steps ahead, under the set-points that then come to be in force;
when their time has come, the errors move the bounds. The prediction is the balance of prediction.py on supply air that
follows its set-point by forecast.py; leak and bias are fitted by leak_fit.py.

The bounds are quantiles that are tracked: a miss raises one, a hit lowers it, so that whatever the building does, the
share of misses goes to what is nominal.
Source: Angelopoulos, Candes, Tibshirani, Conformal PID control for time series prediction, 2023, quantile tracking;
Gibbs and Candes, Adaptive conformal inference under distribution shift, 2021 (both secondary).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.known import Array
from airhandler.buildings.points import Reading, Setpoints

from .forecast import MOST_BOUND_K, MOST_LEAK_FRAC, Answer, Forecast
from .leak_fit import LeakFit

MISSES = 0.05
"""Nominal share of steps whose error is beyond the bound."""

_RATE_K = 0.02  # a miss raises a bound by 95 % of it, a hit lowers it by 5 %: our choice, measured in docs/safety.md
_TINY_KG_S = 1e-9

_MEASURED = ("inlet_temp", "zone_temp", "supply_temp", "supply_flow", "server_flow")
_COMMANDED = ("supply_temp_setpoint", "supply_flow_setpoint")


class Scored(NamedTuple):
    """How the predictions of one reading's inlets came out.

    Attributes:
        error_k: measured less predicted 1, 2, ... steps before; NaN where there is none [steps, zones].
        bound_k: the bounds as they were then [steps, zones].
    """

    error_k: Array
    bound_k: Array


class Forecaster:
    """What one building shows of itself, step by step.

    Args:
        building: its file has the start values.
        rate_k: how fast the bounds move [K]; 0 leaves them where they start.
    """

    def __init__(self, building: Building, *, rate_k: float = _RATE_K) -> None:
        self._zones = tuple(building.zones.values())
        self._step_s, self._rate_k = building.step_s, rate_k
        self._max_age_s = building.file.shield.max_age_s
        self._least_ratio = building.file.shield.min_flow_ratio
        self._start = building.file.thermal
        leak_frac = self._start.leak_frac
        self._leak_frac = building.file.parameters.get("leak_frac", 0.0) if leak_frac is None else leak_frac
        self._answer = Answer(self._start.follow_frac, self._start.keep_frac, self._start.inlet_lag_steps)
        self._names = [getattr(roles, part) for part in _MEASURED for roles in self._zones]
        self._setpoints = [getattr(roles, part) for part in _COMMANDED for roles in self._zones]
        points = {p.name: p for p in building.points}
        self._low, self._high = (
            np.array([getattr(points[name], end) for name in self._names]).reshape(len(_MEASURED), -1)
            for end in ("low", "high")
        )
        self._time: datetime | None = None
        self.reset()

    @property
    def points(self) -> tuple[str, ...]:
        """The sensors that it learns from."""
        return tuple(dict.fromkeys(self._names))

    def reset(self) -> None:
        """Forgets everything."""
        zones = np.ones(len(self._zones))
        self._fit = LeakFit(min(self._leak_frac, MOST_LEAK_FRAC) * zones, self._start.bias_k * zones)
        self._bound_k = np.outer(np.array(self._start.bound_k), zones)
        self.scored: Scored | None = None
        self._forecast: Forecast | None = None
        self._begin_chain()

    @property
    def forecast(self) -> Forecast | None:
        """What is known until now; None for a building without server zones."""
        if self._forecast is None and self._zones:
            self._forecast = Forecast(
                answer=self._answer,
                leak_frac=self._fit.leak_frac.copy(),
                bias_k=self._fit.bias_k.copy(),
                bound_k=self._bound_k.copy(),
            )
        return self._forecast

    def observe(self, reading: Reading, in_force: Setpoints | None) -> None:
        """Learns from a reading. What is absent or cannot be true teaches nothing, and after a gap nothing follows.

        Args:
            reading: the newest.
            in_force: the set-points that the building was told until now; None while its own control has authority.
        """
        if not self._zones:
            return
        if self._time is not None and not 0.5 < (reading.time - self._time).total_seconds() / self._step_s < 1.5:
            self._begin_chain()
        self._time = reading.time
        with np.errstate(all="ignore"):
            measured = self._sound(reading)
            told = _numbers(in_force.by_name if in_force is not None else {}, self._setpoints).reshape(2, -1)
            self._step(measured, told)
        self._forecast = None

    def _begin_chain(self) -> None:
        """Nothing follows what was before a gap."""
        steps, zones = self._bound_k.shape
        self._time = None
        self._before = np.full((len(_MEASURED), zones), np.nan)
        # Of the predictions that were begun 1, 2, ... steps ago: how far the supply air is off, its set-point, airflow,
        # heat over cp, what the servers draw, leak and bias [7, steps, zones].
        self._begun = np.full((7, steps, zones), np.nan)
        self._due_k = np.full((steps, zones), np.nan)

    def _sound(self, reading: Reading) -> Array:
        """What the zones' sensors show; NaN where it cannot be trusted [measured, zones]."""
        values = _numbers(reading.values, self._names).reshape(len(_MEASURED), -1)
        sound = (values >= self._low) & (values <= self._high)
        if type(reading.age_s) is not dict or reading.age_s:  # a hostile one may raise where it is asked
            age_s = _numbers(reading.age_s, self._names, absent=0.0).reshape(values.shape)
            sound &= np.abs(age_s) <= self._max_age_s
        return np.where(sound, values, np.nan)

    def _step(self, measured: Array, told: Array) -> None:
        inlet_c = measured[0]
        predicted_k = self._advanced(told)
        if self._answer.inlet_lag_steps:
            shown = self._before
            predicted_k, self._due_k = self._due_k, predicted_k
        else:
            shown = measured
        self._score(inlet_c - predicted_k)
        self._fit.learn(*rises_k(inlet_c, shown))
        self._before = measured
        self._begin(measured, told)

    def _advanced(self, told: Array) -> Array:
        """The inlet's air now, as it was predicted 1, 2, ... steps ago under the set-points since [steps, zones]."""
        off_k, setpoint_c, flow, heat, drawn, leak, bias_k = self._begun
        now_c, now_kg_s = (
            np.where(np.isfinite(t), t, before) for t, before in zip(told, (setpoint_c, flow), strict=True)
        )
        off_k = self._answer.keep_frac * off_k - (1.0 - self._answer.follow_frac) * (now_c - setpoint_c)
        self._begun[:3] = off_k, now_c, now_kg_s
        # Later airflows follow the servers: the shield lets none be less than they draw.
        drawn = np.concatenate([drawn[:1], np.minimum(drawn[1:], now_kg_s[1:] / self._least_ratio)])
        share = np.maximum(leak, 1.0 - (1.0 - leak) * now_kg_s / np.maximum(drawn, _TINY_KG_S))
        return np.asarray(now_c + off_k + share * heat / now_kg_s + bias_k)

    def _score(self, error_k: Array) -> None:
        """Errors move the bounds."""
        self.scored = Scored(error_k, self._bound_k)
        moved = self._bound_k + self._rate_k * ((np.abs(error_k) > self._bound_k) - MISSES)
        self._bound_k = np.where(np.isfinite(error_k), np.clip(moved, 0.0, MOST_BOUND_K), self._bound_k)

    def _begin(self, measured: Array, told: Array) -> None:
        """New predictions from this reading, in place of the oldest."""
        _, hot_c, supply_c, flow, drawn = measured
        setpoint_c = np.where(np.isfinite(told[0]), told[0], supply_c)
        told_flow = np.where(np.isfinite(told[1]), told[1], flow)
        heat = np.maximum(0.0, hot_c - supply_c) * np.maximum(0.0, flow)
        self._begun[:, 1:] = self._begun[:, :-1]
        self._begun[:, 0] = (
            supply_c - setpoint_c,
            setpoint_c,
            told_flow,
            heat,
            np.maximum(0.0, drawn),
            self._fit.leak_frac,
            self._fit.bias_k,
        )


def rises_k(inlet_c: Array, measured: Array) -> tuple[Array, Array]:
    """What leak_fit.py calls x and y, of an inlet and the air that it shows [zones]."""
    _, hot_c, supply_c, flow, drawn = measured
    lacking = np.maximum(0.0, 1.0 - flow / np.maximum(drawn, _TINY_KG_S))
    rise_k = hot_c - supply_c
    return (1.0 - lacking) * rise_k, inlet_c - supply_c - lacking * rise_k


def _numbers(values: Mapping[str, object], names: list[str], absent: float = math.nan) -> Array:
    """The values of these names as floats; NaN for one that is no number."""
    try:
        return np.array([values.get(name, absent) for name in names], dtype=float)
    except Exception:  # noqa: BLE001 - whatever hostile values do, they teach nothing
        return np.full(len(names), np.nan)
