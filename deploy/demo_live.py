"""`airhandler demo-live`: a building on a bus, from the first look to being in charge, with real parts, in minutes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from airhandler.buildings.errors import UserError

from .demo import bundle_of_demo, clear
from .demo_processes import Command, Prometheus, free_port
from .demo_record import foreign_writes, lost_ticks

app = typer.Typer()

_BUILDING, _WEATHER = "datacentre-dx", "new-york"
_SHADOW_START, _LIVE_START = "07-06", "07-13"
_SLOWEST_STEP = 20  # steps of the lease: at this pace a step is a third of a second, which a busy machine may lose


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveDemo:
    """Size of the demonstration.

    Attributes:
        out: folder of everything that it makes.
        days: of shadow, and again of live.
        speed: building's seconds per second.
        steps: training steps, where no bundle is given.
        bundle: who is put in charge; None trains one.
    """

    out: Path
    days: int
    speed: float
    steps: int
    bundle: Path | None


@app.command(
    "demo-live",
    epilog="For example: airhandler demo-live  |  airhandler demo-live --bundle runs/demo/bundle --days 8 --speed 1800",
)
def demo_live(
    out: Annotated[Path, typer.Option("--out", help="Folder; what an earlier one left there is replaced.")] = Path(
        "runs/demo-live"
    ),
    days: Annotated[int, typer.Option("--days", min=1, max=30, help="Days of shadow, and again of live.")] = 7,
    speed: Annotated[float, typer.Option("--speed", min=1, help="Building's seconds per second.")] = 3000.0,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Training steps.")] = 60_000,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="Who is put in charge; none: one is trained.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Trains an agent, shadows a BACnet building for a week, promotes the agent, and puts it in charge for a week.

    The building is a twin; the bus, the watchdog, the journal and Prometheus are real. A second twin has the same week
    under its own control. It needs `prometheus` on the machine.
    """
    demo = LiveDemo(out=out, days=days, speed=speed, steps=steps, bundle=bundle)
    began = time.monotonic()
    clear(out)
    if bundle is None:
        _say(f"1 of 5: training ({steps} steps of 15 minutes)")
    who = bundle or bundle_of_demo(out, steps)
    with ExitStack() as stack:
        ports = {"shadow": free_port(), "live": free_port()}
        prometheus = stack.enter_context(Prometheus(out / "prometheus", ports))
        _say(f"2 of 5: {days} days beside the building's own control; metrics on {prometheus.url}")
        _shadow(demo, who, ports["shadow"])
        _say("3 of 5: the shadow report, and the checklist for going live")
        _promote(demo)
        _say(f"4 of 5: {days} days in charge, beside a second building that keeps its own control")
        live = _live(demo, who, ports["live"])
        _say("5 of 5: what it cost and what it broke")
        _report(demo)
        summary = {
            "seconds": round(time.monotonic() - began, 1),
            **live,
            "prometheus_ticks": prometheus.ask("airhandler_ticks_total"),
        }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    typer.echo(json.dumps(summary, indent=2) if as_json else _words(summary, out))
    if summary["handover"] is not None or not summary["given_back"]:
        raise typer.Exit(1)


def _shadow(demo: LiveDemo, who: Path, port: int) -> None:
    """A week beside the building's own control."""
    folder = demo.out / "shadow"
    with Command(folder / "twin.log", *_twin(demo, folder, _SHADOW_START, days=demo.days + 1)) as twin:
        site = _site(demo, folder, twin, stage="shadow", write=[])
        words = ["shadow", who, "--site", site, "--days", demo.days, "--port", port, "--out", folder / "run"]
        with Command(folder / "shadow.log", *words) as shadow:
            shadow.finish()


def _promote(demo: LiveDemo) -> None:
    folder = demo.out / "shadow" / "run"
    with Command(demo.out / "shadow" / "report.log", "report", "--shadow", folder) as report:
        report.finish()
    promotion = json.loads((folder / "promotion.json").read_text())
    for check in promotion["checks"]:
        _say(f"  {'passed' if check['passed'] else 'FAILED'}  {check['name']}: {check['evidence']}")
    if not promotion["passed"]:
        raise UserError(f"the agent was not promoted: {folder / 'shadow.html'} says why")


