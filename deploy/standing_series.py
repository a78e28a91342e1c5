"""What a Standing says as families of samples: the part of its metrics that needs no library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .series import LABELS, Series
from .standing import OnBus, Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One metric.

    Attributes:
        name: without the prefix that all of ours have.
        words: what it is.
        labels: names of its labels.
        samples: values of the labels, and the number.
        counted: whether it only grows, from the start of the process on.
    """

    name: str
    words: str
    labels: tuple[str, ...] = ()
    samples: tuple[tuple[tuple[str, ...], float], ...]
    counted: bool = False


def families(standing: Standing, setpoints: Iterable[Series]) -> Iterator[Family]:
    """The metrics of a Standing; what is not known, or not so, has no sample."""
    yield _one("in_charge", "Whether something of ours is or may be in force", standing.in_charge)
    yield _one("authority_changed_timestamp_seconds", "Since when airhandler_in_charge is so", standing.since_s)
    bus, why = standing.on_bus, standing.why_back_shortly
    if why is not None:
        words = "Why authority stays with the building until a person resets; only while it does"
        yield Family(name="handover_info", words=words, labels=("why",), samples=(((why,), 1.0),))
        since_s = None if bus is None else bus.latched_s
        yield from _known({"handover_timestamp_seconds": ("Since when it stays there", since_s)})
    if bus is not None:
        yield from _of_bus(bus, setpoints)


def _of_bus(bus: OnBus, setpoints: Iterable[Series]) -> Iterator[Family]:
    yield _one("watchdog_ready", "Whether a watchdog is there that could give everything back", bus.watched)
    yield _one("watchdog_gave_back", "Whether it has, of what we wrote, and the building shows it", bus.taken_back)
    yield _one("advice_waiting", "Whether what is proposed waits for a person to accept it", bus.waits)
    lease = {
        "lease_age_seconds": ("Time since the lease was renewed; only while something is in force", bus.lease_age_s),
        "lease_limit_seconds": ("Age of the lease by which the watchdog has given back", bus.lease_limit_s),
        "acceptance_left_seconds": ("For how much of the building's time advice is accepted", bus.accepted_s),
    }
    yield from _known(lease)
    granted = tuple((one.labels, bus.granted[one.point]) for one in setpoints)
    words = "How far a set-point goes from the building's own control to the controller"
    yield Family(name="granted_ratio", words=words, labels=LABELS, samples=granted)
    errors = (((), float(bus.journal_errors)),)
    yield Family(name="journal_errors", words="Rows that the journal did not take", samples=errors, counted=True)


def _known(wanted: Mapping[str, tuple[str, float | None]]) -> Iterator[Family]:
    for name, (words, value) in wanted.items():
        if value is not None:
            yield _one(name, words, value)


def _one(name: str, words: str, value: float) -> Family:
    return Family(name=name, words=words, samples=(((), float(value)),))
