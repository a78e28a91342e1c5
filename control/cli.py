"""`airhandler train`, `tune`, `evaluate` and `report` on the command line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airhandler.buildings.sinergym import is_sinergym

from . import cli_bench
from .objectives import LEARNS_FROM, LearnFrom, Objective
from .options import AsJson, BuildingName, ScenarioOptions, WorldFile, expanded, world_of

if TYPE_CHECKING:
    from airhandler.buildings.model import Period

    from .train import Trained


app = typer.Typer(no_args_is_help=True)
app.add_typer(cli_bench.app, name="bench")

Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of everything random.")]
Processes = Annotated[int, typer.Option("--processes", "-j", min=1, help="Simulations that run at once.")]
PROCESSES = min(8, os.cpu_count() or 1)


@app.command(
    epilog="For example: airhandler train --weather chicago,tucson --steps 100000 --out runs/agent"
    "  |  airhandler train --out runs/agent --resume  |  airhandler train --randomise default --out runs/robust"
    "  |  airhandler train --objective break --steps 60000 --out runs/breaker"
)
@expanded
def train(
    context: typer.Context,
    *,
    building: BuildingName = "datacentre-dx",
    weather: Annotated[
        str, typer.Option("--weather", help="Weathers to train on, separated by commas: names or EPW files.")
    ] = "chicago,tucson",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Environment steps in all.")] = 100_000,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run: bundle, checkpoint, TensorBoard log.")] = Path(
        "runs/agent"
    ),
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's checkpoint.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter, e.g. gamma=0.95; repeatable."),
    ] = None,
    learn_from: Annotated[
        LearnFrom | None,
        typer.Option(
            "--learn-from",
            help="What is learned from where the shield acted (docs/training.md); by default executed.",
            show_default=False,
        ),
    ] = None,
    shield: Annotated[
        bool,
        typer.Option("--shield/--no-shield", help="Whether the shield judges proposals; live refuses what had none."),
    ] = True,
    objective: Annotated[
        Objective,
        typer.Option("--objective", help="break: inlets above their limit are rewarded, to try the shield."),
    ] = "save",
    scenario: ScenarioOptions,
    world: WorldFile = None,
    as_json: AsJson = False,
) -> None:
    """Trains a Soft Actor-Critic agent behind the shield and writes a bundle. Ctrl-C saves and stops.

    On one of Sinergym's environments: with its own weather and reward, without shield or checkpoints.
    """
    if is_sinergym(building):
        from . import cli_sinergym

        cli_sinergym.check_train(context, building)
        _tell(cli_sinergym.train(building, steps, out, seed, set_ or [], command_line()), out, as_json, resumable=False)
        return
    from .agent import agent_settings
    from .display import training_bar
    from .train import TrainSettings
    from .train import train as run

    settings = TrainSettings(
        building=building,
        weathers=tuple(weather.split(",")),
        out=out,
        steps=steps,
        seed=seed,
        world=world_of(world),
        scenario=scenario.read(building),
        learn_from=learn_from or LEARNS_FROM[objective],
        shielded=shield,
        objective=objective,
        agent=agent_settings(set_ or []),
    )
    with training_bar(steps) as progress:
        done = run(settings, resume=resume, command=command_line(), progress=progress)
    _tell(done, out, as_json, resumable=True)


@app.command(epilog="For example: airhandler tune outdoor-reset --weather chicago,tucson --rounds 6")
def tune(
    controller: Annotated[
        str, typer.Argument(help="A rule that fits the building: constant, outdoor-reset, trim-respond, setback.")
    ],
    building: BuildingName = "datacentre-dx",
    weather: Annotated[str, typer.Option("--weather", help="Weathers, separated by commas.")] = "chicago,tucson",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds of the pattern search.")] = 6,
    days: Annotated[int, typer.Option("--days", help="Days from 1 January that each trial runs.")] = 365,
    shield: Annotated[bool, typer.Option("--shield/--no-shield", help="Whether trials run behind the shield.")] = True,
    processes: Processes = PROCESSES,
    as_json: AsJson = False,
) -> None:
    """Searches the best parameters of a rule on training weather, for `baselines` in the building file."""
    from airhandler.buildings.model import Period

    from .display import show, trial_line, trial_table
    from .search import search

    best = search(
        controller,
        building,
        weather.split(","),
        Period(days=days),
        rounds=rounds,
        processes=processes,
        shielded=shield,
        on_trial=trial_line,
    )
    row = {
        "controller": controller,
        "parameters": dict(best.parameters),
        "total_kwh": best.total_kwh,
        "gas_kwh": best.gas_kwh,
        "missed_frac": best.missed_frac,
    }
    show(row, trial_table, as_json=as_json)


@app.command(
    epilog="For example: airhandler evaluate stock --weather chicago --json"
    "  |  airhandler evaluate stock outdoor-reset runs/agent/bundle --weather new-york --out runs/compare"
    "  |  airhandler evaluate outdoor-reset --fault dead-fan-east@07-15T12:00 --stress 1 --randomise default"
)
@expanded
def evaluate(
    context: typer.Context,
    *,
    controllers: Annotated[
        list[str],
        typer.Argument(
            metavar="CONTROLLER...",
            help="stock, constant, outdoor-reset, trim-respond, setback, as fits the building, or a bundle's folder; "
            "to try the shield: hostile-random, hostile-bang-bang, hostile-heat.",
        ),
    ],
    building: BuildingName = "datacentre-dx",
    weather: Annotated[str, typer.Option("--weather", help="Weather: a name, or the path of an EPW file.")] = "chicago",
    start: Annotated[str, typer.Option("--start", metavar="MM-DD", help="First day.")] = "01-01",
    days: Annotated[
        int | None, typer.Option("--days", help="Number of days; by default to the end of the year.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Which year of a world, and which draw of all that is random.")
    ] = 0,
    shield: Annotated[bool, typer.Option("--shield/--no-shield", help="Whether the shield judges proposals.")] = True,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder that keeps the runs, for `airhandler report`.")
    ] = None,
    processes: Processes = PROCESSES,
    scenario: ScenarioOptions,
    world: WorldFile = None,
    as_json: AsJson = False,
) -> None:
    """Runs controllers through a weather and prints what each cost and what it broke.

    On one of Sinergym's environments the controllers are stock, random, constant, comfort-band or a bundle.
    """
    if is_sinergym(building):
        from . import cli_sinergym

        cli_sinergym.check_evaluate(context, building)
        whole = days is None and not cli_sinergym.was_given(context, "start")
        period = None if whole else _period(start, days)
        cli_sinergym.evaluate(controllers, building, period, seed, as_json=as_json)
        return
    from .compare import Cell, compare, labels_of, row, save_evaluation
    from .display import comparison_bars, evaluation_table, show
    from .table import check_writable

    period = _period(start, days)
    if out is not None:
        check_writable(out)
    around = world_of(world)
    through = scenario.read(building)
    cells = [
        Cell(
            controller=c,
            building=building,
            weather=weather,
            period=period,
            shielded=shield,
            seed=seed,
            world=around,
            scenario=through,
        )
        for c in controllers
    ]
    labels = labels_of(cells)
    with comparison_bars(labels) as progress:
        results = compare(cells, processes=processes, progress=progress)
    if out is not None:
        for cell, done in zip(cells, results, strict=True):
            save_evaluation(out, cell, done)
    rows = [row(cell, done) | {"label": label} for cell, done, label in zip(cells, results, labels, strict=True)]
    show(rows[0] if as_json and len(rows) == 1 else rows, evaluation_table, as_json=as_json)


@app.command(
    epilog="For example: airhandler evaluate stock outdoor-reset hostile-random --weather chicago --out runs/fit"
    "  |  airhandler evaluate ... --weather new-york --out runs/held-out"
    "  |  airhandler identify runs/fit --held-out runs/held-out --out thermal.yaml"
)
def identify(
    folder: Annotated[Path, typer.Argument(help="Folder of runs kept by `airhandler evaluate --out`: to fit on.")],
    held_out: Annotated[Path, typer.Option("--held-out", help="Folder of other runs, for the error bounds.")],
    out: Annotated[Path | None, typer.Option("--out", help="A YAML file to write the section into.")] = None,
    as_json: AsJson = False,
) -> None:
    """Identifies how a building's air answers its set-points: the section `thermal` of its building file.

    The shield's inlet guard predicts with it. Runs from several weathers and controllers show the most.
    """
    from airhandler.buildings.errors import UserError

    from .display import note, show
    from .display_thermal import thermal_table, thermal_yaml
    from .identify import doubts, runs_in
    from .identify import identify as run
    from .table import replacing

    if folder.resolve() == held_out.resolve():
        raise UserError(f"--held-out {held_out}: the folder that is fitted on; bounds need runs of another one")
    fitted, others = runs_in(folder), runs_in(held_out)
    found = run(fitted, others)
    for words in doubts(found, fitted, others):
        note(f"identify: {words}")
    if out is not None:
        with replacing(out) as temporary:
            temporary.write_text(thermal_yaml(found))
    show(found.model_dump(mode="json"), thermal_table, as_json=as_json)


@app.command(
    epilog="For example: airhandler report runs/compare --title 'January in Chicago'"
    "  |  airhandler report --shadow runs/shadow-20260701T120000Z  |  airhandler report --shadow runs/shadow --truth"
)
def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of runs kept by `airhandler evaluate --out`, or a shadow run.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="The HTML file; by default report.html or shadow.html in the folder.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Headline.", show_default=False)] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="The folder is a shadow run: what it would have saved and broken.")
    ] = False,
    truth: Annotated[
        bool, typer.Option("--truth", help="With --shadow of a simulated site: hold the estimate to branches of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Writes one HTML page from kept runs: the finding, the table, plots that a person understands.

    With --shadow also shadow.json, and promotion.json: the checklist that live mode asks for before it writes.
    """
    from airhandler.buildings.errors import UserError

    if shadow:
        from .shadow_report import report_shadow

        told = report_shadow(folder, out or folder / "shadow.html", truth=truth, command=command_line(), title=title)
        typer.echo(json.dumps(told, indent=2) if as_json else told["words"])
        return
    if truth:
        raise UserError("--truth: belongs to --shadow")
    from .compare import load_evaluations
    from .summary import report_runs

    title = title or "airhandler: controllers compared"
    path = report_runs(load_evaluations(folder), out or folder / "report.html", title=title, command=command_line())
    typer.echo(json.dumps({"report": str(path)}) if as_json else f"report in {path}")


