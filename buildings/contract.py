"""The contract of a building: what everything that learns, controls and reports relies on, as checks that name a cause.

Each check is a small function from what stretches of the year showed to findings; no findings, and the building holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from .catalog import Building
from .controllability import Effect, controllability, idle_causes
from .errors import UserError
from .instrumentation import measured_points
from .model import Period
from .stretches import Stretch, stretches
from .ways import ORDERLY, WAYS, Way
from .weather import Weather, find_weather

BALANCE_FRAC = 5e-3
"""Most that the parts of the electricity may differ from the facility's meter, over a stretch."""

WEEKS = ((1, 10), (4, 10), (7, 10), (10, 10))
"""First days of the stretches where the year is not run whole: one in each season."""

WEEK_DAYS = 7
REPEATED_DAYS = 1
_YEAR_DAYS = 365


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One breach of the contract.

    Attributes:
        check: which part of the contract.
        where: the point, the set-point or the stretch.
        what: what was seen.
        cause: what probably lies behind it, and what to do.
    """

    check: str
    where: str
    what: str
    cause: str

    def __str__(self) -> str:
        return f"{self.where} {self.what}: {self.cause}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a building showed, and what it breaks.

    Attributes:
        effects: of each set-point moved alone; none where that was not asked for.
        stretches: of the year.
        findings: none: the building holds.
    """

    effects: tuple[Effect, ...]
    stretches: tuple[Stretch, ...]
    findings: tuple[Finding, ...]


def check_building(
    building: Building,
    weather: Weather | None = None,
    *,
    periods: Sequence[Period] | None = None,
    with_effects: bool = True,
    seed: int = 0,
    processes: int = 2,
    progress: Callable[[str], None] = lambda words: None,
) -> Report:
    """Runs the whole contract.

    Args:
        building: any of the catalogue, or a user's own.
        weather: by default the building's first.
        periods: stretches of the year that are run in every way; by default a week of each season.
        with_effects: whether every set-point is moved alone too, which is the longest part with many of them.
        seed: of random and of extreme set-points.
        processes: simulations that run at once.
        progress: gets a few words before each part.

    Raises SimulationError where this process cannot fork.
    """
    where = weather or find_weather(building.file.weather[0])
    chosen = weeks() if periods is None else periods
    progress(f"{building.id}: {sum(p.days for p in chosen)} days of {where.name}: {', '.join(WAYS)}")
    again = Period(start=(chosen[0].first.month, chosen[0].first.day), days=REPEATED_DAYS)
    jobs: list[tuple[Way, Period]] = [(way, period) for way in WAYS for period in chosen]
    jobs += [("random", again)] * 2
    seen = stretches(building, where, jobs, seed=seed, processes=processes)
    runs, (one, other) = seen[:-2], seen[-2:]
    effects: tuple[Effect, ...] = ()
    if with_effects:
        progress(f"{building.id}: {len(building.setpoints)} set-points, each moved alone")
        effects = controllability(building, where, processes=processes)
    findings = [finding for check in _CHECKS for finding in check(building, runs)]
    findings += [*unrepeatable(one, other), *idle(building, effects)]
    return Report(effects=effects, stretches=tuple(runs), findings=tuple(findings))


def weeks(days: int = WEEK_DAYS) -> tuple[Period, ...]:
    """So many days of each season."""
    return tuple(Period(start=first, days=days) for first in WEEKS)


