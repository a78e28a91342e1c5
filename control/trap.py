"""What optimising HVAC power alone does to total energy, by a sweep over one constant supply-air set-point.

Warmer supply air saves HVAC and costs server power. Who looks at HVAC alone, or at PUE, goes on past the optimum; how
far that goes depends on the servers. Airflow stays with the building's own control.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.envelope import RECOMMENDED
from airhandler.buildings.errors import SimulationError, UserError
from airhandler.buildings.instrumentation import InstrumentedRun, measured_points
from airhandler.buildings.model import Period
from airhandler.buildings.processes import begin_job
from airhandler.buildings.weather import find_weather

_KWH_PER_J = 1.0 / 3.6e6


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepRun:
    """One run under one set-point; where EnergyPlus gave up, no energies, and inlets without end.

    Attributes:
        servers: their type.
        supply_c: supply air of every zone, all the time [degC].
        inlet_max_c: warmest inlet of any step.
    """

    servers: str
    supply_c: float
    hvac_kwh: float
    it_kwh: float
    total_kwh: float
    inlet_max_c: float

    @property
    def pue(self) -> float:
        """Total per IT energy."""
        return self.total_kwh / self.it_kwh


def trap_row(run: SweepRun) -> dict[str, object]:
    """A run as one flat record."""
    return {**asdict(run), "pue": run.pue}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trap:
    """Two optima of the same servers: of HVAC energy, and of the total."""

    least_hvac: SweepRun
    least_total: SweepRun


def sweep(
    building: str,
    weather: str,
    period: Period,
    *,
    servers: Sequence[str],
    supplies_c: Sequence[float],
    processes: int,
    on_run: Callable[[SweepRun], None],
) -> list[SweepRun]:
    """Every set-point with every server type. Raises UserError for an unknown name before anything runs."""
    find_weather(weather)
    for name in servers:
        _supply_places(find_building(building, name))
    jobs = [(building, weather, period, name, supply_c) for name in servers for supply_c in supplies_c]
    runs = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(jobs)), mp_context=context, initializer=begin_job) as pool:
        for run in pool.map(_run, jobs):
            on_run(run)
            runs.append(run)
    return runs


def trap(runs: Sequence[SweepRun]) -> Trap:
    """The optima of one server type among the runs that keep every inlet at or below recommended.

    Raises UserError if none does.
    """
    cool = [run for run in runs if run.inlet_max_c <= RECOMMENDED.high_c]
    if not cool:
        raise UserError(
            f"no supply-air set-point of the sweep keeps the inlets at or below {RECOMMENDED.high_c:g} degC"
        )
    return Trap(least_hvac=min(cool, key=lambda r: r.hvac_kwh), least_total=min(cool, key=lambda r: r.total_kwh))


def _run(job: tuple[str, str, Period, str, float]) -> SweepRun:
    """One run; every set-point but the supply air's stays with the building's own control."""
    building_id, weather, period, servers, supply_c = job
    building = find_building(building_id, servers)
    setpoints = np.full(len(building.setpoints), np.nan)
    setpoints[_supply_places(building)] = supply_c
    index = {p.name: i for i, p in enumerate(measured_points(building))}
    meters = building.file.meters
    power = [index[name] for name in (meters.hvac, meters.it, meters.other) if name is not None]
    inlets = [index[zone.inlet_temp] for zone in building.zones.values()]
    energy_j, inlet_max_c = np.zeros(len(power)), -np.inf
    run = InstrumentedRun(building, find_weather(weather), period)
    try:
        run.start()
        while run.steps < run.total_steps and (values := run.step(setpoints)) is not None:
            energy_j += values[power] * building.step_s
            inlet_max_c = max(inlet_max_c, float(values[inlets].max()))
    except SimulationError:  # servers that heat each other past what EnergyPlus computes
        energy_j[:], inlet_max_c = np.nan, np.inf
    finally:
        run.close()
    hvac_kwh, it_kwh = (energy_j[:2] * _KWH_PER_J).tolist()
    total_kwh = float(energy_j.sum()) * _KWH_PER_J
    return SweepRun(
        servers=servers,
        supply_c=supply_c,
        hvac_kwh=hvac_kwh,
        it_kwh=it_kwh,
        total_kwh=total_kwh,
        inlet_max_c=inlet_max_c,
    )


def _supply_places(building: Building) -> list[int]:
    """Where the zones' supply-air set-points stand. Raises UserError for a building without server zones."""
    wanted = {zone.supply_temp_setpoint for zone in building.zones.values()}
    if not wanted:
        raise UserError(f"{building.id}: has no server zones")
    return [i for i, p in enumerate(building.setpoints) if p.name in wanted]
