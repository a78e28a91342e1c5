"""From a site file to a view of a real site, or a connection with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Site, WriteOutcome
from airhandler.deploy.settings import SITE_FILES
from airhandler.deploy.site_file import SiteSettings
from airhandler.deploy.site_links import BacnetLink, ModbusLink

from .clock import NO_TIME, SET_IT, SiteClock, in_zone, localised
from .connection import ReadOnly, View

if TYPE_CHECKING:
    from .bacnet_line import BacnetLine
    from .modbus_line import ModbusLine

_DIGITS = 9  # behind the point, in which two values of a device can differ


class BusWriter(Protocol):
    """The right to write to a site on a bus, where what was written stays until somebody takes it away.

    A Writer that can also say what stands there, and show that it lives.
    """

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """Writes what of it is ours to write, reads it back, and says what is in force."""
        ...

    def relinquish(self, names: Collection[str] | None = None) -> WriteOutcome:
        """Gives authority back, at these points alone where they are named; Written only where the site shows it."""
        ...

    def ours(self) -> Mapping[str, float]:
        """What stands as written by us now, whoever of us wrote it. Raises SiteError."""
        ...

    def held(self) -> str | None:
        """Who comes before us at a point that may be written, in words; None: nobody. Raises SiteError."""
        ...

    def beat(self) -> WriteOutcome:
        """Counts the heartbeat up."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BusConnection:
    """A view, and the right to write to what is seen."""

    view: View
    writer: BusWriter


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """By what something that stands on a site is known again as written by us.

    Attributes:
        same: of a point, whether what was written and what is found are one value, as its device can hold it [the
            building's unit].
        apart: whether points can be given back one by one; Modbus has one switch for all of them.
    """

    same: Callable[[str, float, float], bool]
    apart: bool


def watch_bus(settings: SiteSettings, *, days: float | None = None) -> View:
    """A site to look at. It has no writer, nor has it what one could be made of.

    Args:
        settings: which site.
        days: how long, in the site's time; None: until it is stopped.

    Raises SiteError where its device cannot be reached, UserError where it is not as the file says.
    """
    return _open(settings, days, watched=True)[0]


def connect_bus(settings: SiteSettings, *, days: float | None = None) -> BusConnection:
    """A site to control, as far as its file says.

    Raises UserError where the file permits no write, SiteError where the device cannot be reached.
    """
    if not settings.file.write:
        raise UserError(
            f"{settings.path}: write: names no point, so nothing may be written; `airhandler shadow` watches it"
        )
    view, make_writer = _open(settings, days, watched=False)
    try:
        return BusConnection(view=view, writer=make_writer())
    except BaseException:
        view.site.close()
        raise


@contextlib.contextmanager
def writer_of(settings: SiteSettings) -> Iterator[BusWriter]:
    """The right to write alone, for who gives back: a device that has lost its time, or does not control, will do.

    Raises UserError where nothing may be written there, SiteError where it cannot be reached.
    """
    file = settings.file
    if file.bacnet is not None:
        from .bacnet_writer import BacnetWriter

        line = _bacnet_line(file.bacnet, working=False)
        with contextlib.closing(line.client):
            yield BacnetWriter(settings, line)
    elif file.modbus is not None:
        from .modbus_writer import ModbusWriter

        unit = _modbus_line(file.modbus.model_copy(update={"clock": None}))
        with contextlib.closing(unit.client):
            yield ModbusWriter(settings, unit)


def marks_of(settings: SiteSettings) -> Marks:
    """By what our set-points are known again on a site."""
    if apart := settings.file.bacnet is not None:
        from .bacnet_writer import same as one
    else:
        from .modbus_writer import same as one

    def same(name: str, written: float, found: float) -> bool:
        place = settings.places[name]
        asked, shown = place.conversion.to_device(written), place.conversion.to_device(found)
        # What is found went through the conversion twice, and lost the last digits of a double by it.
        return one(asked, round(shown, _DIGITS), place) or abs(asked - shown) <= 10.0**-_DIGITS

    return Marks(same=same, apart=apart)


@contextlib.contextmanager
def of_address(settings: SiteSettings) -> Iterator[None]:
    """A port of ours that cannot be had is said with the file and the field that name it."""
    try:
        yield
    except UserError as error:
        raise UserError(
            f"{settings.path}: bacnet.{error}" if str(error).startswith("address") else str(error)
        ) from error


