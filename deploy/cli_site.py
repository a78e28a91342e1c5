"""`airhandler discover` and `airhandler check` on the command line: what is there, and is it as the site file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airhandler.buildings.errors import UserError
from airhandler.control.options import AsJson

from .logs import LogFormat, set_up_logs

if TYPE_CHECKING:
    from rich.table import Table

    from .check_site import SiteCheck
    from .discover import FoundDevice

app = typer.Typer(no_args_is_help=True)


@app.command(
    epilog="For example: airhandler discover --device 127.0.0.1:47808 --building datacentre-dx --out site.yaml"
    "  |  airhandler discover --address 192.168.1.5/24:47808"
)
def discover(
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="HOST:PORT", help="A device; without one, all are asked by broadcast."),
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            "--address", help="Our own interface; for a broadcast with its mask and port: 192.168.1.5/24:47808."
        ),
    ] = "127.0.0.1",
    building: Annotated[
        str | None, typer.Option("--building", help="Whose points the objects could be: an id, or your own file.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Writes a first site file, which can write nothing.")
    ] = None,
    wait: Annotated[float, typer.Option("--wait", min=0.1, max=60, help="Seconds to wait for answers.")] = 3.0,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=60, help="Seconds for one answer.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Finds BACnet devices and their objects, and writes a first site file. Nothing is written to a device."""
    from airhandler.buildings.catalog import find_building

    from .connectors.bacnet import BacnetClient
    from .discover import find_devices, read_device
    from .discover_file import write_site_file
    from .site_links import host_and_port

    set_up_logs(LogFormat.TEXT)
    if out is not None and building is None:
        raise UserError("--out: needs --building, whose points the objects could be")
    known = None if building is None else find_building(building)
    try:
        target = None if device is None else "{}:{}".format(*host_and_port(device))
    except ValueError as error:
        raise UserError(f"--device {device}: {error}") from error
    client = BacnetClient(address, timeout_s=timeout)
    try:
        devices = [read_device(client, found) for found in find_devices(client, target, wait_s=wait)]
    finally:
        client.close()
    typer.echo(json.dumps([_json(one) for one in devices], indent=2)) if as_json else _show(devices)
    if out is None or known is None:
        return
    if len(devices) != 1:
        raise UserError(f"--out: {len(devices)} devices were found: name one with --device")
    count = write_site_file(out, devices[0], known)
    typer.echo(
        f"{count} of {len(known.points)} points of {known.id} in {out}: read it, then `airhandler check {out}`",
        err=as_json,
    )


@app.command(epilog="For example: airhandler check site.yaml  |  airhandler check site.yaml --json")
def check(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="The site file (docs/bacnet.md).")],
    as_json: AsJson = False,
) -> None:
    """Reads every point of a site once and says what is wrong, and what to do. Exit code 1 where something is."""
    from .check_site import check_site
    from .site_file import load_site

    set_up_logs(LogFormat.TEXT)
    found = check_site(load_site(site))
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        _tell(found)
    if found.wrong:
        raise typer.Exit(1)


def _json(device: FoundDevice) -> dict[str, object]:
    return {
        "address": device.address,
        "device_id": device.device_id,
        "name": device.name,
        "maker": device.maker,
        "others": device.others,
        "objects": [
            {
                "object": str(one.object),
                "name": one.name,
                "description": one.description,
                "unit": one.unit,
                "unit_number": one.unit_number,
                "value": one.value,
                "commandable": one.commandable,
            }
            for one in device.objects
        ],
    }


def _show(devices: list[FoundDevice]) -> None:
    from rich.console import Console

    for device in devices:
        Console().print(_objects(device))


def _objects(device: FoundDevice) -> Table:
    from rich.markup import escape
    from rich.table import Table

    who = f"device {device.device_id} at {device.address}: {device.name}, {device.maker}"
    table = Table(title=escape(f"{who}; {device.others} objects of other kinds"), title_justify="left")
    for name in ("object", "name", "value", "unit", "commandable"):
        table.add_column(name, justify="right" if name == "value" else "left", overflow="fold")
    for one in device.objects:
        unit = one.unit or ("" if one.unit_number is None else f"number {one.unit_number}")
        value = "" if one.value is None else f"{one.value:g}"
        table.add_row(str(one.object), escape(one.name), value, unit, "yes" if one.commandable else "")
    return table


def _tell(found: SiteCheck) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    there = sum(shown.value is not None for shown in found.shown)
    if found.findings:
        table = Table(show_lines=True)
        for name in ("", "what and where", "what is the matter, and what to do"):
            table.add_column(name, overflow="fold")
        for one in found.findings:
            what = one.what if not one.where else f"{one.what}\n{one.where}"
            table.add_row(one.severity, escape(what), escape(f"{one.words}\n{one.mend}"))
        Console().print(table)
    verdict = "something is wrong" if found.wrong else "nothing is wrong"
    if not found.wrong and not found.may_start:
        verdict = "what was read is sound, but `airhandler live` would refuse to start: promotion: is missing"
    typer.echo(
        f"{found.settings.path}: {there} of {len(found.settings.places)} points have a value, read in "
        f"{found.read_s:.2f} s; {verdict}"
    )
