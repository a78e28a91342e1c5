"""The reward: energy that control can influence, and kelvins outside the range that servers or people need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .catalog import Building
from .comfort import COMFORT
from .envelope import RECOMMENDED
from .known import Array
from .model import edited
from .points import Point
from .server_model import installed_w
from .settings import ZoneRoles


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """What a world weighs in one step; as it stands here it weighs nothing.

    Attributes:
        factor: of the electricity; see `world.PricedReward`.
        cap_kw: what the whole facility is asked to stay below; infinite where nothing is asked.
    """

    factor: float = 1.0
    cap_kw: float = math.inf


UNPRICED = Priced()


class Terms(NamedTuple):  # made in each step: three times as fast as a frozen dataclass
    """What a step cost.

    Attributes:
        reward: `-(controllable_w / power_scale) - weight * exceedance_k`, dimensionless; in a world that has a part
            in it, electricity counts `Priced.factor` times, and less its weight times `over_cap_kw`.
        controllable_w: HVAC power, gas, and server power above its load-driven floor, averaged over the step.
        exceedance_k: kelvins outside the recommended range at the inlets, or outside the comfort range in zones
            that are occupied; summed over the zones.
        over_cap_kw: how far the whole facility was above the cap of an event.
    """

    reward: float
    controllable_w: float
    exceedance_k: float
    over_cap_kw: float


class Reward:
    """Computes `Terms` from the values of a step [len(measured)].

    Server power belongs to it: an inlet that is a kelvin warmer costs leakage and server-fan power, which HVAC
    power or PUE alone would hide.
    """

    def __init__(self, building: Building, measured: Sequence[Point]) -> None:
        index = {p.name: i for i, p in enumerate(measured)}
        meters = building.file.meters
        self._power = [index[name] for name in (meters.hvac, meters.it, meters.gas) if name is not None]
        self._gas = None if meters.gas is None else index[meters.gas]
        self._total = index[meters.total]
        world = building.world
        self._over_cap_per_kw = world.reward.over_cap_per_kw if world is not None and world.reward is not None else 0.0
        # What the servers draw at their load, whatever control does.
        self._floors = [(index[zone.it_load], *floor) for zone, floor in _floors_w(building)]
        self._inlets = [index[zone.inlet_temp] for zone in building.zones.values()]
        self._rooms = [(index[zone.zone_temp], index[zone.occupants]) for zone in building.comfort_zones.values()]
        self._comfort = COMFORT[building.file.shield.comfort_category]
        self._occupied_from = building.file.shield.occupied_from
        self._settings = building.file.reward

    def __call__(self, values: Array, priced: Priced = UNPRICED) -> Terms:
        s, v = self._settings, values.tolist()
        controllable_w = -sum([idle + per_load * v[load] for load, idle, per_load in self._floors])
        for i in self._power:
            controllable_w += v[i]
        exceedance_k = self._outside_k(v)
        over_cap_kw = max(0.0, v[self._total] / 1000.0 - priced.cap_kw)
        reward = -controllable_w / s.power_scale_w - s.exceedance_weight_per_k * exceedance_k
        if priced is not UNPRICED:
            electricity_w = controllable_w - (0.0 if self._gas is None else v[self._gas])
            reward -= (priced.factor - 1.0) * electricity_w / s.power_scale_w + self._over_cap_per_kw * over_cap_kw
        return Terms(reward, controllable_w, exceedance_k, over_cap_kw)

    def _outside_k(self, values: list[float]) -> float:
        exceedance_k = 0.0
        for i in self._inlets:
            inlet_c = values[i]
            if inlet_c > RECOMMENDED.high_c:
                exceedance_k += inlet_c - RECOMMENDED.high_c
            elif inlet_c < RECOMMENDED.low_c:
                exceedance_k += RECOMMENDED.low_c - inlet_c
        for temp, occupants in self._rooms:
            if values[occupants] >= self._occupied_from:
                room_c = values[temp]
                exceedance_k += max(0.0, room_c - self._comfort.high_c, self._comfort.low_c - room_c)
        return exceedance_k


def _floors_w(building: Building) -> list[tuple[ZoneRoles, tuple[float, float]]]:
    """Each server zone with the floor of its servers [W, W]: those that its inlet is read from."""
    if building.servers is None:
        return []
    model = edited(building.file)
    return [
        (zone, building.servers.floor_w(installed_w(model, building.sources[zone.inlet_temp].key or "")))
        for zone in building.zones.values()
    ]
