"""`airhandler bench` on the command line: speeds, as ratios in one run; and what leaves the shield."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airhandler.buildings.errors import UserError

from .options import AsJson, BuildingName

if TYPE_CHECKING:
    from .plots import Drawing

app = typer.Typer(
    no_args_is_help=True,
    help="Measures speed, as ratios in one run; and what leaves the shield.",
    epilog="For example: airhandler bench engine  |  airhandler bench shield --json  |  airhandler bench bus",
)

FigureFile = Annotated[Path | None, typer.Option("--figure", help="An SVG file to draw the result into.")]


@app.command("engine", epilog="For example: airhandler bench engine --json")
def bench_engine(
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Simulated days of each measurement.")] = 90,
    repetitions: Annotated[int, typer.Option("--repetitions", min=1, help="Alternating repetitions.")] = 5,
    figure: FigureFile = None,
    as_json: AsJson = False,
) -> None:
    """Steps per second of bare EnergyPlus, of our environment and of Sinergym's, alternating in one run."""
    from .bench import bench_engine as run
    from .display import bench_table, note, show

    result = run(
        days=days,
        repetitions=repetitions,
        progress=lambda name, i: note(f"repetition {i + 1} of {repetitions}: {name}"),
    )
    if figure is not None:
        from .plots_speed import speed_plot

        _draw(speed_plot(result), figure, name="speed", title="Steps per second")
    show(result, bench_table, as_json=as_json)


