"""From kept runs to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError

from .compare import Kept
from .plots import Run
from .report import write_report


def report_runs(kept: Sequence[Kept], path: Path, *, title: str, command: str) -> Path:
    """Writes the report of kept runs of one building. Raises UserError if they are of several."""
    ids = sorted({k.cell.building for k in kept})
    if len(ids) != 1:
        raise UserError(f"a report is of one building, and these runs are of {', '.join(ids)}")
    runs = [Run(name=_plain(k), label=k.label, weather=_where(k), table=k.done.table, kpis=k.done.kpis) for k in kept]
    bundles = {f"bundle of {k.label}": k.bundle for k in kept if k.bundle}
    drawn = {f"drawn for {k.label}, {_where(k)}": _told(k.done.randomised) for k in kept if k.done.randomised}
    notes = {"command": command, "written": datetime.now(UTC).isoformat(timespec="seconds"), **bundles, **drawn}
    write_report(path, title=title, building=find_building(ids[0]), runs=runs, notes=notes)
    return path


def _where(kept: Kept) -> str:
    """The weather, and what the run was put through: what runs must share to be compared."""
    cell = kept.cell
    told = cell.scenario.words_in(kept.done.table.building.world)
    return "; ".join([cell.weather, *([told, f"seed {cell.seed}"] if told else [])])


def _told(randomised: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in randomised.items())


def _plain(kept: Kept) -> str:
    return "agent" if kept.bundle and kept.cell.shielded else kept.done.controller
