"""What commands show: tables on stdout (or JSON), progress and notes on stderr."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from .search import Trial
    from .train import Progress as TrainingProgress

Row = Mapping[str, Any]

_TABLE_WIDTH = 124  # narrower terminals wrap the lines of a table rather than every cell of it


def show(result: Any, table: Callable[[Any], Table], *, as_json: bool) -> None:
    """Prints a result on stdout, as JSON or as a table."""
    console = Console(width=max(Console().width, _TABLE_WIDTH))
    if as_json:
        console.file.write(json.dumps(result, indent=2) + "\n")
    else:
        console.print(table(result))


def note(words: str) -> None:
    """One line on stderr."""
    Console(stderr=True).print(words, highlight=False)


def building_table(rows: Sequence[Row]) -> Table:
    """The catalogue."""
    table = Table()
    for name, wraps in (("building", True), ("zones", True), ("actions", False), ("obs.", True), ("weathers", True)):
        table.add_column(name, no_wrap=not wraps)
    for row in rows:
        actions = "\n".join(f"{a['setpoint']} {a['low']:g}..{a['high']:g} {a['unit']}" for a in row["actions"])
        table.add_row(
            f"[bold]{row['id']}[/]\n{row['title']}",
            ", ".join(row["zones"]),
            actions,
            str(len(row["observations"])),
            ", ".join(row["weathers"]),
        )
    return table


def evaluation_table(rows: Sequence[Row]) -> Table:
    """What each controller cost and what it broke."""
    first = rows[0]
    table = _table(
        "controller",
        "total MWh",
        "vs stock",
        "HVAC MWh",
        "server fans MWh",
        "IT MWh",
        "PUE",
        "worst inlet degC",
        "above rec. %",
        "above allow. %",
        "shield acted %",
        title=f"{first['building']}, {first['weather']}, {first['days']} days from {first['start']}",
    )
    digits = 1 if first["total_kwh"] >= 100_000 else 3  # enough to tell controllers apart in short runs too
    for row in rows:
        table.add_row(
            str(row["label"]),
            _mwh(row["total_kwh"], digits),
            _against(row, rows),
            *(_mwh(row[k], digits) for k in ("hvac_kwh", "server_fans_kwh", "it_kwh")),
            f"{row['pue']:.3f}",
            f"{row['inlet_max_c']:.1f}",
            f"{100 * row['above_recommended_frac']:.2f}",
            f"{100 * row['above_allowable_frac']:.2f}",
            f"{100 * (row['shield_adjusted_frac'] + row['shield_rejected_frac']):.1f}" if row["shielded"] else "-",
        )
    return table


def trial_table(row: Row) -> Table:
    """The best trial of a search."""
    table = _table("parameter", "value", title=f"best {row['controller']}: {_mwh(row['total_kwh'])} MWh a weather")
    for name, value in row["parameters"].items():
        table.add_row(name, f"{value:g}")
    return table


def trial_line(trial: Trial, is_best: bool) -> None:
    """One trial, as it comes, on stderr."""
    words = ", ".join(f"{name} {value:g}" for name, value in trial.parameters.items())
    above = 100 * trial.above_recommended_frac
    note(f"{'* ' if is_best else '  '}{_mwh(trial.total_kwh)} MWh, {above:.2f} % above recommended: {words}")


def bench_table(result: Row) -> Table:
    """Speeds, and how they compare."""
    table = _table("what", "", "of bare", title=f"{result['building']}, {result['days']} days, medians")
    bare = result["bare_steps_per_s"]
    for name, key in (
        ("EnergyPlus alone, same model and set-points", "bare_steps_per_s"),
        ("airhandler's environment", "env_steps_per_s"),
        ("Sinergym's environment on our engine, its own model", "sinergym_model_steps_per_s"),
        ("Sinergym's environment, its own model", "sinergym_steps_per_s"),
    ):
        table.add_row(name, f"{result[key]:.0f}", f"{result[key] / bare:.2f}" if "sinergym" not in key else "")
    for words, key in (
        ("on our engine, times Sinergym's speed", "env_to_sinergym"),
        ("two worker processes, times one", "parallel_2_ratio"),
        ("reset from a snapshot [ms]", "reset_snapshot_ms"),
        ("plain reset [ms]", "reset_plain_ms"),
        ("Sinergym's reset [ms]", "reset_sinergym_ms"),
        ("branch of 24 steps [ms]", "branch_24_steps_ms"),
        ("memory of a snapshot [MiB]", "snapshot_memory_mib"),
        ("memory of a worker with four simulations [MB]", "worker_memory_mb"),
    ):
        table.add_row(words, f"{result[key]:g}", "")
    return table


@contextlib.contextmanager
def comparison_bars(labels: Sequence[str]) -> Iterator[Callable[[Sequence[float]], None]]:
    """A bar for each run; the block gets a function that takes the share done of each."""
    with _progress() as bars:
        tasks = [bars.add_task(label, total=1.0) for label in labels]

        def told(shares: Sequence[float]) -> None:
            for task, share in zip(tasks, shares, strict=True):
                bars.update(task, completed=share)

        yield told
        told([1.0] * len(tasks))


@contextlib.contextmanager
def training_bar(total: int) -> Iterator[Callable[[TrainingProgress], None]]:
    """A bar for training; the block gets a function that takes its progress."""
    with _progress(TextColumn("{task.fields[words]}")) as bars:
        task = bars.add_task("training", total=total, words="")

        def told(p: TrainingProgress) -> None:
            words = (
                f"{p.steps}/{p.total} steps, {p.controllable_kw:.1f} kW controllable, {p.adjusted_frac:.0%} adjusted"
            )
            bars.update(task, completed=p.steps, words=words)

        yield told


def _progress(*more: TextColumn) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        *more,
        console=Console(stderr=True),
    )


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold", no_wrap=i == 0)
    return table


def _against(row: Row, rows: Sequence[Row]) -> str:
    stock = next((r["total_kwh"] for r in rows if r["controller"] == "stock"), None)
    return "-" if stock is None or row["controller"] == "stock" else f"{100 * (row['total_kwh'] / stock - 1):+.1f} %"


def _mwh(kwh: float, digits: int = 1) -> str:
    return f"{kwh / 1000:.{digits}f}"
