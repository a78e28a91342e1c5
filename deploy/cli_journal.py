"""`airhandler journal` on the command line: what was kept, whether it was changed, and as a table for other tools."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airhandler.buildings.errors import UserError

from .settings import SITE_FILES

if TYPE_CHECKING:
    from airhandler.buildings.catalog import Building

    from .journal_rows import Row

app = typer.Typer(
    no_args_is_help=True,
    help="Looks at a journal: what was kept, whether it was changed; and exports it.",
    epilog="For example: airhandler journal verify site.yaml  |  airhandler journal show site.yaml --last 5",
)

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="PATH", help="A site file, whose controller's journal it is; or a state folder, or a journal's folder."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command(
    epilog="For example: airhandler journal verify site.yaml  |  airhandler journal verify site.state/journal --json"
)
def verify(
    path: Folder,
    holds: Annotated[
        str | None,
        typer.Option("--holds", metavar="ROW:HASH", help="A row noted elsewhere, which must still be there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Checks every row: its hash, and that it follows the one before. Exit code 1 names the first that is broken."""
    from .journal_reading import verify as run

    result = run(_journal(path), holds=_row_and_hash(holds))
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2))
    elif result.broken is None:
        early = f"; {result.removed} earlier ones were removed by age" if result.removed else ""
        typer.echo(f"{result.rows} rows hold, {result.first} to {result.last}{early}")
        typer.echo(f"last row: {result.last}:{result.head}")
    else:
        typer.echo(f"BROKEN: {result.broken}; {result.rows} rows before it hold")
    if result.broken is not None:
        raise typer.Exit(1)


@app.command(epilog="For example: airhandler journal show site.yaml --last 5  |  airhandler journal show PATH --json")
def show(
    path: Folder,
    last: Annotated[int, typer.Option("--last", min=1, help="How many rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Prints the last rows."""
    from .journal_reading import last_rows

    found = last_rows(_journal(path), last)
    if as_json:
        typer.echo(json.dumps([row.to_dict() for row in found], indent=2))
        return
    for row in found:
        typer.echo(_line(row))


@app.command(
    epilog="For example: airhandler journal export site.state --parquet journal.parquet"
    "  |  airhandler journal export site.state --minari site/north-hall-v0"
)
def export(
    path: Folder,
    csv: Annotated[Path | None, typer.Option("--csv", help="A CSV with a line for each row.")] = None,
    parquet: Annotated[Path | None, typer.Option("--parquet", help="The same as Parquet.")] = None,
    recording: Annotated[
        Path | None, typer.Option("--recording", help="A CSV of what the site showed, for `shadow --site`.")
    ] = None,
    minari: Annotated[str | None, typer.Option("--minari", help="Name of a Minari dataset, as `site/hall-v0`.")] = None,
    building: Annotated[
        str | None, typer.Option("--building", help="Whose points they are; by default what the journal says.")
    ] = None,
) -> None:
    """Writes a journal as a table for other tools."""
    folder = _journal(path)
    if not any((csv, parquet, recording, minari)):
        raise UserError("nothing to write: name --csv, --parquet, --recording or --minari")
    if csv is not None:
        from .journal_export import export_csv

        typer.echo(f"{export_csv(folder, csv)} rows in {csv}")
    if parquet is not None:
        from .journal_export import export_parquet

        typer.echo(f"{export_parquet(folder, parquet)} rows in {parquet}")
    if recording is not None:
        from .journal_export import export_recording

        typer.echo(f"{export_recording(folder, recording, _building(folder, building))} readings in {recording}")
    if minari is not None:
        from .journal_minari import export_minari

        typer.echo(f"{export_minari(folder, minari, _building(folder, building))} steps in Minari's {minari}")


def _journal(path: Path) -> Path:
    """The folder of the journal: itself, or that of the controller in a state folder, which a site file may name."""
    from .site_file import load_site
    from .state import StateFolder

    of_site = path.name.endswith(SITE_FILES) and path.is_file()
    folder = load_site(path).state if of_site else path
    inside = StateFolder(folder, asking=True).journal_folder
    if of_site and not inside.is_dir():
        raise UserError(f"{path}: its state folder {folder} has no journal: no controller was live here yet")
    return inside if inside.is_dir() else folder


def _building(folder: Path, named: str | None) -> Building:
    from airhandler.buildings.catalog import find_building

    from .journal_ticks import building_of

    return find_building(named or building_of(folder))


def _row_and_hash(words: str | None) -> tuple[int, bytes] | None:
    if words is None:
        return None
    match = re.fullmatch(r"(\d+):([0-9a-f]{64})", words)
    if match is None:
        raise UserError(f"--holds {words}: give a row and its hash, as `airhandler journal verify` prints them")
    return int(match[1]), bytes.fromhex(match[2])


def _line(row: Row) -> str:
    """A row for people: of a tick what was decided, of all else what it says."""
    when = (row.site_time or row.utc).isoformat(timespec="seconds")
    head = f"{row.seq:>8}  {when}  {row.kind:<13}"
    if row.kind == "tick":
        verdict, outcome = row.payload["verdict"], row.payload["outcome"]
        said = [row.payload["stage"], verdict["kind"] if verdict else "observed"]
        said += [reason["words"] for reason in (verdict["reasons"] if verdict else ()) if "words" in reason]
        said += [outcome["kind"]] if outcome else []
        return f"{head}  {'; '.join(said)}"
    return f"{head}  {', '.join(f'{name} {value}' for name, value in row.payload.items())}"
