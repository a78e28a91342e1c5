"""The reward: electricity that control can influence, and kelvins outside the recommended range at the inlets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .catalog import Building
from .energyplus import Array
from .envelope import RECOMMENDED
from .points import Point


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a step cost.

    Attributes:
        reward: `-(controllable_w / power_scale) - weight * exceedance_k`, dimensionless.
        controllable_w: HVAC power and server power above its load-driven floor, averaged over the step.
        exceedance_k: kelvins outside the recommended range, summed over the zones.
    """

    reward: float
    controllable_w: float
    exceedance_k: float


class Reward:
    """Computes `Terms` from the values of a step [len(measured)].

    Server power belongs to it: an inlet that is a kelvin warmer costs leakage and server-fan power, which HVAC
    power or PUE alone would hide.
    """

    def __init__(self, building: Building, measured: Sequence[Point]) -> None:
        index = {p.name: i for i, p in enumerate(measured)}
        file = building.file
        self._hvac, self._it = index[file.meters.hvac], index[file.meters.it]
        self._load = index[file.it_load]
        self._inlets = np.array([index[zone.inlet_temp] for zone in building.zones.values()])
        self._settings = file.reward

    def __call__(self, values: Array) -> Terms:
        s = self._settings
        floor_w = s.it_floor_w.idle + s.it_floor_w.per_load * float(values[self._load])
        controllable_w = float(values[self._hvac] + values[self._it]) - floor_w
        exceedance_k = 0.0
        for inlet_c in values[self._inlets].tolist():
            exceedance_k += max(0.0, inlet_c - RECOMMENDED.high_c, RECOMMENDED.low_c - inlet_c)
        reward = -controllable_w / s.power_scale_w - s.exceedance_weight_per_k * exceedance_k
        return Terms(reward=reward, controllable_w=controllable_w, exceedance_k=exceedance_k)
