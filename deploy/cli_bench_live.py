"""`airhandler bench live` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from airhandler.control.options import AsJson, BuildingName

app = typer.Typer()


@app.command(
    "live",
    epilog="For example: airhandler bench live --cycles 50000 --json  |  airhandler bench live --folder /var/tmp",
)
def bench_live(
    controller: Annotated[
        str, typer.Argument(help="A controller's name, or the folder of a bundle.")
    ] = "outdoor-reset",
    building: BuildingName = "datacentre-dx",
    cycles: Annotated[int, typer.Option("--cycles", min=100, help="Control steps.")] = 5_000,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="On whose disk the journal is kept; by default the temporary one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What a control step costs without its site, with everything that is kept of it; and whether memory stays flat.

    Exit code 1 where the journal does not hold, or memory grows.
    """
    from airhandler.control.display import counting_bar, show

    from .bench_live import FLAT_MB
    from .bench_live import bench_live as run

    with counting_bar("running", cycles) as done:
        result = run(controller, building, cycles=cycles, folder=folder, progress=lambda cycle: done())
    show(result, _table, as_json=as_json)
    if result["broken"] is not None or result["growth_mb"] > FLAT_MB:
        raise typer.Exit(1)


def _table(result: dict[str, Any]) -> Table:
    title = f"{result['cycles']} cycles of {result['controller']} on {result['building']}"
    table = Table("of a step", "median ms", "99 % ms", "most ms", title=title)
    for name, words in (("decide", "proposal and shield"), ("journal", "journal"), ("lease", "lease")):
        table.add_row(words, *(f"{result[f'{name}_{which}_ms']:.2f}" for which in ("p50", "p99", "max")))
    held = result["broken"] or f"{result['rows']} rows hold"
    table.caption = (
        f"{result['rows_per_s']:.0f} rows a second, {result['bytes_per_tick']:.0f} bytes a tick in {result['files']} "
        f"files, {held}; {result['resident_mb']:.0f} MB, {result['growth_mb']:+.2f} MB since the first tenth"
    )
    return table
