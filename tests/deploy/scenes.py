"""Scenes for the tests of deploy: readings, ticks, recordings, and controllers and sites that obey."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.codec import TIME_FEATURES
from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Reading, Role, Setpoints
from airhandler.buildings.scenario import Scenario
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written
from airhandler.control.bundle import Provenance, save_bundle
from airhandler.control.tick import Stage, Tick
from airhandler.deploy.connectors.connection import Connection, ReadOnly, View
from airhandler.deploy.connectors.recorded import RecordedClock, RecordedSite, write_recording
from airhandler.deploy.connectors.recording import recording_of
from airhandler.deploy.settings import RunSettings
from airhandler.deploy.standing import OnBus, Standing
from airhandler.safety.verdict import Allowed, Proposal, Verdict

START = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
STEP = dt.timedelta(minutes=15)
PROVENANCE = Provenance(
    created=START.isoformat(), command="none", weathers=(), steps=0, seed=1, versions={}, settings={}
)
INLET = "east_inlet_temp_c"
SUPPLY, FLOW = "east_supply_air_temp_setpoint_c", "east_supply_airflow_setpoint_kg_s"

# A quiet hour, by how a point's name ends; the first that fits.
_QUIET = {
    "inlet_temp_c": 22.0,
    "zone_temp_c": 34.0,
    "server_outlet_temp_c": 36.0,
    "supply_air_temp_c": 20.0,
    "mixed_air_temp_c": 26.0,
    "outdoor_air_temp_c": 24.0,
    "outdoor_wet_bulb_temp_c": 18.0,
    "dew_point_temp_c": 12.0,
    "inlet_dew_point_c": 12.0,
    "it_load_frac": 0.6,
    "server_airflow_kg_s": 4.0,
    "supply_airflow_kg_s": 4.6,
    "total_power_w": 110_000.0,
    "it_power_w": 95_000.0,
    "power_w": 5_000.0,
    "water_flow_m3_s": 1e-5,
}


def building() -> Building:
    """The two-zone building."""
    return find_building("datacentre-dx")


def values(number: int = 0) -> dict[str, float | None]:
    """A quiet hour; every value moves a little from step to step, as live sensors do."""
    names = [p.name for p in building().points if p.role is not Role.SETPOINT]
    return {name: _quiet(name) * (1.0 + 0.002 * math.sin(number + len(name))) for name in names}


def reading(number: int = 0, age_s: Mapping[str, float] | None = None, **changes: float | None) -> Reading:
    """The reading of a step."""
    return Reading(time=START + number * STEP, values={**values(number), **changes}, age_s=age_s or {})


def setpoints(supply_c: float = 20.0, flow_kg_s: float = 4.5) -> Setpoints:
    """The same for every zone."""
    return Setpoints({p.name: supply_c if p.unit == "degC" else flow_kg_s for p in building().setpoints})


def tick(number: int = 0, stage: Stage = "live", verdict: Verdict | None = None, **changes: object) -> Tick:
    """A step of live control in which everything went well."""
    wanted = setpoints()
    made = Tick(
        number=number,
        stage=stage,
        reading=reading(number),
        proposal=Proposal(setpoints=wanted, time=START, controller="fake"),
        verdict=verdict or Allowed(setpoints=wanted),
        outcome=Written() if stage == "live" else None,
        decide_s=0.001,
        write_s=0.0001,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def on_bus(**changes: object) -> OnBus:
    """In charge on a bus, and all is well."""
    share = {p.name: 0.5 if p.unit == "degC" else 0.0 for p in building().setpoints}
    made = OnBus(
        watched=True,
        lease_age_s=12.0,
        lease_limit_s=2700.0,
        taken_back=False,
        granted=share,
        waits=False,
        accepted_s=None,
        latched_s=None,
        journal_errors=0,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def standing(**changes: object) -> Standing:
    """The same, with what there is everywhere; what is on the bus alone is named `on_bus`."""
    made = Standing(in_charge=True, since_s=1_780_000_000.0, why_back=None, on_bus=on_bus())
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def record(path: Path, steps: int = 20) -> Path:
    """A recording of quiet hours."""
    write_recording(path, building(), [reading(n) for n in range(steps)])
    return path


class FakeController:
    """Asks for the same again and again; raises instead if it is given an error."""

    name = "fake"

    def __init__(self, wanted: Setpoints | None = None, error: Exception | None = None) -> None:
        self.wanted, self.error = wanted or setpoints(), error

    def reset(self) -> None:
        """Nothing to forget."""

    def propose(self, reading: Reading) -> Setpoints:
        """What it was told to."""
        if self.error is not None:
            raise self.error
        return self.wanted


class FakeWriter:
    """Keeps what is written; `bad` makes it refuse, `dead` makes it raise when authority goes back."""

    def __init__(self, *, bad: bool = False, dead: bool = False) -> None:
        self.bad, self.dead = bad, dead
        self.calls: list[Setpoints | None] = []

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """Keeps set-points."""
        self.calls.append(setpoints)
        return WriteFailed(reason="refused") if self.bad else Written()

    def relinquish(self) -> WriteOutcome:
        """Keeps None."""
        if self.dead:
            raise SiteError("the line is dead")
        self.calls.append(None)
        return WriteFailed(reason="refused") if self.bad else Written()


def view(readings: Sequence[Reading]) -> View:
    """A site that gives these readings, one a step."""
    recording = recording_of(readings)
    clock = RecordedClock(recording)
    site = ReadOnly(RecordedSite(building(), recording, clock))
    return View(site=site, clock=clock, ticks=len(readings), about="readings of a test")


def connection(readings: Sequence[Reading], writer: FakeWriter) -> Connection:
    """The same, with a writer."""
    return Connection(view=view(readings), writer=writer)


def settings(out: Path, **changes: object) -> RunSettings:
    """Settings of a run whose metrics take any free port."""
    return RunSettings(**{"controller": "fake", "out": out, "port": 0, **changes})  # type: ignore[arg-type]


def trained_on_others(folder: Path) -> Path:
    """A bundle whose training had other servers than the building has."""
    through = {"scenario": Scenario(servers="dense-a2").to_dict()}
    return bundle(folder, PROVENANCE.model_copy(update={"settings": through}))


def bundle(folder: Path, provenance: Provenance = PROVENANCE) -> Path:
    """A trained policy, but for the training: weights from a seed. It wants what no one would."""
    made = building()
    wide, hidden, actions = len(TIME_FEATURES) + len(made.observations), 8, len(made.actions)
    random = np.random.default_rng(1)
    weights = {
        "weight_0": random.normal(size=(hidden, wide)).astype(np.float32),
        "bias_0": np.zeros(hidden, dtype=np.float32),
        "weight_1": random.normal(size=(actions, hidden)).astype(np.float32),
        "bias_1": np.zeros(actions, dtype=np.float32),
    }
    save_bundle(folder, made, weights, provenance)
    return folder


def _quiet(name: str) -> float:
    return next(value for end, value in _QUIET.items() if name.endswith(end))
