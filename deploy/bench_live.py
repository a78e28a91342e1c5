"""`airhandler bench live`: what a control step costs without its site, and whether memory stays flat."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.processes import spare_what_is_there
from airhandler.control.loop import Loop
from airhandler.control.registry import find_controller
from airhandler.control.tick import Tick
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield

from .journal_reading import verify
from .journal_rows import files
from .journal_ticks import start_payload, tick_payload
from .paper_hall import PaperHall
from .state import StateFolder

FLAT_MB = 4.0
"""What memory may grow by between the first tenth of the cycles and the last one [MB]."""

_VALIDITY_S = 3600.0  # of a lease that nobody watches here


def bench_live(
    controller: str,
    building_id: str,
    *,
    cycles: int,
    folder: Path | None,
    progress: Callable[[int], None] = lambda cycle: None,
) -> dict[str, Any]:
    """Runs the loop with everything that a controller keeps, on a hall on paper.

    Args:
        controller: name or bundle.
        building_id: a data centre.
        cycles: control steps.
        folder: where the state folder is made for the time; its disk is what is measured. None: the temporary one.
        progress: is told the number of every cycle.

    Raises UserError for a building that is no data centre, or a controller that proposes nothing.
    """
    building = find_building(building_id)
    proposes = find_controller(controller, building)
    if not building.zones or proposes is None:
        raise UserError(f"bench live: {controller} on {building_id}: needs a data centre, and one who proposes")
    hall = PaperHall(building, steps=cycles - 1)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        state = StateFolder(Path(made))
        with state.lock() as lock:
            books = _Books(state, cycles, progress)
            state.journal.append("start", start_payload(building, controller))
            state.lease.take(_VALIDITY_S, token=lock.holder.token, site_file=Path("none"))
            logging.getLogger("airhandler.loop").setLevel(logging.CRITICAL)
            spare_what_is_there()
            Loop(
                site=hall,
                clock=hall,
                step_s=building.step_s,
                controller=proposes,
                shield=Shield(building),
                writer=hall,
                on_tick=books.keep,
                handover=Handover(),
            ).run()
            state.journal.close()
            return {"controller": controller, "building": building_id, "cycles": cycles, **books.told()}


class _Books:
    """What a controller keeps of every tick, and how long that takes."""

    def __init__(self, state: StateFolder, cycles: int, progress: Callable[[int], None]) -> None:
        self._state, self._progress, self._warm = state, progress, cycles // 10
        self._decide_s, self._keep_s, self._lease_s = (array("d", bytes(8 * cycles)) for _ in range(3))
        self._verdicts = Counter[str]()
        self._warm_mb, self._number = resident_mb(), 0

    def keep(self, tick: Tick) -> None:
        """Keeps one tick."""
        began = time.perf_counter()
        self._state.journal.append("tick", tick_payload(tick), site_time=tick.reading.time)
        kept = time.perf_counter()
        self._state.lease.renew()
        self._lease_s[self._number] = time.perf_counter() - kept
        self._decide_s[self._number], self._keep_s[self._number] = tick.decide_s, kept - began
        self._verdicts[tick.verdict.kind if tick.verdict else "none"] += 1
        self._number += 1
        if self._number == self._warm:
            self._warm_mb = resident_mb()
        self._progress(self._number)

    def told(self) -> dict[str, Any]:
        """What came of it."""
        memory_mb, folder = resident_mb(), self._state.journal.folder
        verified = verify(folder)
        kept_s = float(np.sum(self._keep_s))
        return {
            **_spread("decide", np.array(self._decide_s)),
            **_spread("journal", np.array(self._keep_s)),
            **_spread("lease", np.array(self._lease_s)),
            "verdicts": dict(self._verdicts),
            "rows_per_s": self._number / kept_s,
            "bytes_per_tick": sum(path.stat().st_size for path in files(folder)) / self._number,
            "files": len(files(folder)),
            "broken": verified.broken,
            "rows": verified.rows,
            "resident_mb": memory_mb,
            "growth_mb": memory_mb - self._warm_mb,
        }


def resident_mb() -> float:
    """Memory of this process that is in use [MB]. Source: Linux, proc(5), /proc/pid/statm."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _spread(name: str, seconds: Array) -> dict[str, float]:
    p50, p99 = np.percentile(seconds * 1e3, [50, 99])
    return {f"{name}_p50_ms": p50, f"{name}_p99_ms": p99, f"{name}_max_ms": float(np.max(seconds) * 1e3)}
