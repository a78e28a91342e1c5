"""`airhandler twin` and `airhandler twin-fault` on the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airhandler.control.options import ScenarioOptions, WorldFile, expanded, world_of

from .logs import LogFormat, set_up_logs

if TYPE_CHECKING:
    from .twin import TwinSettings

app = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class TwinOptions:
    """What can be chosen for `airhandler twin`, but for the building and what it is put through."""

    bacnet: Annotated[
        str,
        typer.Option(
            "--bacnet",
            metavar="HOST:PORT",
            help="Where the BACnet/IP device listens; port 0: a free one; HOST/BITS:PORT hears broadcasts, too.",
        ),
    ] = "127.0.0.1:47808"
    device_id: Annotated[int, typer.Option("--device-id", help="Instance number of the BACnet device.")] = 4711
    modbus: Annotated[
        str | None, typer.Option("--modbus", metavar="HOST:PORT", help="Serves the same by Modbus TCP.")
    ] = None
    speed: Annotated[
        float, typer.Option("--speed", help="Building's seconds per second: 1 is real time, 60 an hour a minute.")
    ] = 1.0
    weather: Annotated[str, typer.Option("--weather", help="A name, or an EPW file.")] = "chicago"
    start: Annotated[str, typer.Option("--start", metavar="MM-DD", help="First day.")] = "01-01"
    days: Annotated[int, typer.Option("--days", help="How many days are simulated.")] = 7
    incumbent: Annotated[
        str, typer.Option("--incumbent", help="The building's own control: stock, or the name of a rule.")
    ] = "stock"
    heartbeat_steps: Annotated[
        int,
        typer.Option("--heartbeat-steps", help="Steps without a heartbeat until the building empties slots 9 to 14."),
    ] = 4
    control_port: Annotated[
        int, typer.Option("--control-port", help="Port of 127.0.0.1 for `airhandler twin-fault`; 0: a free one.")
    ] = 0
    wait: Annotated[bool, typer.Option("--wait", help="Time stands still until somebody asks on a bus.")] = False
    write_site: Annotated[
        Path | None,
        typer.Option(
            "--write-site",
            metavar="FILE",
            help="Writes the site file that fits this twin; with --modbus, FILE-modbus beside it.",
        ),
    ] = None
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Which year of a world, and which draw of all that is random.")
    ] = 0
    world: WorldFile = None
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for what it leaves behind; by default a new one under runs/.", show_default=False
        ),
    ] = None
    log_format: Annotated[LogFormat, typer.Option("--log-format", help="How log lines are written to stderr.")] = (
        LogFormat.TEXT
    )

    def read(self, building: str, scenario: ScenarioOptions) -> TwinSettings:
        """The settings of a twin. Raises UserError that names what is wrong."""
        from airhandler.buildings.model import parse_month_day

        from .twin import TwinSettings
        from .twin_servers import Address

        return TwinSettings(
            building=building,
            out=self.out or Path("runs") / f"twin-{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
            bacnet=Address.read(self.bacnet, "--bacnet"),
            device=self.device_id,
            modbus=None if self.modbus is None else Address.read(self.modbus, "--modbus"),
            control_port=self.control_port,
            speed=self.speed,
            weather=self.weather,
            start=parse_month_day(self.start),
            days=self.days,
            incumbent=self.incumbent,
            heartbeat_steps=self.heartbeat_steps,
            seed=self.seed,
            world=world_of(self.world),
            scenario=scenario.read(building),
            waits=self.wait,
            site_file=self.write_site,
        )


@app.command(
    epilog="For example: airhandler twin datacentre-dx --speed 60 --write-site site.yaml"
    "  |  airhandler twin datacentre-cw --bacnet 127.0.0.1:47810 --incumbent trim-respond --start 07-01"
)
@expanded
def twin(
    building: Annotated[
        str, typer.Argument(metavar="BUILDING", help="An id of `airhandler buildings`, or your own file.")
    ],
    chosen: TwinOptions,
    scenario: ScenarioOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Serves a simulated building as a BACnet device, under its own control: to try everything without a building.

    Whoever commands a set-point has it, by the priority array. Ctrl-C or SIGTERM end it.
    """
    from .twin import run_twin

    set_up_logs(chosen.log_format)
    settings = chosen.read(building, scenario)
    summary = run_twin(settings)
    typer.echo(json.dumps(summary, indent=2) if as_json else _words(summary, settings.out))


@app.command("twin-fault", epilog="For example: airhandler twin-fault http://127.0.0.1:40123 stuck east_inlet_temp_c")
def twin_fault(
    url: Annotated[str, typer.Argument(help="What `airhandler twin` logged: http://127.0.0.1:PORT.")],
    name: Annotated[str, typer.Argument(help="What is to happen; `list` says what there is.")],
    words: Annotated[list[str] | None, typer.Argument(help="What it takes.")] = None,
) -> None:
    """Breaks something in a running twin, for a drill: sensors, the bus, the device, the equipment; or mends it."""
    from .twin_control import ask
    from .twin_drill import USAGE

    if name == "list":
        for known, takes in USAGE.items():
            typer.echo(f"{known} {takes}")
    else:
        typer.echo(ask(url, name, words or []))


def _words(summary: dict[str, object], out: Path) -> str:
    """A few lines for people."""
    writes = summary["writes"]
    assert isinstance(writes, dict)
    by = ", ".join(f"{n} at priority {priority}" for priority, n in writes["by_priority"].items()) or "none"
    lines = [f"{summary['building']}: {summary['steps']} steps; ended: {summary['why']}", f"writes taken: {by}"]
    if isinstance(known := summary["kpis"], dict):
        lines.append(f"total {known['total_kwh']:.1f} kWh, HVAC {known['hvac_kwh']:.1f} kWh")
    return "\n".join([*lines, f"saved in {out}"])
