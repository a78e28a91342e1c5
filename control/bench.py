"""`airhandler bench engine`: steps per second, ours, bare EnergyPlus's and Sinergym's, in one run, alternating.

Two pairs are compared. Our data centre's environment against the same prepared model with no exchange at all; and
Sinergym's two-zone environment on our engine against its own, with the same model, weather, variables and action.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from airhandler.buildings import reads, turns
from airhandler.buildings.catalog import find_building
from airhandler.buildings.codec import Float32
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period
from airhandler.buildings.points import Setpoints
from airhandler.buildings.sinergym_env import SinergymEnv
from airhandler.buildings.weather import find_weather

from .bench_sinergym import ACTION, ENVIRONMENT
from .bench_snapshots import bench_snapshots
from .vector import measure_parallel

_BUILDING, _WEATHER = "datacentre-dx", "chicago"
_PARALLEL_DAYS = 5
_SHARES = (0.6, 0.1)  # supply temperature and airflow ratio, as shares of their ranges


def bench_engine(*, days: int, repetitions: int, progress: Callable[[str, int], None] | None = None) -> dict[str, Any]:
    """Speeds of the engine, what resets and branches cost [ms], what a second worker adds, and memory.

    The first reset of a process is not counted: it loads the library, or imports Sinergym's parts.
    """
    told = progress or (lambda name, repetition: None)
    speeds = bench_speeds(days=days, repetitions=repetitions, progress=told)
    told("resets and branches", 0)
    snapshots = bench_snapshots(_BUILDING, _WEATHER, 5 * repetitions)
    told("resets of Sinergym's model", 0)
    resets = {"reset_sinergym_model_ms": _model_resets_s(repetitions), "reset_sinergym_ms": _resets_s(repetitions)}
    told("two workers", 0)
    parallel = measure_parallel(min(days, _PARALLEL_DAYS))
    return {
        **speeds,
        **snapshots,
        **{name: round(1000 * statistics.median(values), 1) for name, values in resets.items()},
        "parallel_2_ratio": round(parallel.ratio, 3),
        "worker_memory_mb": round(max(parallel.worker_memory_mb), 1),
        "reads_compiled": reads.COMPILED,
        "turns_compiled": turns.COMPILED,
    }


def bench_speeds(*, days: int, repetitions: int, progress: Callable[[str, int], None]) -> dict[str, Any]:
    """Measures each of them, one after the other, `repetitions` times.

    `bare` is our data centre's prepared model under constant set-points with no exchange, `env` its environment.
    `sinergym_model` is Sinergym's two-zone environment on our engine, `sinergym` that environment itself, in a
    process of its own (it changes global settings). All have as many steps; a reset is never counted.
    Returns medians [steps/s], two ratios of medians, and every measurement.
    """
    measures: dict[str, Callable[[int], float]] = {
        "bare": _bare,
        "env": _env,
        "sinergym_model": _sinergym_model,
        "sinergym": _sinergym,
    }
    found: dict[str, list[float]] = {name: [] for name in measures}
    for repetition in range(repetitions):
        for name, measure in measures.items():
            progress(name, repetition)
            found[name].append(measure(days))
    medians = {f"{name}_steps_per_s": round(statistics.median(values), 1) for name, values in found.items()}
    return {
        **medians,
        "env_to_bare": round(medians["env_steps_per_s"] / medians["bare_steps_per_s"], 3),
        "env_to_sinergym": round(medians["sinergym_model_steps_per_s"] / medians["sinergym_steps_per_s"], 3),
        "building": _BUILDING,
        "weather": _WEATHER,
        "sinergym_environment": ENVIRONMENT,
        "days": days,
        "repetitions": repetitions,
        "measured": {name: [round(v, 1) for v in values] for name, values in found.items()},
    }


def _commands() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Set-points in the order of the building's: constant, the same for the bare run and for ours."""
    points = find_building(_BUILDING).setpoints
    return np.array([p.low + _SHARES[i % 2] * (p.high - p.low) for i, p in enumerate(points)])


def _bare(days: int) -> float:
    run = InstrumentedRun(find_building(_BUILDING), find_weather(_WEATHER), Period(days=days))
    try:
        return run.bare_steps_per_s(_commands())
    finally:
        run.close()


class _Held(BuildingEnv):
    """Does all that it always does for an action, and then puts the set-points of the bare run in force.

    Else its airflow would follow the servers' load, and EnergyPlus would compute something else than in the bare run.
    """

    def step_setpoints(self, setpoints: Array) -> tuple[Float32, float, bool, bool, dict[str, Any]]:
        return super().step_setpoints(self.held)

    held: Array


def _env(days: int) -> float:
    env = _Held(_BUILDING, _WEATHER, days=days)
    env.held = _commands()
    try:
        env.reset(seed=0)
        action = _action(env)
        began, steps, truncated = perf_counter(), 0, False
        while not truncated:
            _, _, _, truncated, _ = env.step(action)
            steps += 1
        return steps / (perf_counter() - began)
    finally:
        env.close()


def _action(env: BuildingEnv) -> np.ndarray[Any, np.dtype[np.float32]]:
    names = [p.name for p in env.building.setpoints]
    return env.codec.encode_setpoints(Setpoints(dict(zip(names, _commands().tolist(), strict=True))), env.reading)


def _sinergym_model(days: int) -> float:
    env = SinergymEnv(ENVIRONMENT)
    try:
        env.reset(seed=0)
        action, steps = np.array(ACTION, dtype=np.float32), _steps(days)
        began = perf_counter()
        for _ in range(steps):
            env.step(action)
        return steps / (perf_counter() - began)
    finally:
        env.close()


def _sinergym(days: int) -> float:
    return float(_of_sinergym(_steps(days), resets=0)["steps_per_s"])


def _resets_s(count: int) -> list[float]:
    return list(_of_sinergym(1, resets=count)["reset_s"])


def _model_resets_s(count: int) -> list[float]:
    """Resets of Sinergym's environment on our engine."""
    env, found = SinergymEnv(ENVIRONMENT), []
    try:
        for i in range(count + 1):
            began = perf_counter()
            env.reset(seed=i)
            found.append(perf_counter() - began)
    finally:
        env.close()
    return found[1:]


def _of_sinergym(steps: int, *, resets: int) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("bench_sinergym.py")), str(steps), str(resets)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))
    except (IndexError, ValueError):
        raise AirhandlerError(f"Sinergym's environment did not run: {done.stderr.strip()[-500:]}") from None


def _steps(days: int) -> int:
    """Steps of so many days of our data centre; Sinergym's model has longer days, and takes as many steps."""
    return days * 24 * find_building(_BUILDING).file.timesteps_per_hour
