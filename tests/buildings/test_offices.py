"""The offices on real EnergyPlus: the incumbent at rest, energy that adds up, commands that have an effect."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import Building, expand, find_building
from airhandler.buildings.energyplus import Simulation
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period
from airhandler.buildings.points import Role
from airhandler.buildings.settings import Edit, WriteTo
from airhandler.buildings.weather import find_weather
from tests.offices import IDS

pytestmark = [pytest.mark.slow, pytest.mark.forks]

CHICAGO = find_weather("chicago")
NEW_YEAR = (1, 1)
WINTER, SUMMER = (1, 6), (7, 15)  # a Sunday before a cold Monday, and a Monday
COLD, MILD, HOT = 96 + 26, 96 + 56, 60  # steps: Monday at 6:30, when cores are cold too, and at 14:00; 15:00
NOBODY = WriteTo(component="Weather Data", control="Outdoor Dry Bulb", key="Environment")


def makes_commandable(edit: Edit) -> bool:
    return bool(edit.duplicate) or "EnergyManagementSystem:ProgramCallingManager" in edit.add


@functools.cache
def untouched(name: str) -> Building:
    """The building without the edits that make it commandable; its set-points have an actuator that nobody uses."""
    file = find_building(name).file
    edits = tuple(edit for edit in file.source.edits if not makes_commandable(edit))
    assert len(edits) == len(file.source.edits) - 2
    points = tuple(p.model_copy(update={"write": NOBODY}) if p.write else p for p in file.points)
    return expand(file.model_copy(update={"source": file.source.model_copy(update={"edits": edits}), "points": points}))


def at_rest(building: Building, start: tuple[int, int], days: int) -> Array:
    """What is measured in every step while nothing is commanded [steps, measured]."""
    run = InstrumentedRun(building, CHICAGO, Period(start=start, days=days))
    run.start()
    steps = [run.step(run.array(None)) for _ in range(run.total_steps)]
    run.close()
    return np.array(steps)


@functools.cache
def days_at_rest(name: str) -> tuple[Array, Array]:
    """A day in winter and one in summer."""
    building = find_building(name)
    return at_rest(building, WINTER, 1), at_rest(building, SUMMER, 1)


@pytest.mark.parametrize("name", IDS)
def test_without_a_command_the_incumbent_is_untouched_to_the_last_bit(name: str) -> None:
    for ours, start in zip(days_at_rest(name), (WINTER, SUMMER), strict=True):
        np.testing.assert_array_equal(ours, at_rest(untouched(name), start, 1))


@pytest.mark.parametrize("name", IDS)
def test_meters_add_up(name: str) -> None:
    building = find_building(name)
    names = [p.name for p in building.points if p.role.value != "setpoint"]
    meters = building.file.meters
    for day in days_at_rest(name):
        total, hvac, other = (day[:, names.index(m)] for m in (meters.total, meters.hvac, meters.other))
        assert hvac.sum() > 0.0
        np.testing.assert_allclose(hvac + other, total, rtol=0.005)


def moved(building: Building, start: tuple[int, int], moments: Sequence[int]) -> Array:
    """Largest change of power [W] and temperature [K] between the ends of each set-point's range [set-points, 2].

    Each end is held for an hour from each moment (steps from the start), in a branch of its own.
    """
    run = InstrumentedRun(building, CHICAGO, Period(start=start, days=2))
    run.start()

    def hour(index: int, value: float) -> Callable[[], Array]:
        def job() -> Array:
            command = run.array(None)
            command[index] = value
            return np.mean([run.step(command) for _ in range(4)], axis=0)

        return job

    names = [p.name for p in building.points if p.role.value != "setpoint"]
    power = [names.index(m) for m in (building.file.meters.hvac, building.file.meters.gas) if m]
    rooms = [names.index(z.zone_temp) for z in building.comfort_zones.values()]
    jobs = [hour(i, value) for i, p in enumerate(building.setpoints) for value in (p.low, p.high)]
    changes = []
    for moment in moments:
        while run.steps < moment:
            run.step(run.array(None))
        ends = np.array(run.branch(jobs, processes=2))
        change = np.abs(ends[1::2] - ends[::2])
        changes.append(np.column_stack([change[:, power].max(axis=1), change[:, rooms].max(axis=1)]))
    run.close()
    return np.max(changes, axis=0)


@pytest.mark.parametrize("name", IDS)
def test_every_setpoint_moves_power_or_temperature(name: str) -> None:
    building = find_building(name)
    changes = np.maximum(moved(building, WINTER, (COLD, MILD)), moved(building, SUMMER, (HOT,)))
    setpoints = zip(building.setpoints, changes, strict=True)
    assert [p.name for p, (watts, kelvins) in setpoints if watts < 20 and kelvins < 0.05] == []


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("start", [NEW_YEAR, SUMMER])
def test_normal_operation_has_no_severe_errors_and_the_warm_up_ends(
    name: str, start: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Simulation.__init__
    monkeypatch.setattr(Simulation, "__init__", lambda self, **k: begin(self, **{**k, "keep": tmp_path}))
    run = InstrumentedRun(find_building(name), CHICAGO, Period(start=start, days=1))
    run.start()
    commands = np.array([r.fallback for r in run.building.rules])
    while run.step(run.array(None) if run.steps % 8 < 4 else commands) is not None:
        pass
    said = (tmp_path / "eplusout.err").read_text()
    assert "EnergyPlus Completed Successfully" in said
    assert "** Severe" not in said
    assert "exceeding upper temperature limit" not in said


@pytest.mark.parametrize("name", IDS)
def test_a_policy_sees_no_energy_meter(name: str) -> None:
    """Real ones are seldom read each quarter of an hour, and before the first step ends they have nothing to say."""
    building = find_building(name)
    assert [o.point for o in building.observations if building.point(o.point).role is Role.METER] == []
