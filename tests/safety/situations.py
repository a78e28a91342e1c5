"""Situations for the tests of the shield: a building with pinned settings, healthy and hostile inputs."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping

import numpy as np

from airhandler.buildings.catalog import Building, expand, find_building
from airhandler.buildings.points import Reading, Role, Setpoints
from airhandler.buildings.settings import SetpointRule, ShieldFile
from airhandler.safety.forecast import Answer, Forecast
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Adjusted, Allowed, Proposal, Rejected, Verdict

START = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)
STEP = dt.timedelta(minutes=15)
MEMORY = 4
TEMP, FLOW = "east_supply_air_temp_setpoint_c", "east_supply_airflow_setpoint_kg_s"

LIMITS = {
    "{zone}_supply_air_temp_setpoint_c": (16.0, 27.0),
    "{zone}_supply_airflow_setpoint_kg_s": (2.0, 6.5),
}
SHIELD = ShieldFile(
    setpoints={
        "{zone}_supply_air_temp_setpoint_c": SetpointRule(fallback=18.0, ramp_per_step=2.5),
        "{zone}_supply_airflow_setpoint_kg_s": SetpointRule(fallback=4.5, ramp_per_step=1.5),
    },
    inlet_margin_k=0.3,
    min_flow_ratio=1.0,
    load_step_frac=0.25,
    max_age_s=1800.0,
    stuck_after_steps=MEMORY,
    stuck_points=("{zone}_inlet_temp_c",),
)


def building_with(parameters: Mapping[str, float] | None = None, **changes: object) -> Building:
    """The two-zone building with limits, leak and shield pinned, and these settings of the shield changed."""
    file = find_building("datacentre-dx").file
    points = tuple(
        p.model_copy(update={"low": LIMITS[p.name][0], "high": LIMITS[p.name][1]}) if p.name in LIMITS else p
        for p in file.points
    )
    parameters = {"leak_frac": 0.05} if parameters is None else dict(parameters)
    shield_file = SHIELD.model_copy(update=changes)
    return expand(
        file.model_copy(update={"shield": shield_file, "points": points, "parameters": parameters, "randomise": None})
    )


@functools.cache
def building() -> Building:
    """The two-zone building with the settings above."""
    return building_with()


def shield() -> Shield:
    """Its shield, made anew: it remembers nothing, and what is wrong in how it is made shows in every test."""
    return Shield(building())


def names() -> tuple[str, ...]:
    """Its set-points."""
    return tuple(p.name for p in building().setpoints)


def ranges() -> dict[str, tuple[float, float]]:
    """Their limits."""
    return {p.name: (p.low, p.high) for p in building().setpoints}


def ramps() -> dict[str, float]:
    """Their ramps in a step."""
    return {name: 2.5 if "temp" in name else 1.5 for name in names()}


def healthy(step: int = 0) -> dict[str, float | None]:
    """Every measured point, at half load; the inlet is a little new in each step."""
    values: dict[str, float | None] = {
        p.name: (p.low + p.high) / 2 for p in building().points if p.role is not Role.SETPOINT
    }
    values |= {"outdoor_air_temp_c": 10.0, "it_load_frac": 0.5}
    for zone in building().zones:
        values |= {
            f"{zone}_zone_temp_c": 34.0,
            f"{zone}_inlet_temp_c": 24.5 + step / 128,
            f"{zone}_inlet_dew_point_c": 8.0,
            f"{zone}_supply_air_temp_c": 24.0,
            f"{zone}_supply_airflow_kg_s": 3.2,
            f"{zone}_server_airflow_kg_s": 3.0,
        }
    return values


def reading(step: int = 0, age_s: Mapping[str, float] | None = None, **changed: object) -> Reading:
    """A healthy reading, with some values changed."""
    return Reading(time=START + step * STEP, values={**healthy(step), **changed}, age_s=age_s or {})


def history(**changed: object) -> list[Reading]:
    """Healthy readings, as many as the shield needs, with values changed in the newest."""
    return [reading(step) for step in range(MEMORY - 1)] + [reading(MEMORY - 1, **changed)]


def setpoints(temp_c: object = 24.0, flow_kg_s: object = 3.2, **changed: object) -> Setpoints:
    """The same set-points for both zones, with some changed."""
    values = {name: temp_c if "temp" in name else flow_kg_s for name in names()}
    return Setpoints({**values, **changed})


def proposal(temp_c: object = 24.0, flow_kg_s: object = 3.2, **changed: object) -> Proposal:
    """A proposal of these set-points."""
    return Proposal(setpoints=setpoints(temp_c, flow_kg_s, **changed), time=START, controller="test")


def forecast(zones: int = 2, leak_frac: float = 0.05, bound_k: object = None, **changed: object) -> Forecast:
    """What a Forecaster of the two-zone building may have learned."""
    learned: dict[str, object] = {
        "answer": Answer(follow_frac=1.0, keep_frac=0.0, inlet_lag_steps=1),
        "leak_frac": np.full(zones, leak_frac),
        "bias_k": np.zeros(zones),
        "bound_k": np.full((4, zones), 0.2) if bound_k is None else np.array(bound_k),
    }
    return Forecast(**{**learned, **changed})  # type: ignore[arg-type]


class Explosive(Mapping[str, float]):
    """A mapping that raises whatever is done to it."""

    def __getitem__(self, name: str) -> float:
        raise RuntimeError("boom")

    def __iter__(self):
        raise RuntimeError("boom")

    def __len__(self) -> int:
        raise RuntimeError("boom")

    def get(self, name: object, default: object = None) -> float:
        raise RuntimeError("boom")


class Fickle(Mapping[str, float]):
    """A mapping that looks harmless and holds another value each time that it is read."""

    def __init__(self, *values: float) -> None:
        self._values = list(values)

    def __getitem__(self, name: str) -> float:
        self._values.append(self._values.pop(0))
        return self._values[0]

    def __iter__(self):
        return iter(names())

    def __len__(self) -> int:
        return len(names())


def assert_inside(verdict: Verdict) -> None:
    """G1 without the ramp: exactly the building's set-points, plain floats, inside the limits."""
    assert isinstance(verdict, Allowed | Adjusted | Rejected)
    assert type(verdict.setpoints) is Setpoints
    assert tuple(sorted(verdict.setpoints)) == tuple(sorted(names()))
    for name, value in verdict.setpoints.items():
        assert type(value) is float
        assert ranges()[name][0] <= value <= ranges()[name][1]


def assert_ramped(verdict: Verdict, base: Setpoints) -> None:
    """No set-point is further than its ramp from where it stood, or from the limit that it stood beyond."""
    for name, value in verdict.setpoints.items():
        low, high = ranges()[name]
        assert abs(value - min(max(base[name], low), high)) <= ramps()[name]
