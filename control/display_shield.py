"""The benchmark of the shield as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    for column in ("building", "cases", "p50", "p99", "greatest", "wall p99", "wall greatest", "words p99"):
        times.add_column(column, justify="left" if column == "building" else "right")
    for name, row in (*result["buildings"].items(), ("all", result)):
        figures = (row[key] for key in ("p50_ms", "p99_ms", "max_ms", "wall_p99_ms", "wall_max_ms", "words_p99_ms"))
        times.add_row(name, f"{row['cases']:,}", *(f"{value:.3f}" for value in figures))
    slowest = "slowest: {ms:.2f} ms, the same again {again_ms:.2f} ms: {where}".format(**result["slowest"])
    return Group(found, times, slowest, *result["failures"])


def faults_table(result: Mapping[str, Any]) -> RenderableType:
    """Each fault, the worst of its mismatches; all of them are in the JSON."""
    where = f"{result['building']}, {result['weather']}, {result['days']} days from {result['start']}"
    title = f"{where}, {result['controller']}: {result['cases']} runs (in brackets: unavoidable)"
    table = Table(title=title, title_justify="left")
    table.add_column("fault", overflow="fold")
    for column in ("from h", "model", "K h above recommended", "K h above allowable", "worst degC"):
        table.add_column(column, justify="right")
    for column in ("reject min", "fallback min", "handover min"):
        table.add_column(column, justify="right")
    for row in _worst_of_each(result["rows"]):
        times = (row[name] for name in ("rejected_min", "fallback_min", "handover_min"))
        table.add_row(
            row["fault"] or "nothing",
            f"{row['begin_h']}",
            f"{row['mismatch_frac']:+.0%}",
            *(f"{row[name]:.2f} ({row['unavoidable_' + name]:.2f})" for name in _KH),
            f"{row['inlet_max_c']:.1f}",
            *("" if value is None else f"{value:.0f}" for value in times),
        )
    said = f"{result['avoidable']} of {result['cases']} runs went above allowable where full cooling would not have"
    return Group(table, said)


_KH = ("above_recommended_kh", "above_allowable_kh")


def _worst_of_each(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Of the runs of each fault the one that could have avoided most, then the warmest."""
    faults = dict.fromkeys((row["fault"], row["begin_h"]) for row in rows)
    for fault in faults:
        of_fault = [row for row in rows if (row["fault"], row["begin_h"]) == fault]
        yield max(of_fault, key=lambda row: (row["avoidable_kh"], row["inlet_max_c"]))
