"""What a reset and a branch cost, beside a plain reset: part of `airhandler bench engine`."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

from airhandler.buildings.bank import SnapshotBank
from airhandler.buildings.catalog import find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather

_WEEKS = Period(days=28)
_BRANCHED_STEPS = 24


def bench_snapshots(building: str, weather: str, repetitions: int) -> dict[str, object]:
    """Milliseconds of each reset and branch, alternating, and what a snapshot costs in memory.

    Run in a process of its own, because a process that holds threads or torch does not fork. Returns the medians
    `reset_snapshot_ms` and `reset_plain_ms` (to the first observation), `branch_24_steps_ms` and
    `snapshot_memory_mib` (beyond what snapshots share).
    """
    command = [sys.executable, "-m", "airhandler.control.bench_snapshots", building, weather, str(repetitions)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AirhandlerError(f"snapshots could not be measured: {done.stderr.strip()[-500:]}")
    return dict(json.loads(done.stdout))


def _measure(building: str, weather: str, repetitions: int) -> dict[str, object]:
    with SnapshotBank(building, weather, _WEEKS) as bank:
        branched = BuildingEnv(building, days=7, banks=[bank])
        plain = BuildingEnv(building, weather, days=7)
        run = InstrumentedRun(find_building(building), find_weather(weather), _WEEKS)
        run.start()
        setpoints = np.array([(p.low + p.high) / 2 for p in run.building.setpoints])

        def ahead() -> int:
            return sum(run.step(setpoints) is not None for _ in range(_BRANCHED_STEPS))

        measures: dict[str, Callable[[int], object]] = {
            "reset_snapshot_ms": lambda i: branched.reset(seed=i),
            "reset_plain_ms": lambda i: plain.reset(seed=i),
            "branch_24_steps_ms": lambda i: run.branch([ahead]),
        }
        found: dict[str, list[float]] = {name: [] for name in measures}
        for i in range(repetitions):
            for name, measure in measures.items():
                began = perf_counter()
                measure(i)
                found[name].append(1000 * (perf_counter() - began))
        memory_mib = bank.memory_bytes() / len(bank.snapshots) / (1 << 20)
        run.close()
        plain.close()
        branched.close()
    medians = {name: round(statistics.median(values), 2) for name, values in found.items()}
    return {**medians, "snapshot_memory_mib": round(memory_mib, 1)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
