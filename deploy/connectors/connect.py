"""From what the user named as the site to a view of it, or a connection with it."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.deploy.settings import SIMULATED, RunSettings
from airhandler.deploy.site_file import SiteSettings, load_site

from .connection import Connection, View


def watch(settings: RunSettings, building: Building) -> View:
    """A view of the site, for shadow mode. Raises UserError if it cannot be had."""
    if settings.site == SIMULATED:
        _check_simulator()
        from .simulated import watch_simulated

        return watch_simulated(settings, building)
    if settings.is_on_bus:
        from .bus import watch_bus

        site = _site_of(settings, building)
        return replace(watch_bus(site, days=settings.days), name=site.file.site)
    from .recorded import watch_recorded

    return watch_recorded(settings, building)


def connect(settings: RunSettings, building: Building) -> Connection:
    """A connection with the site, for live mode. Raises UserError if it cannot be had."""
    if settings.site == SIMULATED:
        _check_simulator()
        from .simulated import connect_simulated

        return connect_simulated(settings, building)
    if settings.is_on_bus:
        from .bus import connect_bus

        site = _site_of(settings, building)
        made = connect_bus(site, days=settings.days)
        return Connection(view=replace(made.view, name=site.file.site), writer=made.writer)
    from .rehearsal import connect_rehearsal

    return connect_rehearsal(settings, building)


def _site_of(settings: RunSettings, building: Building) -> SiteSettings:
    """The site file. Raises UserError where it is of another building than the one that the run is for."""
    site = load_site(Path(settings.site))
    if site.building.reference != building.reference:
        raise UserError(f"{settings.site}: building {site.building.reference}, but the run is for {building.reference}")
    return site


def _check_simulator() -> None:
    """Raises UserError, with what to do about it, where there is no simulator."""
    if importlib.util.find_spec("pyenergyplus") is None:
        raise UserError(
            "a simulated site needs EnergyPlus, which is not installed here (pyenergyplus is missing): "
            "pip install 'airhandler[sim]', or name a recorded site with --site FILE.csv"
        )