def year_in(parts: int) -> tuple[Period, ...]:
    """The whole year in so many stretches that follow each other."""
    first, ends = Period().first, [_YEAR_DAYS * i // parts for i in range(parts + 1)]
    begins = [first + timedelta(days=day) for day in ends[:-1]]
    return tuple(
        Period(start=(begin.month, begin.day), days=end - start)
        for begin, start, end in zip(begins, ends, ends[1:], strict=False)
    )


def refuse(building: Building, findings: Iterable[Finding]) -> None:
    """Raises UserError that names every breach, if there is any."""
    if words := [f"{finding.check}: {finding}" for finding in findings]:
        raise UserError(f"{building.id}: does not hold its contract: {'; '.join(words)}")


def given_up(building: Building, seen: Sequence[Stretch]) -> list[Finding]:
    """Stretches that EnergyPlus did not run to their end."""
    return [
        Finding(
            check="runs",
            where=_name(one),
            what=f"ended after {one.steps} steps",
            cause=f"{one.failure}; if only hostile set-points do it, narrow their limits",
        )
        for one in seen
        if one.failure
    ]


def unbounded(building: Building, seen: Sequence[Stretch]) -> list[Finding]:
    """Points that left what the building file calls plausible; the stretch that went farthest is named."""
    findings = []
    for point in measured_points(building):
        known = [one for one in seen if point.name in one.low]
        if not known:
            continue
        lowest = min(known, key=lambda s: s.low[point.name])
        highest = max(known, key=lambda s: s.high[point.name])
        for one, value, outside in (
            (lowest, lowest.low[point.name], lowest.low[point.name] < point.low),
            (highest, highest.high[point.name], highest.high[point.name] > point.high),
        ):
            if outside:
                findings.append(
                    Finding(
                        check="bounds",
                        where=point.name,
                        what=f"was {value:g} {point.unit} ({_name(one)}), outside {point.low:g} to {point.high:g}",
                        cause="the model runs away there (a curve without an end, a set-point that asks too much), or "
                        "physics goes that far and the declared range is too narrow",
                    )
                )
    return findings


def not_finite(building: Building, seen: Sequence[Stretch]) -> list[Finding]:
    """Points without a value in a step, other than meters in the first reading."""
    return [
        Finding(
            check="finite",
            where=name,
            what=f"had no finite value in {count} of {one.steps} steps ({_name(one)})",
            cause="EnergyPlus computes nothing there: read another output variable",
        )
        for one in seen
        for name, count in one.not_finite.items()
    ]


def unbalanced(building: Building, seen: Sequence[Stretch]) -> list[Finding]:
    """Stretches in which HVAC, IT and other together are not the facility's electricity."""
    return [
        Finding(
            check="energy balance",
            where=building.file.meters.total,
            what=f"differs by {one.balance_frac:.2%} from the sum of its parts ({_name(one)})",
            cause="an end use is in no meter, or in two: see meters and sum_of of the building file",
        )
        for one in seen
        if abs(one.balance_frac) > BALANCE_FRAC
    ]


def severe(building: Building, seen: Sequence[Stretch]) -> list[Finding]:
    """Severe errors of EnergyPlus in normal operation."""
    return [
        Finding(
            check="severe errors",
            where=_name(one),
            what=f"had {count} times {kind!r}",
            cause="EnergyPlus takes something of the model for wrong: see what it names",
        )
        for one in seen
        if one.way in ORDERLY
        for kind, count in one.complaints.kinds.items()
        if not kind.startswith("Warning")
    ]


def unrepeatable(one: Stretch, other: Stretch) -> list[Finding]:
    """Two runs with the same seed that are not equal to the last bit."""
    if one.digest == other.digest:
        return []
    return [
        Finding(
            check="repeatable",
            where=_name(one),
            what="gave other values the second time, with the same seed",
            cause="something of the model depends on more than its inputs, for example a Python plug-in",
        )
    ]


def idle(building: Building, effects: Sequence[Effect]) -> list[Finding]:
    """Set-points that move nothing."""
    return [
        Finding(check="controllability", where=name, what="moves neither energy nor a temperature", cause=cause)
        for name, cause in idle_causes(building, effects).items()
    ]


_CHECKS = (given_up, unbounded, not_finite, unbalanced, severe)


def _name(one: Stretch) -> str:
    return f"{one.way} from {one.first_day}"
