"""`airhandler bench faults`: what each fault of a building does behind the shield, and what was unavoidable."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import AirhandlerError, UserError
from airhandler.buildings.processes import begin_job
from airhandler.buildings.weather import find_weather

from .fault_cases import FaultCase, fault_cases
from .fault_run import Outcome, Stretch, run_case
from .registry import find_controller


def bench_faults(stretch: Stretch, *, processes: int, progress: Callable[[], None] | None = None) -> dict[str, Any]:
    """Runs every case of a building. Raises UserError for a choice that cannot be met."""
    cases, told = _checked(stretch), progress or (lambda: None)
    rows: dict[int, dict[str, Any]] = {}
    for number, outcome in _in_processes(stretch, cases, processes):
        rows[number] = outcome.row()
        told()
    return {
        "building": find_building(stretch.building).id,
        "weather": stretch.weather,
        "start": f"{stretch.period.first:%m-%d}",
        "days": stretch.period.days,
        "controller": stretch.controller,
        "cases": len(rows),
        "avoidable": sum(row["avoidable_kh"] > 0.0 for row in rows.values()),
        "rows": [rows[number] for number in sorted(rows)],
    }


def count_of(stretch: Stretch) -> int:
    """How many cases there are. Raises UserError for a choice that cannot be met."""
    return len(_checked(stretch))


def _checked(stretch: Stretch) -> list[FaultCase]:
    building = find_building(stretch.building)
    cases = [case for case in fault_cases(building) if stretch.only in case.fault]
    if not cases:
        raise UserError(f"--only {stretch.only}: {building.id} has no such fault, of its equipment or its sensors")
    if find_controller(stretch.controller, building) is None:
        raise UserError("controller 'stock': the building's own control has no shield to try")
    find_weather(stretch.weather)
    last_h = max(case.begin_h for case in cases)
    if stretch.period.days * 24 <= last_h:
        raise UserError(f"days {stretch.period.days}: faults begin until hour {last_h}: give more days")
    return cases


def _in_processes(stretch: Stretch, cases: Sequence[FaultCase], processes: int) -> Iterator[tuple[int, Outcome]]:
    """Outcomes as they come. Always in processes of their own: where a simulation is branched no thread may be."""
    jobs = enumerate(cases)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin) as pool:
        # No more than can run: whoever interrupts waits for these at most.
        running = {pool.submit(_numbered, stretch, *job) for job in itertools.islice(jobs, processes)}
        try:
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(_numbered, stretch, *job) for job in itertools.islice(jobs, len(finished))}
                yield from (future.result() for future in finished)
        except BrokenProcessPool as error:
            raise AirhandlerError("a process of the benchmark was killed: out of memory?") from error


def _begin() -> None:
    """In a process: what a loop logs of hundreds of faults would hide the result."""
    begin_job()
    logging.disable(logging.CRITICAL)


def _numbered(stretch: Stretch, number: int, case: FaultCase) -> tuple[int, Outcome]:
    return number, run_case(stretch, case)
