"""`airhandler shadow` and `airhandler live` on the command line."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airhandler.buildings.errors import UserError
from airhandler.control.options import BuildingName, ScenarioOptions, WorldFile, expanded, world_of

from .logs import LogFormat, set_up_logs
from .settings import METRICS_PORT, SIMULATED, RunSettings

if TYPE_CHECKING:
    from airhandler.control.kpis import Kpis

    from .run import RunOutcome

app = typer.Typer(no_args_is_help=True)

_BUILDING = "datacentre-dx"
_WEATHER, _START = "chicago", "01-01"  # where neither is given: a real site takes none

ControllerName = Annotated[
    str, typer.Argument(metavar="CONTROLLER", help="A controller's name, or the folder of a trained bundle.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What `airhandler shadow` and `airhandler live` have in common."""

    building: BuildingName = _BUILDING
    weather: Annotated[
        str | None,
        typer.Option("--weather", help="Weather of a simulated site: a name, or an EPW file.", show_default=_WEATHER),
    ] = None
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="MM-DD", help="First day of a simulated site.", show_default=_START),
    ] = None
    days: Annotated[
        int | None,
        typer.Option(
            "--days",
            help="How many days are simulated (a week, if you do not say), taken from the begin of a recording (all), "
            "or watched of a real site (no end).",
            show_default=False,
        ),
    ] = None
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Which year of a world, and which draw of all that is random.")
    ] = 0
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed",
            help="Building's seconds per second: 1 is real time, 900 a 15-minute step a second; none is full.",
        ),
    ] = None
    site: Annotated[
        str,
        typer.Option(
            "--site", help="`simulated`, recorded readings (CSV or Parquet), or the site file (YAML) of a real one."
        ),
    ] = SIMULATED
    map: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="YAML: a historian's names, units and time zone (docs/shadow.md)."),
    ] = None
    port: Annotated[int, typer.Option("--port", help="Port of /metrics; 0 takes a free one.")] = METRICS_PORT
    address: Annotated[str, typer.Option("--address", help="Address that /metrics is served on.")] = "127.0.0.1"
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for ticks and summary; by default a new one under runs/.", show_default=False
        ),
    ] = None
    log_format: Annotated[LogFormat, typer.Option("--log-format", help="How log lines are written to stderr.")] = (
        LogFormat.TEXT
    )
    linger: Annotated[
        float,
        typer.Option("--linger", metavar="SECONDS", help="How long /metrics stays after the end of the site's time."),
    ] = 0.0
    world: WorldFile = None
    operator: Annotated[
        Path | None,
        typer.Option(
            "--operator",
            metavar="FILE",
            help="YAML of limits, locks and caps by hand, read anew when it changes (docs/safety.md).",
        ),
    ] = None

    def read(self, stage: str, controller: str, scenario: ScenarioOptions, *, resume: bool = False) -> RunSettings:
        """The settings of a run. Raises UserError that names what is wrong."""
        from airhandler.buildings.model import parse_month_day

        building, speed = self._of_site()
        return RunSettings(
            controller=controller,
            building=building,
            weather=_WEATHER if self.weather is None else self.weather,
            start=parse_month_day(_START if self.start is None else self.start),
            days=self.days,
            seed=self.seed,
            speed=speed,
            site=self.site,
            map=self.map,
            resume=resume,
            port=self.port,
            address=self.address,
            out=self.out or _new_folder(stage),
            linger_s=self.linger,
            world=world_of(self.world),
            operator=self.operator,
            scenario=scenario.read(building),
            bar=None if self.log_format is LogFormat.TEXT else False,
        )

    def _of_site(self) -> tuple[str, float | None]:
        """The building and the pace, which a site file says for itself. Raises UserError where both do."""
        from .connectors.bus import is_site_file
        from .site_file import load_site

        if not is_site_file(self.site):
            return self.building, self.speed
        if self.speed is not None:
            raise UserError(f"--speed {self.speed:g}: the pace of {self.site} is its own; leave it out")
        for option, given in (("--weather", self.weather), ("--start", self.start)):
            if given is not None:
                raise UserError(
                    f"{option} {given}: belongs to a simulated site, and {self.site} is a real site; leave it out"
                )
        site = load_site(Path(self.site))
        if self.building not in (_BUILDING, site.building.reference):
            raise UserError(f"--building {self.building}: {self.site} is {site.building.reference}; leave it out")
        return site.building.reference, site.file.speed


