"""`airhandler buildings` on the command line: the list, what one building consists of, whether it can be controlled."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from airhandler.buildings.errors import UserError

app = typer.Typer(invoke_without_command=True)

BuildingId = Annotated[str, typer.Argument(metavar="ID", help="A building's id, as the list has it.")]
ModelFile = Annotated[Path, typer.Argument(metavar="FILE", help="An EnergyPlus model: IDF or epJSON.")]
Processes = Annotated[int, typer.Option("--processes", "-j", min=1, help="Simulations that run at once.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Every = Annotated[bool, typer.Option("--all", help="Each of Sinergym's environments, not a line for each model.")]


@app.callback(epilog="For example: airhandler buildings --json  |  airhandler buildings show datacentre-dx")
def buildings(context: typer.Context, every: Every = False, as_json: AsJson = False) -> None:
    """What can be simulated. Without a subcommand: the list."""
    if context.invoked_subcommand is None:
        list_buildings(every=every, as_json=as_json)
    elif as_json or every:
        option = "--json" if as_json else "--all"
        raise UserError(f"{option} stands before {context.invoked_subcommand!r}: put it behind")


@app.command("list", epilog="For example: airhandler buildings list --all  |  airhandler buildings list --json")
def list_buildings(every: Every = False, as_json: AsJson = False) -> None:
    """Lists the buildings: zones, actions, observations, weathers, speed. JSON holds every environment."""
    from airhandler.buildings.catalog import building_ids, find_building
    from airhandler.buildings.listing import building_row

    from .display import show
    from .display_buildings import building_table

    rows = [building_row(find_building(name)) for name in building_ids()]
    show(rows + _sinergym_rows(), functools.partial(building_table, every=every), as_json=as_json)


@app.command(
    "show",
    epilog="For example: airhandler buildings show datacentre-dx"
    "  |  airhandler buildings show sinergym:Eplus-5zone-hot-continuous-v1",
)
def show_building(name: BuildingId, as_json: AsJson = False) -> None:
    """Prints one building: points, limits, observations, actions, and what was changed in its model and why."""
    from .display import show
    from .display_buildings import building_page

    show(_details(name), building_page, as_json=as_json)


@app.command(
    "check", epilog="For example: airhandler buildings check datacentre-cw --year  |  ... check my-site.yaml --json"
)
def check_building(
    name: BuildingId,
    weather: Annotated[
        str | None, typer.Option("--weather", help="A name or an EPW file; by default the building's first.")
    ] = None,
    year: Annotated[bool, typer.Option("--year", help="The whole year, not a week of each season.")] = False,
    days: Annotated[
        int, typer.Option("--days", min=1, max=90, help="Days of each season, where it is not the year.")
    ] = 7,
    effects: Annotated[
        bool, typer.Option("--effects/--no-effects", help="Move each set-point alone, too: long with many of them.")
    ] = True,
    processes: Annotated[int, typer.Option("--processes", "-j", min=1, help="Simulations that run at once.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Runs a building's contract, under orderly and hostile set-points, and refuses it with the likely cause.

    Every value within its declared range and finite, the parts of the electricity its sum, no severe error of
    EnergyPlus in normal operation, the same seed the same run, and every set-point moves something.
    """
    from airhandler.buildings.catalog import find_building
    from airhandler.buildings.contract import check_building, refuse, weeks, year_in
    from airhandler.buildings.listing import report_row
    from airhandler.buildings.weather import find_weather

    from .display import note, show
    from .display_buildings import report_page

    building = find_building(name)
    found = check_building(
        building,
        find_weather(weather) if weather else None,
        periods=year_in(processes) if year else weeks(days),
        with_effects=effects,
        processes=processes,
        progress=note,
    )
    show(report_row(building, found), report_page, as_json=as_json)
    refuse(building, found.findings)