def _bacnet_line(link: BacnetLink, *, working: bool = True) -> BacnetLine:
    from .bacnet import BacnetClient
    from .bacnet_line import BacnetLine

    return BacnetLine(BacnetClient(link.address, timeout_s=link.timeout_s, retries=link.retries), link, working=working)


def _modbus_line(link: ModbusLink) -> ModbusLine:
    from .modbus import ModbusClient
    from .modbus_line import ModbusLine

    client = ModbusClient(
        link.host, link.port, link.unit_id, word_order=link.word_order, timeout_s=link.timeout_s, retries=link.retries
    )
    return ModbusLine(client, link)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bus:
    """What a site is made of on one kind of bus.

    Attributes:
        what: the device, in words.
        told: gives the device's time, of several that it could be the one nearest to a time.
        site: made of the site's clock.
        writer: makes the right to write.
        close: ends the line to the device.
    """

    what: str
    told: Callable[[datetime | None], datetime | None]
    site: Callable[[SiteClock], Site]
    writer: Callable[[], BusWriter]
    close: Callable[[], None]


def _open(settings: SiteSettings, days: float | None, *, watched: bool) -> tuple[View, Callable[[], BusWriter]]:
    bus = _bacnet(settings, watched=watched) if settings.file.bacnet is not None else _modbus(settings)
    try:
        clock = _clock_of(settings, days, bus.told)
    except BaseException:
        bus.close()
        raise
    name, building = settings.file.site, settings.building
    about = f"site {name}: {bus.what}, {len(settings.places)} of {len(building.points)} points of {building.id}"
    site = ReadOnly(bus.site(clock))
    return View(site=site, clock=clock, ticks=_ticks(settings, days), about=about, name=name), bus.writer


def _bacnet(settings: SiteSettings, *, watched: bool) -> _Bus:
    from .bacnet_site import BacnetSite
    from .bacnet_writer import BacnetWriter

    link = settings.file.bacnet
    assert link is not None
    with of_address(settings):
        line = _bacnet_line(link)

    def told(near: datetime | None) -> datetime | None:
        local = line.local_time(line.read({}))
        return None if local is None else in_zone(local, settings.zone, near)

    return _Bus(
        what=f"BACnet device {link.device_id} at {link.device}",
        told=told,
        site=lambda clock: BacnetSite(settings, line, clock, watched=watched),
        writer=lambda: BacnetWriter(settings, line),
        close=line.client.close,
    )


def _modbus(settings: SiteSettings) -> _Bus:
    from .modbus_line import register_of
    from .modbus_site import ModbusSite
    from .modbus_writer import ModbusWriter

    link = settings.file.modbus
    assert link is not None
    line, first = _modbus_line(link), register_of(next(iter(settings.places.values())))

    def told(_: datetime | None) -> datetime | None:
        time = line.time(line.read([first]))
        return None if time is None else localised(time, settings.zone)

    return _Bus(
        what=f"Modbus unit {link.unit_id} at {link.host}:{link.port}",
        told=told,
        site=lambda clock: ModbusSite(settings, line, clock),
        writer=lambda: ModbusWriter(settings, line),
        close=line.client.close,
    )


def _clock_of(
    settings: SiteSettings, days: float | None, ask: Callable[[datetime | None], datetime | None]
) -> SiteClock:
    """The site's clock. The device is asked in any case: nothing is begun with one that is not there.

    Args:
        settings: which site.
        days: after which its time ends.
        ask: gives the device's time, of several that it could be the one nearest to a time.
    """
    speed, zone = settings.file.speed, settings.zone
    try:
        begin = ask(None)
    except SiteError as error:
        raise SiteError(f"{settings.path}: {error}; `airhandler check` says more") from error
    if settings.file.clock == "machine":
        return SiteClock(speed, zone, localised(datetime.now(UTC), zone), days=days)
    if begin is None:
        raise UserError(f"{settings.path}: clock: device, and {NO_TIME}: {SET_IT}")

    def site_time() -> datetime | None:
        try:
            return ask(clock.now())
        except SiteError:
            return None

    clock = SiteClock(speed, zone, begin, site_time, days=days)
    return clock


def _ticks(settings: SiteSettings, days: float | None) -> int | None:
    """How many steps there are in so many days, the first and the last one counted."""
    return None if days is None else int(timedelta(days=days).total_seconds() // settings.building.step_s) + 1


def is_site_file(name: str) -> bool:
    """Whether what the user named as the site is a site file."""
    return name.endswith(SITE_FILES)
