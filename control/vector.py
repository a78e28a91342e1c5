"""Shielded environments in processes: what a worker makes, and how much a second worker adds.

Nothing here needs torch: workers import this file.
"""

from __future__ import annotations

import contextlib
import functools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np

from airhandler.buildings.catalog import find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.vector import ParallelEnvs
from airhandler.safety.wrapper import ShieldedEnv

_PER_WORKER = 4  # environments: half of what training has, on two processors
_ACTION = np.array([0.2, -0.5, 0.2, -0.5], np.float32)  # mild: a simulation in distress is slow by itself


def shielded_env(
    building: str, weather: str | Sequence[str], start: tuple[int, int] | Literal["random"], days: int
) -> ShieldedEnv:
    """A building's environment behind the shield; the arguments are those of BuildingEnv."""
    return ShieldedEnv(BuildingEnv(building, weather, start, days))


@dataclass(frozen=True, kw_only=True, slots=True)
class ParallelSpeed:
    """One worker process against two, each with as many environments.

    Attributes:
        one_steps_per_s: environment steps per second of one worker.
        two_steps_per_s: of two.
        worker_memory_mb: proportional set size of each of the two [MB]: what it adds to the machine's use.
    """

    one_steps_per_s: float
    two_steps_per_s: float
    worker_memory_mb: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times the speed of one worker two have."""
        return self.two_steps_per_s / self.one_steps_per_s


def measure_parallel(days: int, building: str = "datacentre-dx", weather: str = "chicago") -> ParallelSpeed:
    """Steps one worker and two through so many days, in turn, under one constant action.

    Taken step by step, and by the median of the steps, since whatever else runs on the machine takes processors from
    two workers more often than from one.
    """
    maker = functools.partial(shielded_env, building, weather, (1, 1), days)
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(contextlib.closing(ParallelEnvs([maker] * (n * _PER_WORKER), processes=n, infos=())))
            for n in (1, 2)
        ]
        for envs in both:
            envs.reset(seed=0)
        steps = int(days * 86_400 / find_building(building).step_s) - 1
        seconds = [[_step_s(envs) for envs in both] for _ in range(steps)]
        one, two = (
            envs.num_envs / statistics.median(column)
            for envs, column in zip(both, zip(*seconds, strict=True), strict=True)
        )
        memory = tuple(memory_mb(pid) for pid in both[1].processes)
    return ParallelSpeed(one_steps_per_s=one, two_steps_per_s=two, worker_memory_mb=memory)


def parallel_ratio(days: int) -> float:
    """How many times the steps per second of one worker process two have."""
    return measure_parallel(days).ratio


def memory_mb(pid: int) -> float:
    """Proportional set size of a process [MB]: its own memory, and its share of what it shares.

    Source: Linux, Documentation/filesystems/proc.rst, smaps_rollup.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(f"process {pid} tells no memory")


def _step_s(envs: ParallelEnvs) -> float:
    actions = np.tile(_ACTION, (envs.num_envs, 1))
    began = perf_counter()
    envs.step(actions)
    return perf_counter() - began
