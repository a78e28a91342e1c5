"""From what the user named as the site to a view of it, or a connection with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.deploy.settings import SIMULATED, RunSettings

from .connection import Connection, View


def watch(settings: RunSettings, building: Building) -> View:
    """A view of the site, for shadow mode. Raises UserError if it cannot be had."""
    if settings.site == SIMULATED:
        with _simulator():
            from .simulated import watch_simulated
        return watch_simulated(settings, building)
    from .recorded import watch_recorded

    return watch_recorded(settings, building)


def connect(settings: RunSettings, building: Building) -> Connection:
    """A connection with the site, for live mode. Raises UserError if it cannot be had."""
    if settings.site == SIMULATED:
        with _simulator():
            from .simulated import connect_simulated
        return connect_simulated(settings, building)
    from .rehearsal import connect_rehearsal

    return connect_rehearsal(settings, building)


@contextlib.contextmanager
def _simulator() -> Iterator[None]:
    """Turns a missing simulator into what to do about it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"a simulated site needs EnergyPlus, which is not installed here ({error.name} is missing): "
            "pip install 'airhandler[sim]', or name a recorded site with --site FILE.csv"
        ) from error