@app.command(
    epilog="For example: airhandler shadow trim-respond --days 30 --start 07-01"
    "  |  airhandler shadow runs/agent/bundle --site site.yaml --days 7 --out runs/shadow"
    "  |  airhandler shadow runs/agent/bundle --site recorded.csv  |  airhandler shadow outdoor-reset --stress 1"
)
@expanded
def shadow(
    controller: ControllerName,
    run: RunOptions,
    scenario: ScenarioOptions,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run on a recording that --out holds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Runs a controller beside the building's own control: it proposes, nothing is ever written."""
    from airhandler.buildings.processes import spare_what_is_there

    from .connectors.connect import watch
    from .shadow import run_shadow

    set_up_logs(run.log_format)
    spare_what_is_there()
    _finish(run_shadow(run.read("shadow", controller, scenario, resume=resume), watch), as_json=as_json)


@app.command(
    epilog="For example: airhandler live outdoor-reset --days 30 --start 07-01 --speed 900"
    "  |  airhandler live runs/agent/bundle --site site.yaml"
    "  |  airhandler live runs/agent/bundle --port 9000 --log-format json"
    "  |  airhandler live outdoor-reset --fault dead-fan-east@01-02T12:00 --randomise default"
)
@expanded
def live(controller: ControllerName, run: RunOptions, scenario: ScenarioOptions, as_json: AsJson = False) -> None:
    """Puts a controller in charge of a building, behind the shield. SIGTERM or Ctrl-C gives authority back.

    A second one interrupts a step that hangs, and then gives it back.

    On a recorded site it is a rehearsal: what would be written goes to a file, and to no building.
    """
    from airhandler.buildings.processes import spare_what_is_there

    from .connectors.bus import is_site_file
    from .connectors.connect import connect
    from .live import run_live
    from .live_site import run_live_site
    from .site_file import load_site

    set_up_logs(run.log_format)
    spare_what_is_there()
    settings = run.read("live", controller, scenario)
    if is_site_file(run.site):
        _finish(run_live_site(settings, load_site(Path(run.site))), as_json=as_json)
    else:
        _finish(run_live(settings, connect), as_json=as_json)


@app.command(
    epilog="For example: airhandler evaluate trim-respond --out runs/own  |  "
    "airhandler record runs/own/trim-respond-chicago-*.npz --out year.csv  |  airhandler shadow agent --site year.csv"
)
def record(
    ticks: Annotated[Path, typer.Argument(help="Ticks of a run: a `.npz` of `evaluate --out`, `shadow` or `live`.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV file.")],
) -> None:
    """Writes the ticks of a run as a recording, to shadow: what was in force in it is the building's own control's."""
    from airhandler.control.table import TickTable, replacing

    from .connectors.recorded_file import write_recording
    from .connectors.recorded_ticks import readings_of

    table = TickTable.load(ticks)
    with replacing(out) as temporary:
        write_recording(temporary, table.building, readings_of(table))
    typer.echo(f"{len(table)} rows in {out}")


def _finish(outcome: RunOutcome, *, as_json: bool) -> None:
    """Prints what came of it. The exit code is 1 if a building was left without its own control."""
    typer.echo(json.dumps(outcome.to_dict(), indent=2) if as_json else describe(outcome))
    if outcome.given_back is False:
        raise typer.Exit(1)


def describe(outcome: RunOutcome) -> str:
    """A few lines for people."""
    counts = ", ".join(f"{number} {kind}" for kind, number in outcome.verdicts.items())
    lines = [f"{outcome.stage} {outcome.controller}: {outcome.ticks} ticks ({counts}); ended: {outcome.why}"]
    if through := outcome.scenario.words_in(outcome.world):
        lines.append(f"put through: {through}")
    if outcome.stage in ("live", "advisory"):
        lines.append(f"in charge in {outcome.written_frac:.1%} of steps; what follows is of all of them")
    if outcome.handover:
        lines.append(outcome.handover)
    if outcome.kpis is not None:
        k = outcome.kpis
        gas, whole = (f", gas {k.gas_kwh:.1f} kWh", "electricity") if k.gas_kwh else ("", "total")
        lines.append(f"{whole} {k.total_kwh:.1f} kWh, HVAC {k.hvac_kwh:.1f} kWh{gas}, {_met(k)}")
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
    if k.missing_frac == 0.0:
        return "nobody was there in this time"
    return "nothing known of servers or people"


def _new_folder(stage: str) -> Path:
    return Path("runs") / f"{stage}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
