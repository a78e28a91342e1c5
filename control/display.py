"""What commands show: tables on stdout (or JSON), progress and notes on stderr."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.model import in_days

if TYPE_CHECKING:
    from .search import Trial

Row = Mapping[str, Any]


class TrainingProgress(Protocol):
    """How far training is."""

    @property
    def steps(self) -> int:
        """Steps done."""

    @property
    def total(self) -> int:
        """Steps in all."""

    @property
    def words(self) -> str:
        """Further figures, as a person reads them."""


_TABLE_WIDTH = 124  # narrower terminals wrap the lines of a table rather than every cell of it


def show(result: Any, table: Callable[[Any], RenderableType], *, as_json: bool) -> None:
    """Prints a result on stdout, as JSON or as a table."""
    console = Console(width=max(Console().width, _TABLE_WIDTH))
    if as_json:
        console.file.write(json.dumps(result, indent=2) + "\n")
    else:
        console.print(table(result))


def note(words: str) -> None:
    """One line on stderr."""
    Console(stderr=True).print(words, highlight=False)


def evaluation_table(rows: Sequence[Row]) -> Table:
    """What each controller cost and what it broke."""
    first = rows[0]
    digits = 1 if first["total_kwh"] >= 100_000 else 3  # enough to tell controllers apart in short runs too
    building = find_building(str(first["building"]))
    own, has_gas = _columns(building, digits), building.file.meters.gas is not None
    judged = {"shield\nadj. %": "shield_adjusted_frac", "shield\nrej. %": "shield_rejected_frac"}
    table = _table(
        *("controller", "electricity\nand gas\nMWh" if has_gas else "total\nMWh", "vs\nstock", *own, *judged),
        *(header for header, key in _PRICED if _is_known(first, key)),
        title=f"{first['building']}, {first['weather']}, {in_days(first['days'])} from {first['start']}"
        + (f"; {first['through']}" if first["through"] else ""),
    )
    for row in rows:
        table.add_row(
            str(row["label"]),
            _mwh(_site_kwh(row), digits),
            _against(row, rows),
            *(cell(row) for cell in own.values()),
            *(f"{100 * row[key]:.1f}" if row["shielded"] else "-" for key in judged.values()),
            *(f"{row[key]:,.1f}" for _, key in _PRICED if _is_known(first, key)),
        )
    return table


# Columns that only a building in a world has.
_PRICED = (("USD", "cost_usd"), ("CO2\nkg", "carbon_kg"))


def _is_known(row: Row, key: str) -> bool:
    return row.get(key) is not None


def _columns(building: Building, digits: int) -> dict[str, Callable[[Row], str]]:
    """What a row says of a building of this kind, by title, in short lines that leave no cell to be folded."""

    def energy(part: str) -> Callable[[Row], str]:
        return lambda row: _mwh(row[f"{part}_kwh"], digits)

    if building.kind == "data centre":
        return {
            "HVAC\nMWh": energy("hvac"),
            "server\nfans\nMWh": energy("server_fans"),
            "IT\nMWh": energy("it"),
            "PUE": lambda row: _known(row["pue"], 3),
            "worst\ninlet\ndegC": lambda row: _known(row["inlet_max_c"], 1),
            "above\nrec. %": lambda row: _percent(row["above_recommended_frac"]),
            "above\nallow.\n%": lambda row: _percent(row["above_allowable_frac"]),
        }
    return {
        **({"gas\nMWh": energy("gas")} if building.file.meters.gas else {}),
        "HVAC\nMWh": energy("hvac"),
        "fans\nMWh": energy("fans"),
        "coldest\ndegC": lambda row: _known(row["occupied_min_c"], 1),
        "warmest\ndegC": lambda row: _known(row["occupied_max_c"], 1),
        "uncom-\nfortable\n%": lambda row: _percent(row["uncomfortable_frac"]),
        "discom-\nfort\nK h": lambda row: _known(row["uncomfortable_kh"], 0),
    }


def sinergym_table(rows: Sequence[Row]) -> Table:
    """What each controller got on one of Sinergym's environments, by its reward's terms."""
    first = rows[0]
    table = _table(
        "controller",
        "mean reward",
        "energy term",
        "comfort term",
        "mean power demand",
        "mean violation K",
        "violated %",
        title=f"{first['building']}, {in_days(first['days'])} from {first['start']}",
    )
    for row in rows:
        table.add_row(
            str(row["controller"]),
            *(f"{row[k]:.4f}" for k in ("mean_reward", "mean_energy_term", "mean_comfort_term")),
            f"{row['mean_power_demand']:.1f}",
            f"{row['mean_temperature_violation']:.3f}",
            f"{100 * row['comfort_violation_frac']:.2f}",
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
    gas = f" and {_mwh(trial.gas_kwh)} MWh of gas" if trial.gas_kwh else ""
    missed = 100 * trial.missed_frac
    note(f"{'* ' if is_best else '  '}{_mwh(trial.total_kwh)} MWh{gas}, {missed:.2f} % of steps out of range: {words}")


def bench_table(result: Row) -> Table:
    """Speeds, and how they compare."""
    table = _table("what", "steps/s", "of bare", title=f"{result['building']}, {result['days']} days, medians")
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
        ("reset from a snapshot, ms", "reset_snapshot_ms"),
        ("plain reset, ms", "reset_plain_ms"),
        ("plain reset of Sinergym's model on our engine, ms", "reset_sinergym_model_ms"),
        ("Sinergym's reset, ms", "reset_sinergym_ms"),
        ("branch of 24 steps, ms", "branch_24_steps_ms"),
        ("memory of a snapshot, MiB", "snapshot_memory_mib"),
        ("memory of a worker with four simulations, MB", "worker_memory_mb"),
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
            bars.update(task, completed=p.steps, words=f"{p.steps}/{p.total} steps, {p.words}")

        yield told


@contextlib.contextmanager
def counting_bar(label: str, total: int) -> Iterator[Callable[..., None]]:
    """A bar of so many pieces; the block gets a function to call after each, or with how many there were."""
    with _progress() as bars:
        task = bars.add_task(label, total=total)
        yield lambda pieces=1: bars.advance(task, pieces)


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
    """Electricity and gas against stock."""
    stock_kwh = next((_site_kwh(r) for r in rows if r["controller"] == "stock"), None)
    if stock_kwh is None or row["controller"] == "stock":
        return "-"
    return f"{100 * (_site_kwh(row) / stock_kwh - 1):+.1f} %"


def _site_kwh(row: Row) -> float:
    """All that is bought: electricity and gas [kWh]."""
    return float(row["total_kwh"] + row["gas_kwh"])


def _known(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"


def _mwh(kwh: float, digits: int = 1) -> str:
    return f"{kwh / 1000:.{digits}f}"