@app.command(
    "buildings",
    epilog="For example: airhandler bench buildings --days 28 --record  |  airhandler bench buildings datacentre-dx",
)
def bench_buildings(
    buildings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Buildings; by default all of ours and one of each Sinergym model."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Simulated days of each measurement.")] = 14,
    repetitions: Annotated[int, typer.Option("--repetitions", min=1, help="Alternating repetitions.")] = 3,
    keep: Annotated[
        bool, typer.Option("--record", help="Record the relations in the package, for `airhandler buildings`.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Steps per second of each building under constant actions, and in relation to datacentre-dx."""
    from .bench_buildings import bench_buildings as run
    from .display import note, show
    from .display_buildings import speed_table

    result = run(
        buildings or [],
        days=days,
        repetitions=repetitions,
        keep=keep,
        progress=lambda name, i: note(f"repetition {i + 1} of {repetitions}: {name}"),
    )
    show(result, speed_table, as_json=as_json)


@app.command(
    "zones",
    epilog="For example: airhandler bench zones --figure zones.svg  |  airhandler bench zones --zones 4,16 --json",
)
def bench_zones(
    zones: Annotated[
        str, typer.Option("--zones", help="Numbers of zones, separated by commas, 2 to 256.")
    ] = "2,4,8,16,32,64",
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Simulated days of each measurement.")] = 7,
    repetitions: Annotated[int, typer.Option("--repetitions", min=1, help="Alternating repetitions.")] = 3,
    figure: FigureFile = None,
    as_json: AsJson = False,
) -> None:
    """What a step of the data hall costs against its number of zones: EnergyPlus alone, and our environment."""
    from .bench_zones import bench_zones as run
    from .display import counting_bar, show
    from .display_buildings import zones_table

    counts = _counts(zones)
    with counting_bar("measuring", 2 * len(counts) * repetitions) as measured:
        result = run(counts, days=days, repetitions=repetitions, measured=measured)
    if figure is not None:
        from .plots_speed import zones_plot

        _draw(zones_plot(result), figure, name="zones", title="Time per step against the number of zones")
    show(result, zones_table, as_json=as_json)


def _counts(text: str) -> list[int]:
    """Numbers of zones, each once, the smallest first. Raises UserError."""
    try:
        return sorted({int(word) for word in text.split(",")})
    except ValueError:
        raise UserError(f"--zones {text}: give whole numbers separated by commas, such as 4,16,64") from None


@app.command(
    "shield", epilog="For example: airhandler bench shield --cases 1000000 --json  |  airhandler bench shield --seed 7"
)
def bench_shield(
    cases: Annotated[int, typer.Option("--cases", min=1, help="Situations to judge.")] = 20_000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other situations.")] = 0,
    processes: Annotated[int, typer.Option("--processes", "-j", min=1, help="Processes that judge at once.")] = min(
        8, os.cpu_count() or 1
    ),
    as_json: AsJson = False,
) -> None:
    """Generated situations, hostile ones too: what left the shield in each, and how long it took.

    Ends with exit code 1 if one promise was broken once.
    """
    from .bench_shield import BROKEN
    from .bench_shield import bench_shield as run
    from .display import counting_bar, show
    from .display_shield import shield_table

    with counting_bar("situations", cases) as progress:
        result = run(cases=cases, seed=seed, processes=processes, progress=progress)
    show(result, shield_table, as_json=as_json)
    if any(result[name] for name in BROKEN):
        raise typer.Exit(1)


@app.command(
    "faults",
    epilog="For example: airhandler bench faults datacentre-dx --json  |  airhandler bench faults datacentre-cw -j 2",
)
def bench_faults(
    building: Annotated[str, typer.Argument(help="A data centre: an id, or your own file.")],
    weather: Annotated[str, typer.Option("--weather", help="Weather: a name, or the path of an EPW file.")] = "tokyo",
    start: Annotated[str, typer.Option("--start", metavar="MM-DD", help="First day.")] = "08-02",
    days: Annotated[int, typer.Option("--days", min=2, help="Days of each run; the fault begins on the second.")] = 3,
    controller: Annotated[str, typer.Option("--controller", help="Who is in charge: a rule, or a bundle.")] = (
        "outdoor-reset"
    ),
    only: Annotated[str, typer.Option("--only", help="Only faults with this text, such as inlet_temp or bias.")] = "",
    processes: Annotated[int, typer.Option("--processes", "-j", min=1, help="Simulations that run at once.")] = min(
        8, os.cpu_count() or 1
    ),
    as_json: AsJson = False,
) -> None:
    """Every fault of equipment and sensors, on models that differ from what the shield knows: what inlets met.

    Ends with exit code 1 if a fault took an inlet above its allowable limit where full cooling would not have.
    """
    from airhandler.buildings.model import Period, parse_month_day

    from .bench_faults import bench_faults as run
    from .bench_faults import count_of
    from .display import counting_bar, show
    from .display_shield import faults_table
    from .fault_run import Stretch

    stretch = Stretch(
        building=building,
        weather=weather,
        period=Period(start=parse_month_day(start), days=days),
        controller=controller,
        only=only,
    )
    with counting_bar("faults", count_of(stretch)) as progress:
        result = run(stretch, processes=processes, progress=progress)
    show(result, faults_table, as_json=as_json)
    if result["avoidable"]:
        raise typer.Exit(1)


@app.command(
    "coverage",
    epilog="For example: airhandler bench coverage --weather port-angeles,tokyo --json"
    "  |  airhandler bench coverage --building datacentre-cw --days 60",
)
def bench_coverage(
    building: BuildingName = "datacentre-dx",
    weather: Annotated[
        str, typer.Option("--weather", help="Weathers, separated by commas: those that nothing was fitted on.")
    ] = "port-angeles,tokyo,granada",
    controllers: Annotated[
        str, typer.Option("--controllers", help="Who is in charge, separated by commas.")
    ] = "stock,outdoor-reset,hostile-random",
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Days from 1 January.")] = 365,
    processes: Annotated[int, typer.Option("--processes", "-j", min=1, help="Simulations that run at once.")] = min(
        8, os.cpu_count() or 1
    ),
    as_json: AsJson = False,
) -> None:
    """How often inlets were where the inlet guard's model predicted them, within its error bound.

    Ends with exit code 1 if, for one number of steps ahead, that is not 93 to 97 % of all.
    """
    from airhandler.buildings.model import Period

    from .coverage import bench_coverage as run
    from .coverage import in_band, with_inlets
    from .display import counting_bar, show
    from .display_thermal import coverage_table

    with_inlets(building)
    weathers, named = weather.split(","), controllers.split(",")
    with counting_bar("runs", len(weathers) * len(named)) as progress:
        result = run(building, weathers, named, Period(days=days), processes=processes, progress=progress)
    show(result, coverage_table, as_json=as_json)
    if not in_band(result):
        raise typer.Exit(1)


def _draw(drawing: Drawing, file: Path, *, name: str, title: str) -> None:
    from .plots import to_svg
    from .table import replacing

    with replacing(file) as temporary:
        temporary.write_text(to_svg(drawing, name=name, title=title))
