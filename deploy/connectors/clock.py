"""A site's time: a monotonic clock of ours, or what the site's device says its time is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo

from airhandler.buildings.errors import SiteError
from airhandler.deploy.boot import boot_s

_PIECE_S = 1.0  # a sleeper looks up so often: what the machine was suspended for has passed, too
_POLL_S = 0.25  # how often a device's time is looked at while it is waited for, at most
_POLLS = 20  # looks in a waited-for stretch, at least
_ANOTHER_TIME = 2.0  # a site that is so many stretches behind is not late

NO_TIME = "the device does not say what time it is"
SET_IT = "set the device's clock, or write clock: machine, which takes ours"


class SiteClock:
    """Goes on by itself from where it began, whatever is done to the machine's clock; `stop` wakes a sleeper.

    Where `ask` is given (a twin in simulated time), the site's own time counts: a sleeper wakes when the site says that
    it is time. One that says nothing, or stands still, is waited for as long again as was slept, and then not any more;
    one whose time is another one altogether (a twin that began anew) is not waited for.

    Args:
        speed: site seconds in one of the machine.
        zone: the site's; `now` carries its offset.
        begin: the site's time now, timezone-aware.
        ask: gives the site's time; None where it does not answer.
        days: of the site, after which there is no more time; None: that never comes.
    """

    def __init__(
        self,
        speed: float,
        zone: tzinfo,
        begin: datetime,
        ask: Callable[[], datetime | None] | None = None,
        *,
        days: float | None = None,
    ) -> None:
        self._end = None if days is None else begin + timedelta(days=days)
        self._speed, self._zone, self._ask = speed, zone, ask
        self._began = begin, boot_s()  # one value: another thread (metrics) may look while it is set
        self._stop = threading.Event()

    def now(self) -> datetime:
        """The site's time."""
        anchor, since_s = self._began
        return localised(anchor + timedelta(seconds=(boot_s() - since_s) * self._speed), self._zone)

    def set(self, now: datetime) -> None:
        """Goes on from here: the site has said what time it is."""
        self._began = now, boot_s()

    def sleep_until(self, when: datetime) -> bool:
        """Sleeps until `when`. Returns False where that is after the end, and, at once for a sleeper, when stopped."""
        if self._end is not None and when > self._end:
            return False
        asked_s = max(0.0, (when - self.now()).total_seconds()) / self._speed
        if not self._sleep(when):
            return False
        return True if self._ask is None else self._wait_for_site(self._ask, when, asked_s)

    def stop(self) -> None:
        """Ends the run at once."""
        self._stop.set()

    def _sleep(self, when: datetime) -> bool:
        while (left_s := (when - self.now()).total_seconds() / self._speed) > 0.0:
            if self._stop.wait(min(left_s, _PIECE_S)):
                return False
        return not self._stop.is_set()

    def _wait_for_site(self, ask: Callable[[], datetime | None], when: datetime, asked_s: float) -> bool:
        give_up_s = boot_s() + asked_s
        widest = timedelta(seconds=_ANOTHER_TIME * asked_s * self._speed)
        while (site := ask()) is not None and when - widest < site < when:
            if boot_s() >= give_up_s:
                break
            if self._stop.wait(min(_POLL_S, asked_s / _POLLS)):
                return False
        self.set(site if site is not None and site > when else when)
        return True


def localised(time: datetime, zone: tzinfo) -> datetime:
    """A time with the zone's offset at that moment, which stays as it is: sums of it are right across changes of it."""
    offset = time.astimezone(zone).utcoffset()
    return time.astimezone(timezone(offset) if offset is not None else zone)


def in_zone(local: datetime, zone: tzinfo, near: datetime | None = None) -> datetime:
    """A time of day that somebody shows who stands in a zone, as an instant.

    In the hour that a zone has twice, it is the one nearer to `near`, or the first.
    """
    both = [local.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    chosen = both[0] if near is None else min(both, key=lambda t: abs(t.timestamp() - near.timestamp()))
    return localised(chosen, zone)


def told_time(told: datetime | None) -> datetime:
    """The time that a device says where its own counts. Raises SiteError where it says none.

    How old values are, and when the next step is due, would be known no more; ours could be years from its.
    """
    if told is None:
        raise SiteError(f"clock: device, and {NO_TIME} any more: {SET_IT}")
    return told
