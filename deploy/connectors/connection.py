"""What a connector hands over: a View to look at, or a Connection that holds the right to write as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from airhandler.buildings.points import Point, Reading
from airhandler.buildings.site import Clock, Site, Writer

from .recorded_mends import Mend


class StoppableClock(Clock, Protocol):
    """A clock that a stop ends: `sleep_until` then returns False, at once for a sleeper."""

    def stop(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A site to look at: it has nothing to write with.

    Attributes:
        site: what is read. It is closed by whoever asked for the view.
        clock: its time.
        ticks: how many control steps it offers; None where that has no end.
        about: one sentence on what it is, for the log.
        randomised: what was drawn for a simulated site, by name.
        name: what the site is called; "" where it has no name.
        mends: what was mended in a recording.
        sha256: of a recording; "" for a site that goes on.
    """

    site: Site
    clock: StoppableClock
    ticks: int | None
    about: str
    randomised: Mapping[str, float] = field(default_factory=dict)
    name: str = ""
    mends: tuple[Mend, ...] = ()
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """A view, and the right to write to what is seen."""

    view: View
    writer: Writer


class ReadOnly:
    """A site of which only the reading can be reached."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def points(self) -> Sequence[Point]:
        """Every point of the site."""
        return self._site.points

    def read(self) -> Reading:
        """The site's reading."""
        return self._site.read()

    def close(self) -> None:
        """Closes the site."""
        self._site.close()
