"""Caps on power: what the supply fans may draw, and when the supply air is made no cooler for the power of cooling.

Both come after what the servers need: a cap is money or a fuse that is watched elsewhere, an inlet is not. So a cap can
be passed, and then a remark says so. The fallback does not look at them.

A meter that says nothing, or nothing that can be true, is met by standing still: no more air, and no cooler.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from airhandler.buildings.catalog import Building
from airhandler.buildings.settings import ShieldFile

from .box import Box, Case
from .inlet_guard import InletGuard
from .operator_limits import OperatorFile
from .zones import ZonePart


class Cap(NamedTuple):
    """A cap [W], and who set it."""

    cap_w: float
    by: str


def cap_of(name: str, settings: ShieldFile, operator: OperatorFile | None) -> Cap | None:
    """The lower of the building's cap and the operator's; None where neither is set."""
    caps = [Cap(own_w, "")] if (own_w := getattr(settings, name)) is not None else []
    if operator is not None and (by_hand_w := getattr(operator, name)) is not None:
        why = f" ({operator.why})" if operator.why else ""
        caps.append(Cap(by_hand_w, f" by hand{why}"))
    return min(caps, default=None)


class FanPowerCap:
    """Supply airflow of all zones such that the fans draw no more than a cap.

    The power goes with the cube of the airflow, from what both are now. Where the real curve is flatter, a step up is
    held lower than it need be, and a step down does not suffice: the next one goes further. Every zone gets the same
    multiple of what its servers draw, so none is starved for another.
    Source: affinity laws of fans, ASHRAE Handbook HVAC Systems and Equipment, ch. 21 (secondary).

    It comes after the least airflow, and asks the inlet guard first what air that will need.
    """

    name = "fan-power"
    readings = 1

    def __init__(self, zones: tuple[ZonePart, ...], building: Building, guard: InletGuard, cap: Cap) -> None:
        self._zones, self._guard, self._cap = zones, guard, cap
        self._meter = building.file.meters.fans
        self._flows = [zone.flow for zone in zones]
        self._supply_flows = [zone.roles.supply_flow for zone in zones]
        self._server_flows = [zone.roles.server_flow for zone in zones]
        self.watches = frozenset({self._meter})

    def narrow(self, box: Box, case: Case) -> None:
        """One high bound for each zone, after what the inlet guard needs."""
        self._guard.ask_for_air(box, case)
        multiple = self._multiple(case)
        if multiple is None:
            most = [case.base[index] for index in self._flows]
        else:
            most = [multiple * case.values[name] for name in self._server_flows]
        box.all_at_most(self._flows, most, self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """What the fans draw, and the cap."""
        if self._multiple(case) is None:
            return f"what the fans draw is not known, cap {_kw(self._cap.cap_w)}{self._cap.by}"
        return self._words(f"fans draw {_kw(case.recent[-1][self._meter])}")

    def remarks(self, box: Box, case: Case) -> Iterable[str]:
        """Where the servers need more than the cap leaves."""
        power_w, moved = case.recent[-1].get(self._meter), self._moved(case)
        if power_w is None or moved <= 0.0:
            return
        given_w = power_w * sum([flow_kg_s**3 for flow_kg_s in box.given_of(self._flows)]) / moved
        if given_w > self._cap.cap_w * 1.001:  # less than that is rounding, or nobody's concern
            yield self._words(f"fans will draw about {_kw(given_w)}") + ": other rules permit no less air"

    def _multiple(self, case: Case) -> float | None:
        """Airflow under the cap as a multiple of what the servers draw; None where that is not known."""
        power_w, moved = case.recent[-1].get(self._meter, 0.0), self._moved(case)
        drawn = _cubes(case.values, self._server_flows)
        if power_w <= 0.0 or moved <= 0.0 or drawn <= 0.0:
            return None
        return math.cbrt(self._cap.cap_w / power_w * moved / drawn)

    def _moved(self, case: Case) -> float:
        """Sum of the cubes of the airflows now [kg3/s3]."""
        return _cubes(case.values, self._supply_flows)

    def _words(self, what: str) -> str:
        return f"{what}, cap {_kw(self._cap.cap_w)}{self._cap.by}"


class CoolingPowerCap:
    """Supply air no cooler than it stands while cooling draws more than a cap.

    Cooling is all of heating, ventilation and air conditioning but the supply fans: compressors, pumps, towers. What a
    cooler set-point costs depends on weather and equipment, so only the way is decided here, not how far.

    It comes after the inlet guard, which cools whatever that costs.
    """

    name = "cooling-power"
    readings = 1

    def __init__(self, zones: tuple[ZonePart, ...], building: Building, cap: Cap) -> None:
        self._zones, self._cap, meters = zones, cap, building.file.meters
        self._all, self._fans = meters.hvac, meters.fans
        self.watches = frozenset({self._all, self._fans})

    def narrow(self, box: Box, case: Case) -> None:
        """One low bound for each zone, while the cap is passed or nobody knows."""
        power_w = self._power_w(case)
        if power_w is None or power_w > self._cap.cap_w:
            for zone in self._zones:
                box.at_least(zone.temp, case.base[zone.temp], self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """What cooling draws, and the cap."""
        power_w = self._power_w(case)
        draws = "what cooling draws is not known" if power_w is None else f"cooling draws {_kw(power_w)}"
        return f"{draws}, cap {_kw(self._cap.cap_w)}{self._cap.by}: no cooler than it stands"

    def remarks(self, box: Box, case: Case) -> Iterable[str]:
        """Where cooling passes the cap."""
        power_w = self._power_w(case)
        if power_w is not None and power_w > self._cap.cap_w:
            yield f"cooling draws {_kw(power_w)}, cap {_kw(self._cap.cap_w)}{self._cap.by}"

    def _power_w(self, case: Case) -> float | None:
        now = case.recent[-1]
        return now[self._all] - now[self._fans] if self.watches <= now.keys() else None


def _cubes(values: Mapping[str, float], names: Iterable[str]) -> float:
    found = [values[name] for name in names]
    return sum([value**3 for value in found if value > 0.0])


def _kw(power_w: float) -> str:
    return f"{power_w / 1000:.1f} kW"
