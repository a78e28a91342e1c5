"""The command `airhandler`: dispatch only."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Exit, Option, echo

_INTERRUPTED = 130


def _show_version(wanted: bool) -> None:
    if wanted:
        from airhandler import __version__

        echo(__version__)
        raise Exit


def _options(
    version: Annotated[
        bool, Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options before the command."""


def main() -> None:
    """Runs a command. A user's mistake is one line on stderr and exit code 2; Ctrl-C is exit code 130."""
    if sys.version_info < (3, 12):  # noqa: UP036 - said clearly where an older Python tries
        sys.exit(f"airhandler needs Python 3.12 or newer; this is {sys.version.split()[0]}")
    from typer import Typer

    from airhandler import __version__
    from airhandler.buildings.errors import AirhandlerError, UserError
    from airhandler.control import cli as control
    from airhandler.control import cli_bench as bench
    from airhandler.control import cli_buildings as buildings
    from airhandler.control import cli_bundle as bundle
    from airhandler.deploy import cli as deploy
    from airhandler.deploy import (
        cli_bench_bus,
        cli_bench_live,
        cli_journal,
        cli_order,
        cli_site,
        cli_watchdog,
        demo,
        demo_live,
    )
    from airhandler.deploy import cli_twin as twin

    app = Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help=f"Learned set-points for buildings and data centres, behind a shield ({__version__}).",
        epilog="For example: airhandler evaluate stock outdoor-reset --weather chicago  |  airhandler demo",
    )
    app.callback()(_options)
    app.add_typer(buildings.app, name="buildings")
    bench.app.add_typer(cli_bench_live.app)
    bench.app.add_typer(cli_bench_bus.app)
    app.add_typer(control.app)
    app.add_typer(bundle.app)
    app.add_typer(deploy.app)
    app.add_typer(cli_site.app)
    app.add_typer(twin.app)
    app.add_typer(cli_watchdog.app)
    app.add_typer(cli_order.app)
    app.add_typer(cli_journal.app, name="journal")
    app.add_typer(demo.app)
    app.add_typer(demo_live.app)
    try:
        app()
    except UserError as error:
        print(f"airhandler: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except AirhandlerError as error:
        print(f"airhandler: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("airhandler"):
            raise
        what = "airhandler[sim,train,report]"
        print(f"airhandler: {error.name} is not installed here; this needs: pip install '{what}'", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            print("airhandler: interrupted", file=sys.stderr)  # noqa: T201
        raise


if __name__ == "__main__":
    main()
