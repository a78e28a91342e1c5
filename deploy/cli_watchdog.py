"""`airhandler watchdog` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .logs import LogFormat, set_up_logs

app = typer.Typer(no_args_is_help=True)

SiteArgument = Annotated[Path, typer.Argument(metavar="SITE.yaml", help="The site file.")]


@app.command(
    epilog="For example: airhandler watchdog site.yaml  |  airhandler watchdog site.yaml --log-format json",
)
def watchdog(
    site: SiteArgument,
    once: Annotated[
        bool, typer.Option("--once", help="End after the controller that runs has ended, and all is given back.")
    ] = False,
    log_format: Annotated[LogFormat, typer.Option("--log-format", help="How log lines are written to stderr.")] = (
        LogFormat.TEXT
    ),
) -> None:
    """Gives everything that we wrote back to the building when the controller is silent; a process of its own.

    `airhandler live` writes nothing where no watchdog runs. SIGTERM ends it; the exit code is then 1 if something was
    left to give back.
    """
    from .site_file import load_site
    from .watch_site import watch_site

    set_up_logs(log_format)
    if not watch_site(load_site(site), once=once):
        raise typer.Exit(1)
