"""`airhandler bench bus` on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from airhandler.control.options import AsJson

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer()


@app.command(
    "bus", epilog="For example: airhandler bench bus --points 1000 --json  |  airhandler bench bus datacentre-dx"
)
def bench_bus(
    building: Annotated[
        str | None, typer.Argument(metavar="[BUILDING]", help="A building; by default a data hall of so many points.")
    ] = None,
    points: Annotated[int, typer.Option("--points", min=1, help="Points that the data hall has at least.")] = 1000,
    controller: Annotated[str, typer.Option("--controller", help="Who proposes.")] = "trim-respond",
    cycles: Annotated[int, typer.Option("--cycles", min=1, help="How often all is read and judged.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Reads every point of a twin over BACnet, proposes and judges: how long that takes. Nothing is written."""
    from airhandler.control.display import counting_bar, show

    from .bench_bus import bench_bus as run
    from .bench_bus import hall_of

    with counting_bar("cycles", cycles) as progress:
        result = run(building or hall_of(points), controller, cycles, progress)
    show(result, _table, as_json=as_json)


def _table(result: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(title=f"{result['building']}: {result['points']} points over BACnet, {result['cycles']} times")
    for column in ("", "p50 ms", "p99 ms", "greatest ms"):
        table.add_column(column, justify="left" if not column else "right")
    for name, words in (("read_s", "read"), ("decide_s", "propose and judge"), ("whole_s", "whole")):
        table.add_row(words, *(f"{1e3 * result[name][q]:.1f}" for q in ("p50", "p99", "max")))
    return table
