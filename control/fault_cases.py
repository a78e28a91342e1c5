"""The cases of `airhandler bench faults`: every fault of a building, on models other than the shield knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.instrumentation import measured_points
from airhandler.buildings.model import Period
from airhandler.buildings.points import Point
from airhandler.buildings.random_quantities import Randomise, RandomQuantity
from airhandler.buildings.scenario import Scenario
from airhandler.buildings.templates import for_zone, places
from airhandler.safety.sensors import needed_points

EQUIPMENT_BEGINS_H = (26, 38)
"""Hours from the begin of a run to a fault of the equipment: two at night, when the servers' load is least and a step
of it greatest, and two in the afternoon, when a hot day is hottest."""

SENSOR_BEGINS_H = 24
"""The same for a sensor's, which lasts to the end."""

MISMATCHES = (0.0, 0.2, -0.2)
"""By how much the model is worse than what the shield knows: above 0 all of its parameters at once."""

_WORSE: Mapping[str, int] = {"leak_frac": 1, "it_w_per_m2": 1, "it_w_per_server": 1, "coil_capacity_w": -1}
"""What the shield's balance and its fallback rest on, and which way is worse: leak, servers' heat, coil's capacity."""

_FOULED = "{zone}_coil_fouling_frac"
"""Where a coil has no capacity of its own in the file it can be fouled; cleaner than clean it cannot be."""

_SIZES: Mapping[str, tuple[float, float, float]] = {
    "degC": (2.0, 0.5, 0.1),
    "kg/s": (0.5, 0.2, 0.05),
    "1": (0.2, 0.05, 0.01),
}
"""For each unit: a bias, the standard deviation of a noise, a drift per hour. Four times what a sensor is sold with,
and what one that is failing does: our choice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultCase:
    """One run.

    Attributes:
        fault: as on the command line, without its time; empty: nothing is wrong.
        kind: what is wrong, without the point: `bias=-2`, `dead-fan-east`.
        point: the sensor that is wrong; empty for equipment.
        mismatch_frac: as in `MISMATCHES`.
        begin_h: when it begins, from the begin of the run [h].
    """

    fault: str
    kind: str
    point: str
    mismatch_frac: float
    begin_h: int

    def scenario(self, building: Building, period: Period) -> Scenario:
        """What the run is put through."""
        begin = datetime(*period.first.timetuple()[:3]) + timedelta(hours=self.begin_h)  # noqa: DTZ001 - building's clock
        faults = (f"{self.fault}@{begin:%m-%dT%H:%M}",) if self.fault else ()
        return Scenario(faults=faults, randomise=mismatch(building, self.mismatch_frac))


def fault_cases(building: Building) -> list[FaultCase]:
    """Every case of a building. Raises UserError for one without server zones."""
    if not building.zones:
        raise UserError(f"{building.id} has no server zones: there are no inlets that a fault could make too warm")
    faults = [("", "nothing", "", SENSOR_BEGINS_H), *_equipment(building), *_sensors(building)]
    return [
        FaultCase(fault=fault, kind=kind, point=point, begin_h=begin_h, mismatch_frac=share)
        for fault, kind, point, begin_h in faults
        for share in MISMATCHES
    ]


def mismatch(building: Building, share: float) -> Randomise | None:
    """A model that is worse by a share in all that the shield rests on (better, below 0); None for none."""
    known = building.file.parameters
    quantities = [
        RandomQuantity(parameter=name, choice=(known[name] * (1.0 + way * share),), why="mismatch")
        for name, way in _WORSE.items()
        if name in known
    ]
    drives = {d.name for d in building.drives}
    if "coil_capacity_w" not in known and share > 0.0 and drives.issuperset(_written_out(_FOULED, building)):
        quantities.append(RandomQuantity(drive=_FOULED, choice=(share,), why="mismatch"))
    return Randomise(quantities=tuple(quantities)) if share and quantities else None


def _written_out(template: str, building: Building) -> list[str]:
    file = building.file
    return [template if zone is None else for_zone(template, zone, file) for zone in places(template, file)]


_Found = tuple[str, str, str, int]


def _equipment(building: Building) -> Iterator[_Found]:
    for name in building.faults:
        yield from ((name, name, "", begin_h) for begin_h in EQUIPMENT_BEGINS_H)


def _sensors(building: Building) -> Iterator[_Found]:
    needed = needed_points(building)
    for point in measured_points(building):
        if point.name in needed:
            for kind in _kinds(point, building):
                yield f"{point.name}:{kind}", kind, point.name, SENSOR_BEGINS_H


def _kinds(point: Point, building: Building) -> Iterator[str]:
    bias, noise, drift = _SIZES[point.unit]
    yield from (f"bias={bias:g}", f"bias={-bias:g}", f"drift={drift:g}", f"drift={-drift:g}", f"noise={noise:g}")
    yield from ("delay=4", "dropout=0.05x3", "stuck", "nan", "absurd")
    if other := _neighbour(point.name, building):
        yield f"swap={other}"


def _neighbour(name: str, building: Building) -> str | None:
    """The sensor of the next zone that plays the same part; None where there is none."""
    zones = [roles.model_dump() for roles in building.zones.values()]
    for number, roles in enumerate(zones):
        for part, point in roles.items():
            other = zones[(number + 1) % len(zones)][part]
            if point == name and other != name:
                return str(other)
    return None
