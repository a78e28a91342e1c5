"""Fakes for time and units: a site whose readings are given, a clock that only counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Point, Reading, Setpoints
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written

BUILDING = find_building("datacentre-dx")
BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
STEP = timedelta(seconds=BUILDING.step_s)


def healthy(number: int = 0, **changes: float | None) -> Reading:
    """A plausible reading of the building at step `number`; every value moves a little from step to step."""
    values: dict[str, float | None] = {}
    typical = {
        "outdoor_air_temp_c": 20.0,
        "outdoor_wet_bulb_temp_c": 15.0,
        "outdoor_dew_point_temp_c": 12.0,
        "it_load_frac": 0.8,
        "zone_temp_c": 33.0,
        "inlet_temp_c": 23.0,
        "inlet_dew_point_c": 10.0,
        "server_outlet_temp_c": 35.0,
        "supply_air_temp_c": 22.0,
        "supply_airflow_kg_s": 3.9,
        "server_airflow_kg_s": 3.5,
        "mixed_air_temp_c": 22.0,
    }
    for point in BUILDING.points:
        if point.role.value != "setpoint":
            name = point.name.removeprefix("east_").removeprefix("west_")
            values[point.name] = typical.get(name, 1000.0) + 0.001 * (number % 7)
    return Reading(time=BEGIN + number * STEP, values={**values, **changes})


@dataclass
class FakeSite:
    """Gives readings one after the other; an exception in their place is raised."""

    readings: Iterable[Reading | Exception]
    points: tuple[Point, ...] = BUILDING.points
    closed: bool = False

    def __post_init__(self) -> None:
        self._next = iter(self.readings)

    def read(self) -> Reading:
        reading = next(self._next, SiteError("no more readings"))
        if isinstance(reading, Exception):
            raise reading
        return reading

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeClock:
    """Counts steps; ends after `steps` of them."""

    steps: int
    time: datetime = BEGIN

    def now(self) -> datetime:
        return self.time

    def sleep_until(self, when: datetime) -> bool:
        if self.steps == 0:
            return False
        self.steps, self.time = self.steps - 1, when
        return True


@dataclass
class FakeWriter:
    """Notes what was written; fails in the writes that `fails` says, and keeps authority as often as `keeps` says.

    Attributes:
        error: is raised where it would say that it failed.
    """

    fails: Callable[[int], bool] = lambda number: False
    keeps: int = 0
    error: Exception | None = None
    written: list[Setpoints] = field(default_factory=list)
    relinquished: int = 0

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        self.written.append(setpoints)
        return self._failed() if self.fails(len(self.written) - 1) else Written()

    def relinquish(self) -> WriteOutcome:
        self.relinquished += 1
        return self._failed() if self.relinquished <= self.keeps else Written()

    def _failed(self) -> WriteOutcome:
        if self.error is not None:
            raise self.error
        return WriteFailed(reason="refused")


class FakeController:
    """Proposes what a function of the reading says; the function may raise."""

    name = "fake"

    def __init__(self, propose: Callable[[Reading], Setpoints]) -> None:
        self.propose = propose

    def reset(self) -> None:
        pass
