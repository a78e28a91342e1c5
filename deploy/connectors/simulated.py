"""The simulated site: a building of the catalogue in EnergyPlus, with a clock at a chosen speed."""

from __future__ import annotations

from airhandler.buildings.catalog import Building
from airhandler.buildings.faults import check_within, read_faults
from airhandler.buildings.model import Period, in_days
from airhandler.buildings.outside import held_out
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.deploy.settings import RunSettings

from .connection import Connection, ReadOnly, View


def watch_simulated(settings: RunSettings, building: Building) -> View:
    """A simulated building to look at, under its own control."""
    site = _start(settings, building)
    return _view(settings, building, site, ReadOnly(site))


def connect_simulated(settings: RunSettings, building: Building) -> Connection:
    """A simulated building to control."""
    site = _start(settings, building)
    return Connection(view=_view(settings, building, site, ReadOnly(site)), writer=site.writer())


def _start(settings: RunSettings, building: Building) -> SimulatedSite:
    weather = find_weather(settings.weather)
    period = Period(start=settings.start, days=settings.simulated_days)
    check_within(read_faults(settings.scenario.faults, building), building, period)
    return SimulatedSite(
        building,
        weather,
        period,
        speed=settings.speed,
        draw=held_out(settings.seed),
        scenario=settings.scenario,
        seed=settings.seed,
    )


def _view(settings: RunSettings, building: Building, site: SimulatedSite, seen: ReadOnly) -> View:
    told, days = settings.scenario.words_in(building.world), settings.simulated_days
    through = f"; {told}" if told else ""
    pace = "at full speed" if settings.speed is None else f"at {settings.speed:g} times real time"
    return View(
        site=seen,
        clock=site.clock,
        ticks=days * 24 * building.file.timesteps_per_hour + 1,
        about=f"simulated {building.id}, weather {settings.weather}, {in_days(days)}, {pace}{through}",
        randomised=site.randomised,
    )
