"""The benchmark of the shield as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from .bench_shield import BROKEN


def shield_table(result: Mapping[str, Any]) -> RenderableType:
    """What was broken, and the time of a verdict for each building."""
    cases = result["cases"]
    found = Table(title=f"{cases:,} situations, seed {result['seed']}", title_justify="left")
    found.add_column("what")
    found.add_column("count", justify="right")
    for name in (*BROKEN, "allowed", "adjusted", "rejected", "sound", "safe"):
        found.add_row(name.replace("_", " "), f"{result[name]:,}")
    times = Table(title="time of a verdict, ms (processor; wall clock)", title_justify="left")
    for column in ("building", "cases", "p50", "p99", "greatest", "wall p99", "wall greatest"):
        times.add_column(column, justify="left" if column == "building" else "right")
    for name, row in (*result["buildings"].items(), ("all", result)):
        figures = (row[key] for key in ("p50_ms", "p99_ms", "max_ms", "wall_p99_ms", "wall_max_ms"))
        times.add_row(name, f"{row['cases']:,}", *(f"{value:.3f}" for value in figures))
    return Group(found, times, *result["failures"])
