"""From kept runs to the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError

from .compare import Cell
from .evaluate import Evaluation
from .plots import Run
from .report import write_report


def report_runs(kept: Sequence[tuple[Cell, str, Evaluation]], path: Path, *, title: str, command: str) -> Path:
    """Writes the report of kept runs of one building. Raises UserError if they are of several."""
    ids = sorted({cell.building for cell, _, _ in kept})
    if len(ids) != 1:
        raise UserError(f"a report is of one building, and these runs are of {', '.join(ids)}")
    runs = [
        Run(name=_plain(cell, done), label=label, weather=cell.weather, table=done.table, kpis=done.kpis)
        for cell, label, done in kept
    ]
    notes = {"command": command, "written": datetime.now(UTC).isoformat(timespec="seconds"), **_bundles(kept)}
    write_report(path, title=title, building=find_building(ids[0]), runs=runs, notes=notes)
    return path


def _plain(cell: Cell, done: Evaluation) -> str:
    return "agent" if done.controller == "policy" and cell.shielded else done.controller


def _bundles(kept: Sequence[tuple[Cell, str, Evaluation]]) -> dict[str, str]:
    notes = {}
    for cell, label, _ in kept:
        card = Path(cell.controller) / "card.json"
        if card.exists():
            known = json.loads(card.read_text())
            made = known["provenance"]
            notes[f"bundle of {label}"] = (
                f"weights SHA-256 {known['weights_sha256'][:16]}, trained on {', '.join(made['weathers'])} "
                f"for {made['steps']} steps (seed {made['seed']}): {made['command']}"
            )
    return notes
