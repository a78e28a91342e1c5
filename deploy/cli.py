"""`airhandler shadow` and `airhandler live` on the command line."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .logs import LogFormat, set_up_logs
from .settings import METRICS_PORT, SIMULATED, RunSettings

if TYPE_CHECKING:
    from airhandler.control.kpis import Kpis

    from .run import RunOutcome

app = typer.Typer(no_args_is_help=True)

ControllerName = Annotated[
    str, typer.Argument(metavar="CONTROLLER", help="A controller's name, or the folder of a trained bundle.")
]
BuildingName = Annotated[
    str, typer.Option("--building", help="Building: an id of `airhandler buildings`, or your own file.")
]
WeatherName = Annotated[str, typer.Option("--weather", help="Weather of a simulated site: a name, or an EPW file.")]
Start = Annotated[str, typer.Option("--start", metavar="MM-DD", help="First day of a simulated site.")]
Days = Annotated[int, typer.Option("--days", help="How many days are simulated.")]
Speed = Annotated[
    float | None,
    typer.Option(
        "--speed",
        help="Building's seconds per second: 1 is real time, 900 a 15-minute step a second; none is full.",
    ),
]
SiteName = Annotated[str, typer.Option("--site", help="`simulated`, or a CSV of recorded readings.")]
Port = Annotated[int, typer.Option("--port", help="Port of /metrics; 0 takes a free one.")]
Address = Annotated[str, typer.Option("--address", help="Address that /metrics is served on.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for ticks and summary; by default a new one under runs/.", show_default=False),
]
LogFormatName = Annotated[LogFormat, typer.Option("--log-format", help="How log lines are written to stderr.")]
Linger = Annotated[
    float,
    typer.Option("--linger", metavar="SECONDS", help="How long /metrics stays after the end of the site's time."),
]
WorldFile = Annotated[
    Path | None, typer.Option("--world", help="YAML of tariff, carbon, events, forecasts (docs/buildings.md).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


@app.command(
    epilog="For example: airhandler shadow trim-respond --days 30 --start 07-01"
    "  |  airhandler shadow runs/agent/bundle --site recorded.csv"
)
def shadow(
    controller: ControllerName,
    building: BuildingName = "datacentre-dx",
    weather: WeatherName = "chicago",
    start: Start = "01-01",
    days: Days = 7,
    speed: Speed = None,
    site: SiteName = SIMULATED,
    port: Port = METRICS_PORT,
    address: Address = "127.0.0.1",
    out: Out = None,
    log_format: LogFormatName = LogFormat.TEXT,
    linger: Linger = 0.0,
    world: WorldFile = None,
    as_json: AsJson = False,
) -> None:
    """Runs a controller beside the building's own control: it proposes, nothing is ever written."""
    from airhandler.buildings.catalog import load_world
    from airhandler.buildings.model import parse_month_day

    from .connectors.connect import watch
    from .shadow import run_shadow

    set_up_logs(log_format)
    settings = RunSettings(
        controller=controller,
        building=building,
        weather=weather,
        start=parse_month_day(start),
        days=days,
        speed=speed,
        site=site,
        port=port,
        address=address,
        out=out or _new_folder("shadow"),
        linger_s=linger,
        world=load_world(world) if world is not None else None,
        bar=None if log_format is LogFormat.TEXT else False,
    )
    _finish(run_shadow(settings, watch), as_json=as_json)


@app.command(
    epilog="For example: airhandler live outdoor-reset --days 30 --start 07-01 --speed 900"
    "  |  airhandler live runs/agent/bundle --port 9000 --log-format json"
)
def live(
    controller: ControllerName,
    building: BuildingName = "datacentre-dx",
    weather: WeatherName = "chicago",
    start: Start = "01-01",
    days: Days = 7,
    speed: Speed = None,
    site: SiteName = SIMULATED,
    port: Port = METRICS_PORT,
    address: Address = "127.0.0.1",
    out: Out = None,
    log_format: LogFormatName = LogFormat.TEXT,
    linger: Linger = 0.0,
    world: WorldFile = None,
    as_json: AsJson = False,
) -> None:
    """Puts a controller in charge of a building, behind the shield. SIGTERM or Ctrl-C gives authority back.

    A second one interrupts a step that hangs, and then gives it back.

    On a recorded site it is a rehearsal: what would be written goes to a file, and to no building.
    """
    from airhandler.buildings.catalog import load_world
    from airhandler.buildings.model import parse_month_day

    from .connectors.connect import connect
    from .live import run_live

    set_up_logs(log_format)
    settings = RunSettings(
        controller=controller,
        building=building,
        weather=weather,
        start=parse_month_day(start),
        days=days,
        speed=speed,
        site=site,
        port=port,
        address=address,
        out=out or _new_folder("live"),
        linger_s=linger,
        world=load_world(world) if world is not None else None,
        bar=None if log_format is LogFormat.TEXT else False,
    )
    _finish(run_live(settings, connect), as_json=as_json)


def _finish(outcome: RunOutcome, *, as_json: bool) -> None:
    """Prints what came of it. The exit code is 1 if a building was left without its own control."""
    typer.echo(json.dumps(outcome.to_dict(), indent=2) if as_json else describe(outcome))
    if outcome.given_back is False:
        raise typer.Exit(1)


def describe(outcome: RunOutcome) -> str:
    """A few lines for people."""
    counts = ", ".join(f"{number} {kind}" for kind, number in outcome.verdicts.items())
    lines = [f"{outcome.stage} {outcome.controller}: {outcome.ticks} ticks ({counts}); ended: {outcome.why}"]
    if outcome.handover:
        lines.append(outcome.handover)
    if outcome.kpis is not None:
        k = outcome.kpis
        gas = f", gas {k.gas_kwh:.1f} kWh" if k.gas_kwh else ""
        lines.append(f"total {k.total_kwh:.1f} kWh, HVAC {k.hvac_kwh:.1f} kWh{gas}, {_met(k)}")
    lines.append(f"saved in {outcome.out}")
    return "\n".join(lines)


def _met(k: Kpis) -> str:
    """What servers or people met."""
    if math.isfinite(k.inlet_max_c):
        return (
            f"PUE {k.pue:.3f}, warmest inlet {k.inlet_max_c:.1f} degC, {k.above_recommended_frac:.1%} of steps too warm"
        )
    if math.isfinite(k.uncomfortable_frac):
        return (
            f"{k.occupied_min_c:.1f} to {k.occupied_max_c:.1f} degC where people were, "
            f"{k.uncomfortable_frac:.1%} of occupied steps uncomfortable ({k.uncomfortable_kh:.1f} K h)"
        )
    return "nothing known of servers or people"


def _new_folder(stage: str) -> Path:
    return Path("runs") / f"{stage}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
