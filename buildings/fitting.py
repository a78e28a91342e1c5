"""From a Scenario to what it is for one run of a building: its model, drives, sensors and actuators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .actuators import Actuators
from .catalog import Building
from .errors import UserError
from .faults import Fault, check_within, forced, read_faults, sensors_of, steps_of
from .instrumentation import InstrumentedRun
from .known import Array
from .load import it_load
from .model import Period
from .random_quantities import Randomise
from .randomise import Drawn, draw, varied
from .scenario import Scenario
from .sensor_faults import SensorFaults
from .stress import find_stress, stress_faults
from .weather import Weather


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitting:
    """What a scenario is to one run.

    Attributes:
        building: whose model runs: with the parameters that were drawn.
        drives: what the world puts on drives, with what faults force on them.
        forced: on set-points; see `InstrumentedRun`.
        actuators: how commands arrive; None where they arrive as they are.
        sensors: None where nothing is wrong with them.
        randomised: what was drawn, by name.
    """

    building: Building
    drives: Mapping[str, Array]
    forced: Mapping[str, Array]
    actuators: Actuators | None
    sensors: SensorFaults | None
    randomised: Mapping[str, float]

    def run(self, weather: Weather, period: Period, *, breakable: bool = False) -> InstrumentedRun:
        """The run, not yet started.

        Args:
            breakable: whether every fault of the building's equipment can be forced on it while it runs.
        """
        arrive = None if self.actuators is None else self.actuators.arrive
        drives = {**_at_rest(self.building, period), **self.drives} if breakable else self.drives
        return InstrumentedRun(self.building, weather, period, drives, forced=self.forced, arrive=arrive)


def fit(scenario: Scenario, building: Building, period: Period, *, variant: int, seed: int) -> Fitting:
    """What a scenario is to one run of a building.

    Args:
        variant: which of the models that `randomise` declares; see `randomise.draw`.
        seed: of everything else that is random.

    Raises UserError that says what is wrong and what there is.
    """
    drawn = draw(randomise_of(scenario, building), building, variant=variant, seed=seed)
    steps = steps_of(building, period)
    drives = _drives(scenario, building, period, drawn, seed)
    ordinary = tuple(Fault(text=f"{s.point}:{s.kind}", sensor=s) for s in drawn.sensors)
    faults = ordinary + faults_of(scenario, building)
    force = forced(faults, building, period)
    driven = {d.name for d in building.drives}
    on_drives = {name: _over(values, drives.get(name)) for name, values in force.items() if name in driven}
    stress = None if scenario.stress is None else find_stress(scenario.stress)
    return Fitting(
        building=varied(building, drawn.parameters),
        drives={**drives, **on_drives},
        forced={name: values for name, values in force.items() if name not in driven},
        actuators=None if stress is None else Actuators(stress, building.setpoints, steps=steps, seed=seed),
        sensors=sensors_of(faults, building, period, seed=seed),
        randomised=drawn.values,
    )


def faults_of(scenario: Scenario, building: Building) -> tuple[Fault, ...]:
    """The faults of a scenario, those of its stress first: a sensor that is stuck is not noisy. Raises UserError."""
    stress = () if scenario.stress is None else stress_faults(scenario.stress, building)
    return stress + read_faults(scenario.faults, building)


def randomise_of(scenario: Scenario, building: Building) -> Randomise | None:
    """What is drawn for each run: under stress by default the physics of the building file's own section."""
    if scenario.randomise is not None or scenario.stress is None or building.file.randomise is None:
        return scenario.randomise
    return building.file.randomise.physics


def check_scenario(scenario: Scenario, building: Building, period: Period, *, variant: int, seed: int) -> None:
    """Raises UserError for a scenario that does not fit a run, or a fault that no step of it has."""
    fit(scenario, building, period, variant=variant, seed=seed)
    check_within(read_faults(scenario.faults, building), building, period)


def _drives(scenario: Scenario, building: Building, period: Period, drawn: Drawn, seed: int) -> dict[str, Array]:
    steps = steps_of(building, period)
    drives = {name: np.full(steps, value) for name, value in drawn.drives.items()}
    if scenario.it_load is None:
        return drives
    load = it_load(building, scenario.it_load, period, seed=seed)
    if both := sorted(set(drives) & set(load)):
        raise UserError(f"{building.id}: {', '.join(both)}: both drawn by randomise and commanded by it_load")
    return drives | load


def _at_rest(building: Building, period: Period) -> dict[str, Array]:
    """The drives that faults force, all left to the model."""
    forced = {name for fault in building.faults.values() for name in fault.force}
    rest = np.full(steps_of(building, period), np.nan)
    return {drive.name: rest for drive in building.drives if drive.name in forced}


def _over(force: Array, drive: Array | None) -> Array:
    return force if drive is None else np.where(np.isnan(force), drive, force)