def command_line() -> str:
    """The command as it was typed, for provenance."""
    return " ".join(["airhandler", *sys.argv[1:]])


def _tell(done: Trained, out: Path, as_json: bool, *, resumable: bool) -> None:
    if as_json:
        told = {"bundle": str(done.bundle), "steps": done.steps, "interrupted": done.interrupted}
        typer.echo(json.dumps(told | ({} if done.met is None else {"met": done.met._asdict()})))
        return
    if done.seconds == 0.0:
        typer.echo(f"nothing left to do: this run has its {done.steps} steps; bundle in {done.bundle}")
        return
    how = "interrupted" if done.interrupted else "trained"
    typer.echo(f"{how} at {done.steps} steps after {done.seconds:.0f} s; bundle in {done.bundle}")
    if done.met is not None:
        typer.echo(
            f"steps with an inlet above allowable: {done.met.above_allowable}, "
            f"above recommended: {done.met.above_recommended}"
        )
    if done.interrupted and resumable:
        typer.echo(f"go on with: airhandler train --out {out} --resume (and the same options)")


def _period(start: str, days: int | None) -> Period:
    from airhandler.buildings.model import Period, parse_month_day

    first = Period(start=parse_month_day(start), days=1).first
    left = (first.replace(month=12, day=31) - first).days + 1
    return Period(start=parse_month_day(start), days=left if days is None else days)
