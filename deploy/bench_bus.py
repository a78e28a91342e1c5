"""How long a building takes over the bus: every point read from a twin in another process, proposed for, judged."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.errors import AirhandlerError, UserError
from airhandler.control.controller import Controller
from airhandler.control.registry import find_controller
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Proposal

from .connectors.bus import watch_bus
from .site_file import SiteSettings, load_site

FAMILY = "data-hall"
_PATIENCE_S = 300.0


def hall_of(points: int) -> str:
    """The smallest hall of the family that has so many points. Raises UserError where none does."""
    low, high = 2, 256
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _points(f"{FAMILY}-{middle}") >= points else (middle + 1, high)
    if _points(f"{FAMILY}-{low}") < points:
        raise UserError(f"points {points}: the largest hall, {FAMILY}-{low}, has {_points(f'{FAMILY}-{low}')}")
    return f"{FAMILY}-{low}"


def bench_bus(name: str, controller: str, cycles: int, progress: Callable[[int], None]) -> dict[str, Any]:
    """Reads, proposes and judges cycle after cycle, without a pause. Writes nothing.

    Args:
        name: the building.
        controller: who proposes.
        cycles: how many are measured, after one that is not.
        progress: is told of each cycle.
    """
    building = find_building(name)
    proposer = find_controller(controller, building)
    if proposer is None:
        raise UserError(f"controller {controller!r}: proposes nothing; name a rule or a bundle")
    with _twin(building) as settings:
        read_s, judged_s, kinds = _measured(settings, proposer, cycles, progress)
    whole_s = [read + judged for read, judged in zip(read_s, judged_s, strict=True)]
    return {
        "building": building.id,
        "points": len(building.points),
        "setpoints": len(building.setpoints),
        "cycles": cycles,
        "verdicts": dict(kinds),
        "read_s": _quantiles(read_s),
        "decide_s": _quantiles(judged_s),
        "whole_s": _quantiles(whole_s),
        "points_per_s": len(building.points) / float(np.median(read_s)),
    }


def _measured(
    settings: SiteSettings, proposer: Controller, cycles: int, progress: Callable[[int], None]
) -> tuple[list[float], list[float], Counter[str]]:
    """Seconds of reading, and of proposal and verdict [cycles each]; how many verdicts of each kind."""
    shield, read_s, judged_s, kinds = Shield(settings.building), list[float](), list[float](), Counter[str]()
    view = watch_bus(settings)
    with contextlib.closing(view.site):
        for cycle in range(cycles + 1):
            began = time.perf_counter()
            reading = view.site.read()
            had = time.perf_counter()
            setpoints = proposer.propose(reading)
            proposal = Proposal(setpoints=setpoints, time=reading.time, controller=proposer.name)
            verdict = shield.judge([reading], reading.incumbent, proposal)
            if cycle:
                kinds[verdict.kind] += 1
                read_s.append(had - began)
                judged_s.append(time.perf_counter() - had)
                progress(1)
    return read_s, judged_s, kinds


@contextlib.contextmanager
def _twin(building: Building) -> Iterator[SiteSettings]:
    """A twin of a building in a process of its own, and its site."""
    with tempfile.TemporaryDirectory(prefix="airhandler-bench-") as folder:
        site, log = Path(folder) / "site.yaml", Path(folder) / "log"
        words = ["--bacnet", "127.0.0.1:0", "--out", f"{folder}/twin", "--write-site", str(site), "--days", "1"]
        command = [sys.executable, "-m", "airhandler", "twin", building.reference, *words]
        with log.open("w") as told:
            process = subprocess.Popen(command, stdout=told, stderr=told)
        try:
            _wait_for(site, process, log)
            yield load_site(site)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait_for(site: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until a twin serves. Raises AirhandlerError with what it said if it ends instead."""
    until = time.monotonic() + _PATIENCE_S
    while not site.exists():
        if process.poll() is not None or time.monotonic() > until:
            raise AirhandlerError(f"the twin did not begin: {log.read_text().strip()}")
        time.sleep(0.1)


def _points(name: str) -> int:
    return len(find_building(name).points)


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "p50": float(np.quantile(seconds, 0.5)),
        "p99": float(np.quantile(seconds, 0.99)),
        "max": float(np.max(seconds)),
    }
