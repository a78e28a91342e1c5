"""The inlets of all zones in one situation: several lines of prediction, each with the limit that it must keep.

Line 0 is the air as it is measured, line 1 the air after a step of the servers' load, the others, where there is a
forecast, the steps of the next hour.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from airhandler.buildings.known import Array

from .forecast import Forecast
from .prediction import (
    Hour,
    HourAt,
    Mixing,
    WayBack,
    ZoneAir,
    highest_setpoint_c,
    inlet_temp_c,
    least_flow_kg_s,
    mixing,
)

_SMALL_KG_S = 1e-3  # the step of a slope over the airflow

AS_MEASURED, AFTER_LOAD_STEP, FIRST_OF_HOUR = 0, 1, 2


class Worst(NamedTuple):
    """The line that passes its limit the furthest, in each zone.

    Attributes:
        inlet_c: what the inlet would be [zones].
        line: which line [zones].
    """

    inlet_c: Array
    line: np.ndarray[tuple[int, ...], np.dtype[np.intp]]


class AtFlow(NamedTuple):
    """What hangs on the supply airflow alone.

    Attributes:
        highest_c: the warmest supply-air set-point that keeps every line [zones].
        mixed: of the lines without the hour [2 or 4, zones].
        hour: the other lines; None where there is no forecast.
    """

    highest_c: Array
    mixed: Mixing
    hour: HourAt | None


class Inlets:
    """What the inlets would be under set-points that are asked for.

    Args:
        air: as measured, and after a load step; both again where a greater leak was learned [2 or 4, zones].
        leak_frac: share of hot air whatever the airflow, of each of these [2 or 4, zones].
        targets_c: what they must keep [2 or 4, 1].
        off_k: how far the supply air is off its set-point [zones].
        commanded_c: that set-point [zones].
        forecast: what was learned; None: the first two lines only.
        limit_c: what the other lines must keep, with their margins.
        margin_k: the least margin.
        back: the way to the fallback.
    """

    def __init__(
        self,
        *,
        air: ZoneAir,
        leak_frac: Array,
        targets_c: Array,
        off_k: Array,
        commanded_c: Array,
        forecast: Forecast | None,
        limit_c: float,
        margin_k: float,
        back: WayBack,
    ) -> None:
        self._air, self._leak, self._targets_c = air, leak_frac, targets_c
        self._hour: Hour | None = None
        self._at: dict[bytes, AtFlow] = {}
        self._least: dict[bytes, Array] = {}
        self.margins_k = np.empty((0, 0))
        if forecast is not None:
            measured = ZoneAir(*(part[0] if part.ndim > 1 else part for part in air))
            self._hour = Hour(forecast, measured, off_k, commanded_c, back)
            self.margins_k = np.maximum(margin_k, forecast.bound_k)
            self._hour_targets_c = limit_c - self.margins_k

    def least_flow_kg_s(self, coolest_c: Array) -> Array:
        """The least airflow that keeps the first two lines with the coolest supply air that is left [zones]."""
        key = coolest_c.tobytes()
        if key not in self._least:
            lines = least_flow_kg_s(self._air, self._leak, coolest_c, self._targets_c)
            self._least[key] = np.asarray(np.fmax.reduce(lines))
        return self._least[key]

    def highest_setpoint_c(self, flow_kg_s: Array) -> Array:
        """The warmest supply-air set-point that keeps every line at an airflow [zones]."""
        return self._at_flow(flow_kg_s).highest_c

    def tangents_c(self, flow_kg_s: Array) -> tuple[Array, Array]:
        """The tangents of that over the airflow: at no airflow [degC], and the slope [K per kg/s], each [zones]."""
        at_c, beside_c = self._new_at(np.array([flow_kg_s, flow_kg_s + _SMALL_KG_S])[:, np.newaxis]).highest_c
        slope = (beside_c - at_c) / _SMALL_KG_S
        return at_c - slope * flow_kg_s, slope

    def worst(self, supply_c: Array, flow_kg_s: Array) -> Worst:
        """The line that passes its limit the furthest under these set-points [zones]."""
        inlets_c, beyond_k = self._lines(supply_c, flow_kg_s)
        line = np.argmax(np.where(np.isnan(beyond_k), -np.inf, beyond_k), axis=0)
        return Worst(np.take_along_axis(inlets_c, line[np.newaxis], axis=0)[0], line)

    def left_k(self, supply_c: Array, flow_kg_s: Array) -> tuple[Array, Array]:
        """The inlet of the air as it is measured, and how far it or a step of the hour is beyond its limit [zones].

        Without the load step, which is no more than possible.
        """
        inlets_c, beyond_k = self._lines(supply_c, flow_kg_s)
        beyond_k[AFTER_LOAD_STEP] = -np.inf
        return inlets_c[AS_MEASURED], np.fmax.reduce(beyond_k)

    def _lines(self, supply_c: Array, flow_kg_s: Array) -> tuple[Array, Array]:
        """Every line's inlet, and how far it is beyond what it must keep [lines, zones]."""
        at = self._at_flow(flow_kg_s)
        inlets_c = inlet_temp_c(self._air, self._leak, supply_c, flow_kg_s, at.mixed)
        if len(inlets_c) > FIRST_OF_HOUR:  # once more with a greater leak: the warmer counts
            inlets_c = np.fmax(inlets_c[:FIRST_OF_HOUR], inlets_c[FIRST_OF_HOUR:])
        beyond_k = inlets_c - self._targets_c[:FIRST_OF_HOUR]
        if at.hour is None:
            return inlets_c, beyond_k
        of_hour_c = at.hour.inlets_c(supply_c)
        return np.concatenate([inlets_c, of_hour_c]), np.concatenate([beyond_k, of_hour_c - self._hour_targets_c])

    def _at_flow(self, flow_kg_s: Array) -> AtFlow:
        """Worked out once for each airflow that is asked for: there are few."""
        key = flow_kg_s.tobytes()
        if key not in self._at:
            self._at[key] = self._new_at(flow_kg_s)
        return self._at[key]

    def _new_at(self, flow_kg_s: Array) -> AtFlow:
        mixed = mixing(self._air, self._leak, flow_kg_s)
        lines = highest_setpoint_c(self._air, self._leak, flow_kg_s, self._targets_c, mixed)
        highest_c = np.asarray(np.fmin.reduce(lines, axis=-2))
        if self._hour is None:
            return AtFlow(highest_c, mixed, None)
        hour = self._hour.at(flow_kg_s)
        of_hour_c = hour.highest_setpoints_c(self._hour_targets_c)
        return AtFlow(np.asarray(np.fmin(highest_c, np.fmin.reduce(of_hour_c, axis=-2))), mixed, hour)
