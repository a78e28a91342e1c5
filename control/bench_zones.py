"""`airhandler bench zones`: what a step costs against the number of zones, EnergyPlus alone and our environment."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period
from airhandler.buildings.points import Setpoints
from airhandler.buildings.weather import find_weather

FAMILY = "data-hall"
ZONES = (2, 4, 8, 16, 32, 64)
_MS = 1000.0


def bench_zones(
    zones: Sequence[int] = ZONES,
    *,
    days: int,
    repetitions: int,
    measured: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Measures data halls of so many zones, each by EnergyPlus alone and then as our environment, `repetitions` times.

    Both run the same days from 1 January with every set-point at the shield's fallback; in the environment airflows
    follow the servers. Resets, sizing and warm-up are never counted.

    Args:
        zones: numbers of zones. Raises UserError for one that the family does not have, before anything is measured.
        days: of each measurement.
        repetitions: rounds over all halls.
        measured: is told after each measurement; there are 2 x len(zones) x repetitions.

    Returns for each number the medians [ms/step], and what is ours: the environment's less EnergyPlus's.
    """
    halls = {count: find_building(f"{FAMILY}-{count}") for count in zones}
    bare: dict[int, list[float]] = {count: [] for count in halls}
    env: dict[int, list[float]] = {count: [] for count in halls}
    for _ in range(repetitions):
        for count, hall in halls.items():
            for found, measure in ((bare, _bare_ms), (env, _env_ms)):
                found[count].append(measure(hall, days))
                measured()
    return {
        "family": FAMILY,
        "weather": _weather(next(iter(halls.values()))),
        "days": days,
        "repetitions": repetitions,
        "zones": [_row(count, hall, bare[count], env[count]) for count, hall in halls.items()],
    }


def _row(count: int, hall: Building, bare: Sequence[float], env: Sequence[float]) -> dict[str, Any]:
    engine_ms, env_ms = statistics.median(bare), statistics.median(env)
    return {
        "zones": count,
        "points": len(hall.points),
        "actions": len(hall.setpoints),
        "engine_ms": round(engine_ms, 4),
        "env_ms": round(env_ms, 4),
        "ours_ms": round(env_ms - engine_ms, 4),
        "engine_frac": round(engine_ms / env_ms, 3),
        "measured_engine_ms": [round(v, 4) for v in bare],
        "measured_env_ms": [round(v, 4) for v in env],
    }


def _bare_ms(hall: Building, days: int) -> float:
    run = InstrumentedRun(hall, find_weather(_weather(hall)), Period(days=days))
    try:
        return _MS / run.bare_steps_per_s(np.array([rule.fallback for rule in hall.rules]))
    finally:
        run.close()


def _env_ms(hall: Building, days: int) -> float:
    env = BuildingEnv(hall.id, _weather(hall), days=days)
    try:
        env.reset(seed=0)
        fallback = {point.name: rule.fallback for point, rule in zip(hall.setpoints, hall.rules, strict=True)}
        action = env.codec.encode_setpoints(Setpoints(fallback), env.reading)
        steps, over, began = 0, False, perf_counter()
        while not over:
            _, _, _, over, _ = env.step(action)
            steps += 1
        return _MS * (perf_counter() - began) / steps
    finally:
        env.close()


def _weather(hall: Building) -> str:
    return hall.file.weather[0]