@app.command(
    "inspect",
    epilog="For example: airhandler buildings inspect office.idf"
    "  |  airhandler buildings inspect office.idf --actuators fan --variables 'zone air temp'",
)
def inspect_model(
    file: ModelFile,
    weather: Annotated[
        str, typer.Option("--weather", help="Weather of the short run that lists what exists: a name or an EPW file.")
    ] = "chicago",
    actuators: Annotated[
        str, typer.Option("--actuators", metavar="PATTERN", help="List the actuators that hold this; '*' for all.")
    ] = "",
    variables: Annotated[
        str, typer.Option("--variables", metavar="PATTERN", help="List the output variables that hold this, with keys.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Lists what an EnergyPlus model holds: zones, servers, air loops, set-points; and what will mislead in it."""
    from airhandler.buildings.inspection import inspection_row
    from airhandler.buildings.weather import find_weather

    from .display import show
    from .display_inspection import inspection_page

    row = inspection_row(file, find_weather(weather), actuators=actuators, variables=variables)
    show(row, inspection_page, as_json=as_json)


@app.command(
    "new",
    epilog="For example: airhandler buildings new office.idf --weather chicago --out my-site.yaml"
    "  |  airhandler evaluate stock --building my-site.yaml --weather chicago --days 7",
)
def new_building(
    file: ModelFile,
    weather: Annotated[str, typer.Option("--weather", help="Its weather: a name or an EPW file.")],
    out: Annotated[Path, typer.Option("--out", help="The building file to write.")] = Path("my-site.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Writes a starting building file for an EnergyPlus model: what is certain of it, and what to look at next.

    EnergyPlus runs the model for a few days: every point of the file exists; set-points without an effect are named.
    """
    from airhandler.buildings.catalog import is_building_file
    from airhandler.buildings.listing import building_row
    from airhandler.buildings.starting import start
    from airhandler.buildings.weather import find_weather

    from .display import note, show
    from .display_buildings import building_table
    from .table import replacing

    if not is_building_file(str(out)):
        raise UserError(f"out {out}: a building file ends in .yaml")
    if out.exists() and not force:
        raise UserError(f"out {out}: is there already; --force writes over it")
    started = start(file, find_weather(weather), out)
    with replacing(out) as temporary:
        temporary.write_text(started.text, encoding="utf-8")
    for words in started.notes:
        note(words)
    note(f"wrote {out}: read its comments, then: airhandler evaluate stock --building {out} --weather {weather}")
    show([building_row(started.building)], building_table, as_json=as_json)


@app.command("warnings", epilog="For example: airhandler buildings warnings datacentre-dx --weather chicago")
def count_warnings(
    name: BuildingId,
    controllers: Annotated[
        str | None,
        typer.Option(
            "--controllers",
            help="Controllers, separated by commas, and 'random'; by default stock, a rule that fits, random.",
        ),
    ] = None,
    weather: Annotated[str, typer.Option("--weather", help="Weather: a name, or the path of an EPW file.")] = "chicago",
    start: Annotated[str, typer.Option("--start", metavar="MM-DD", help="First day.")] = "01-01",
    days: Annotated[int, typer.Option("--days", help="Number of days.")] = 365,
    as_json: AsJson = False,
) -> None:
    """Counts what EnergyPlus warns of under each controller, by kind, with steps per second."""
    from airhandler.buildings.catalog import find_building
    from airhandler.buildings.model import Period, parse_month_day
    from airhandler.buildings.weather import find_weather

    from .complaints import USUAL, check_named, complaints_under
    from .display import note, show
    from .display_buildings import complaints_table

    building, place = find_building(name), find_weather(weather)
    period = Period(start=parse_month_day(start), days=days)
    named = (controllers or USUAL[building.kind]).split(",")
    check_named(named, building)
    rows = []
    for controller in named:
        note(f"{controller}: {days} days of {place.name}")
        found, steps_per_s = complaints_under(controller, building, place, period)
        rows.append(
            {
                "controller": controller,
                "warnings": found.warnings,
                "severe": found.severe,
                "steps_per_s": steps_per_s,
                "kinds": dict(found.kinds),
            }
        )
    show(rows, complaints_table, as_json=as_json)


@app.command("servers", epilog="For example: airhandler buildings servers --json")
def list_servers(as_json: AsJson = False) -> None:
    """Lists the server types: what idle servers draw, what a kelvin costs, fans, airflow, ASHRAE class."""
    from airhandler.buildings.listing import server_row
    from airhandler.buildings.servers import server_types

    from .display import show
    from .display_buildings import server_table

    show([server_row(name, servers) for name, servers in server_types().items()], server_table, as_json=as_json)


@app.command("trap", epilog="For example: airhandler buildings trap datacentre-dx --servers stock,volume-a2")
def show_trap(
    name: BuildingId,
    weather: Annotated[str, typer.Option("--weather", help="Weather: a name, or the path of an EPW file.")] = "chicago",
    servers: Annotated[str, typer.Option("--servers", help="Server types, separated by commas.")] = "stock,volume-a2",
    low_c: Annotated[int, typer.Option("--low", help="Coolest supply air that is tried [degC].")] = 10,
    high_c: Annotated[int, typer.Option("--high", help="Warmest supply air that is tried [degC].")] = 27,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Days from 1 January of each run.")] = 365,
    processes: Processes = min(8, os.cpu_count() or 1),  # noqa: B008 - how many there are does not change
    as_json: AsJson = False,
) -> None:
    """What optimising HVAC power alone does to total energy: one constant supply-air set-point, swept in kelvins."""
    from airhandler.buildings.model import Period

    from .display import note, show
    from .display_buildings import sweep_words, trap_table
    from .trap import sweep, trap, trap_row

    if low_c > high_c:
        raise UserError(f"--low {low_c}: must not be above --high {high_c}")
    types = servers.split(",")
    runs = sweep(
        name,
        weather,
        Period(days=days),
        servers=types,
        supplies_c=[float(c) for c in range(low_c, high_c + 1)],
        processes=processes,
        on_run=lambda run: note(sweep_words(trap_row(run))),
    )
    rows = []
    for one in types:
        found = trap([run for run in runs if run.servers == one])
        rows.append({"optimised": "HVAC alone", **trap_row(found.least_hvac)})
        rows.append({"optimised": "total", **trap_row(found.least_total)})
    show(rows, trap_table, as_json=as_json)


def _sinergym_rows() -> list[dict[str, Any]]:
    """Sinergym's environments; none where it is not installed."""
    from airhandler.buildings.sinergym import is_installed

    if not is_installed():
        return []
    from airhandler.buildings.sinergym_config import sinergym_ids
    from airhandler.buildings.sinergym_listing import sinergym_row

    return [sinergym_row(item) for item in sinergym_ids().values()]


def _details(name: str) -> dict[str, Any]:
    from airhandler.buildings.sinergym import is_sinergym

    if is_sinergym(name):
        from airhandler.buildings.sinergym_config import find_sinergym
        from airhandler.buildings.sinergym_listing import sinergym_details

        return sinergym_details(find_sinergym(name))
    from airhandler.buildings.catalog import find_building
    from airhandler.buildings.listing import building_details

    return building_details(find_building(name))
