"""`airhandler demo`: the whole idea once through: train, compare on unseen weather, report, run live."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from airhandler.buildings.errors import UserError

from .demo_processes import free_port

app = typer.Typer()

_BUILDING = "datacentre-dx"
_TRAINED_ON, _UNSEEN = ("chicago", "tucson"), "new-york"
_RULES = ("stock", "constant", "trim-respond", "outdoor-reset")
_LIVE_START, _LIVE_DAYS, _LIVE_SPEED = (7, 13), 3, 14_400.0  # a warm stretch, 16 steps a second


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoSettings:
    """Size of the demonstration.

    Attributes:
        out: folder of everything that it makes.
        steps: training steps.
        days: how much of the unseen year is compared.
    """

    out: Path
    steps: int
    days: int
    seed: int
    processes: int


@app.command(epilog="For example: airhandler demo  |  airhandler demo --steps 5000 --days 14 --out runs/quick")
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder; what an earlier demo left there is replaced.")] = Path(
        "runs/demo"
    ),
    steps: Annotated[int, typer.Option("--steps", min=1, help="Training steps.")] = 60_000,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Days of the unseen year.")] = 365,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of the training.")] = 0,
    processes: Annotated[int, typer.Option("--processes", "-j", min=1, help="Simulations at once.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Trains an agent behind the shield, compares it on a year it never saw, and runs it live, in one command."""
    from airhandler.control.display import evaluation_table, note, show

    settings = DemoSettings(out=out, steps=steps, days=days, seed=seed, processes=processes)
    began = time.monotonic()
    clear(out)
    note(f"1 of 4: training on {' and '.join(_TRAINED_ON)} ({steps} steps of 15 minutes)")
    bundle = bundle_of_demo(out, steps, seed)
    note(f"2 of 4: {days} days of {_UNSEEN}, which the agent never saw, under each controller")
    rows = _compare(settings, bundle)
    note("3 of 4: the report")
    _report(settings)
    note(f"4 of 4: live for {_LIVE_DAYS} simulated days, metrics scraped on the way")
    live = _live(settings, bundle)
    summary = {
        "seconds": round(time.monotonic() - began, 1),
        "building": _BUILDING,
        "trained_on": list(_TRAINED_ON),
        "evaluated_on": _UNSEEN,
        "training_steps": steps,
        "seed": seed,
        "controllers": rows,
        "live": live,
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    show(summary if as_json else rows, evaluation_table, as_json=as_json)
    if not as_json:
        typer.echo(
            f"live: {live['ticks']} ticks, {live['samples']} samples scraped from /metrics ({out / 'metrics.txt'})"
        )
        typer.echo(f"open {out / 'report.html'}; the bundle is {bundle}; figures in {out / 'summary.json'}")


def clear(out: Path) -> None:
    """Removes what an earlier demo left. Raises UserError for a folder that holds anything else."""
    if out.exists() and not out.is_dir():
        raise UserError(f"out {out} is a file: name a folder with --out")
    if out.exists() and any(out.iterdir()) and not (out / ".demo").exists():
        raise UserError(f"out folder {out} holds something that is not a demo's: name another with --out")
    try:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (out / ".demo").write_text("made by `airhandler demo`\n")
    except OSError as error:
        raise UserError(f"out folder {out} cannot be written: {error.strerror or error}") from error


def bundle_of_demo(out: Path, steps: int, seed: int = 0) -> Path:
    """Trains the demonstrations' agent into a folder. Returns its bundle. Raises KeyboardInterrupt where one came."""
    from airhandler.control.cli import command_line
    from airhandler.control.display import training_bar
    from airhandler.control.train import TrainSettings, train

    training = TrainSettings(
        building=_BUILDING,
        weathers=_TRAINED_ON,
        out=out / "training",
        steps=steps,
        seed=seed,
    )
    with training_bar(steps) as progress:
        done = train(training, resume=False, command=command_line(), progress=progress)
    if done.interrupted:
        raise KeyboardInterrupt
    return Path(shutil.copytree(done.bundle, out / "bundle"))


def _compare(settings: DemoSettings, bundle: Path) -> list[dict[str, object]]:
    from airhandler.buildings.model import Period
    from airhandler.control.compare import Cell, compare, row, save_evaluation
    from airhandler.control.display import comparison_bars

    cells = [
        Cell(
            controller=name,
            building=_BUILDING,
            weather=_UNSEEN,
            period=Period(days=settings.days),
            seed=settings.seed,
        )
        for name in (*_RULES, str(bundle))
    ]
    with comparison_bars([cell.label for cell in cells]) as progress:
        results = compare(cells, processes=settings.processes, progress=progress)
    for cell, done in zip(cells, results, strict=True):
        save_evaluation(settings.out / "runs", cell, done)
    return [row(cell, done) for cell, done in zip(cells, results, strict=True)]


def _report(settings: DemoSettings) -> None:
    from airhandler.control.cli import command_line
    from airhandler.control.compare import load_evaluations
    from airhandler.control.summary import report_runs

    report_runs(
        load_evaluations(settings.out / "runs"),
        settings.out / "report.html",
        title=f"A year in {_UNSEEN}, for an agent trained on {' and '.join(_TRAINED_ON)}",
        command=command_line(),
    )


def _live(settings: DemoSettings, bundle: Path) -> dict[str, Any]:
    """A live stretch behind real HTTP metrics, scraped while it runs; the last scrape is kept."""
    from .connectors.connect import connect
    from .live import run_live
    from .settings import RunSettings

    live = RunSettings(
        controller=str(bundle),
        out=settings.out / "live",
        weather=_UNSEEN,
        start=_LIVE_START,
        days=_LIVE_DAYS,
        speed=_LIVE_SPEED,
        port=free_port(),
    )
    scraper = Scraper(f"http://{live.address}:{live.port}/metrics")
    with scraper:
        outcome = run_live(live, connect)
    (settings.out / "metrics.txt").write_text(scraper.newest)
    samples = sum(1 for line in scraper.newest.splitlines() if line and not line.startswith("#"))
    return {
        "ticks": outcome.ticks,
        "scrapes": scraper.count,
        "samples": samples,
        "given_back": outcome.given_back,
    }


class Scraper(threading.Thread):
    """Fetches a metrics page twice a second while the block runs."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._over = url, threading.Event()
        self.newest, self.count = "", 0

    def __enter__(self) -> Scraper:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Until the block ends. A page that is not there yet is no error."""
        while not self._over.wait(0.5):
            try:
                with urllib.request.urlopen(self._url, timeout=2) as page:
                    self.newest, self.count = page.read().decode(), self.count + 1
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                continue
