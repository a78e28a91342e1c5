"""`airhandler bench faults`: what each fault of a building does behind the shield, and what was unavoidable."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.processes import begin_job
from airhandler.buildings.weather import find_weather

from .fault_cases import FaultCase, fault_cases
from .fault_run import Outcome, Stretch, run_case
from .jobs import in_processes
from .registry import find_controller


def bench_faults(stretch: Stretch, *, processes: int, progress: Callable[[], None] | None = None) -> dict[str, Any]:
    """Runs every case of a building. Raises UserError for a choice that cannot be met."""
    cases, told = _checked(stretch), progress or (lambda: None)
    rows: dict[int, dict[str, Any]] = {}
    # In processes of their own even if it is one: where a simulation is branched no other thread may be.
    jobs = ((stretch, number, case) for number, case in enumerate(cases))
    for number, outcome in in_processes(_numbered, jobs, processes, _begin):
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


def _begin() -> None:
    """In a process: what a loop logs of hundreds of faults would hide the result."""
    begin_job()
    logging.disable(logging.CRITICAL)


def _numbered(stretch: Stretch, number: int, case: FaultCase) -> tuple[int, Outcome]:
    return number, run_case(stretch, case)