def _live(demo: LiveDemo, who: Path, port: int) -> dict[str, object]:
    """A week in charge, and the same week without."""
    ours, theirs = demo.out / "live", demo.out / "incumbent"
    with (
        Command(theirs / "twin.log", *_twin(demo, theirs, _LIVE_START, days=demo.days, wait=False)) as incumbent,
        Command(ours / "twin.log", *_twin(demo, ours, _LIVE_START, days=demo.days)) as twin,
    ):
        site = _site(
            demo,
            ours,
            twin,
            stage="live",
            promotion=str((demo.out / "shadow" / "run" / "promotion.json").absolute()),
            lease_steps=_SLOWEST_STEP,
            authority={"ramp_days": 0.5, "points_in_order": True},
        )
        words = ["live", who, "--site", site, "--days", demo.days, "--port", port, "--out", ours / "run"]
        with Command(ours / "live.log", *words) as live:
            live.finish()
        twin.finish()
        incumbent.finish()
    return _compared(ours, theirs)


def _report(demo: LiveDemo) -> Path:
    """A page of what the two buildings used in the same week, by the twins' own books."""
    from airhandler.buildings.catalog import find_building
    from airhandler.control.cli import command_line
    from airhandler.control.kpis import kpis
    from airhandler.control.report import Run, write_report
    from airhandler.control.table import TickTable

    runs = []
    for name, label, folder in (("stock", "its own control", "incumbent"), ("agent", "agent, live", "live")):
        table = TickTable.load(demo.out / folder / "twin" / "ticks.npz")
        weather = f"{_WEATHER}, {demo.days} days from {_LIVE_START}"
        runs.append(Run(name=name, label=label, weather=weather, table=table, kpis=kpis(table)))
    path = demo.out / "report.html"
    title = "In charge over BACnet, beside the same building under its own control"
    notes = {"command": command_line(), "read from": "what the twins know, not what sensors showed"}
    write_report(path, title=title, building=find_building(_BUILDING), runs=runs, notes=notes)
    return path


def _compared(ours: Path, theirs: Path) -> dict[str, object]:
    twin, other, live = (_summary(folder) for folder in (ours / "twin", theirs / "twin", ours / "run"))
    agent, incumbent = twin["kpis"], other["kpis"]
    before, lost = lost_ticks(ours / "twin", ours / "site.state")
    return {
        "incumbent_total_kwh": incumbent["total_kwh"],
        "agent_total_kwh": agent["total_kwh"],
        "saved_frac": 1.0 - agent["total_kwh"] / incumbent["total_kwh"],
        "inlet_max_c": agent["inlet_max_c"],
        "above_recommended_frac": agent["above_recommended_frac"],
        "above_allowable_frac": agent["above_allowable_frac"],
        "foreign_writes": foreign_writes(ours / "twin", ours / "site.state"),
        "lost_ticks": lost,
        "steps_before_start": before,
        "in_charge_frac": twin["steps_commanded"] / twin["steps"],
        "handover": live["handover"],
        "given_back": live["given_back"],
    }


def _twin(demo: LiveDemo, folder: Path, start: str, *, days: int, wait: bool = True) -> list[object]:
    """The words for a twin whose device takes a free port."""
    words = ["twin", _BUILDING, "--bacnet", "127.0.0.1:0", "--weather", _WEATHER, "--start", start]
    words += ["--days", str(days), "--speed", str(demo.speed), "--out", str(folder / "twin")]
    return [*words, "--write-site", str(folder / "site.yaml"), *(["--wait"] if wait else [])]


def _site(demo: LiveDemo, folder: Path, twin: Command, **changes: object) -> Path:
    """The site file of a twin, once it is there, with what is different for this stage."""
    path = folder / "site.yaml"
    twin.until(lambda: (folder / "twin" / "twin.json").exists())
    declared: dict[str, Any] = yaml.safe_load(path.read_text()) | {"site": "demo", "state": "site.state"} | changes
    if not declared["write"]:
        del declared["heartbeat"]
    path.write_text(yaml.safe_dump(declared, sort_keys=False))
    return path


def _summary(folder: Path) -> Mapping[str, Any]:
    summary: Mapping[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


def _say(words: str) -> None:
    typer.echo(words, err=True)


def _words(summary: Mapping[str, Any], out: Path) -> str:
    return "\n".join(
        [
            f"its own control {summary['incumbent_total_kwh']:.0f} kWh, the agent {summary['agent_total_kwh']:.0f} kWh "
            f"({summary['saved_frac']:.1%} less), warmest inlet {summary['inlet_max_c']:.1f} degC, "
            f"{summary['above_allowable_frac']:.1%} of steps above allowable",
            f"writes not ours: {summary['foreign_writes']}, steps without a decision: {summary['lost_ticks']}",
            f"in charge in {summary['in_charge_frac']:.1%} of steps; authority given back: {summary['given_back']}; "
            f"before the end: {summary['handover'] or 'no'}",
            f"open {out / 'report.html'} and {out / 'shadow' / 'run' / 'shadow.html'}",
            f"figures in {out / 'summary.json'}",
        ]
    )
