"""`airhandler bench shield`: generated situations by the million, and what left the shield in each.

`judge` is timed, once for each situation, garbage collection and all: by the processor time of its thread, which
is what the shield needs, and by the wall clock, which holds what else the machine did meanwhile. The words of its
reasons are made when they are read, which is timed by itself.
"""

from __future__ import annotations

import gc
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from time import perf_counter, thread_time
from typing import Any, NamedTuple

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.processes import begin_job, spare_what_is_there
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import NO_WORDS, Adjusted, Allowed, Proposal, Rejected

from .jobs import in_processes
from .shield_buildings import altered_building
from .shield_cases import START, Run, Situation
from .shield_oracle import Oracle

BROKEN = (
    "outside_limits",
    "outside_ramps",
    "outside_dwell",
    "outside_operator",
    "malformed",
    "safe_changed",
    "not_idempotent",
    "not_fallback",
    "unsound_passed",
    "raised",
)
"""What may never be counted."""

_CHUNK, _CONFIGURATION, _RUN = 2_000, 100, 20  # situations of one job, one altered building, one run


class Slowest(NamedTuple):
    """A call of `judge`, and the same once more: what the input costs costs it again, what the machine did does not."""

    ms: float
    again_ms: float
    where: str


_NONE_YET = Slowest(0.0, 0.0, "")


@dataclass(kw_only=True)
class Tally:
    """What was found, and how long it took.

    Attributes:
        counts: of situations, verdicts and broken promises.
        cpu_s, wall_s: of each call of `judge`, by building [s].
        words_s: processor time of reading all words of its verdict, by building [s].
        slowest: of all calls of `judge`: how long, how long the same took again, and where.
        failures: where each promise was broken first, in words.
    """

    counts: Counter[str] = field(default_factory=Counter)
    cpu_s: dict[str, array[float]] = field(default_factory=dict)
    wall_s: dict[str, array[float]] = field(default_factory=dict)
    words_s: dict[str, array[float]] = field(default_factory=dict)
    slowest: Slowest = _NONE_YET
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Counts another's too."""
        self.counts += other.counts
        times = (self.cpu_s, other.cpu_s), (self.wall_s, other.wall_s), (self.words_s, other.words_s)
        for mine, theirs in times:
            for name, values in theirs.items():
                mine.setdefault(name, array("f")).extend(values)
        self.slowest = max(self.slowest, other.slowest)
        self.failures = {**other.failures, **self.failures}


def bench_shield(
    *, cases: int, seed: int, processes: int, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Judges so many situations. The same seed gives the same ones, however many processes there are.

    Raises AirhandlerError where a process is killed.
    """
    told, tally = progress or (lambda cases: None), Tally()
    for part in _parts(cases, seed, processes):
        tally.add(part)
        told(part.counts["cases"])
    return _result(tally, seed)


def _parts(cases: int, seed: int, processes: int) -> Iterator[Tally]:
    jobs = ((seed, i, min(_CHUNK, cases - i * _CHUNK)) for i in range(-(-cases // _CHUNK)))
    if processes == 1 or cases <= _CHUNK:
        yield from (judge_chunk(*job) for job in jobs)
        return
    yield from in_processes(judge_chunk, jobs, processes, begin_job)


def judge_chunk(seed: int, number: int, cases: int) -> Tally:
    """Judges one part of the situations.

    Where a shield is at work it is made once, and what is there by then is left to no garbage collection. So it is
    here, for every shield: else one would wait, now and then, while the buildings of all the others are looked through.
    """
    gc.unfreeze()
    spare_what_is_there()
    rng, tally = Random(f"{seed}/{number}"), Tally()
    while tally.counts["cases"] < cases:
        building, shield, operator = altered_building(rng)
        oracle = Oracle(building, operator)
        gc.freeze()
        for _ in range(_CONFIGURATION // _RUN):
            run = Run(building, shield, rng)
            for _ in range(min(_RUN, cases - tally.counts["cases"])):
                _judge(run, building, shield, oracle, tally, f"seed {seed}, part {number}")
    return tally


def _judge(run: Run, building: Building, shield: Shield, oracle: Oracle, tally: Tally, where: str) -> None:
    case, counts = run.situation(), tally.counts
    counts["cases"] += 1
    broken: set[str]
    began, began_cpu = perf_counter(), thread_time()
    try:
        verdict = _judged(case, case.proposal, shield)
    except Exception:  # noqa: BLE001 - that it raises is what is counted
        verdict, broken = None, {"raised"}
    cpu_s, wall_s = thread_time() - began_cpu, perf_counter() - began
    if verdict is not None:
        counts[verdict.kind] += 1
        began_cpu = thread_time()
        untold = any(reason.words.startswith(NO_WORDS) for reason in verdict.reasons)
        tally.words_s.setdefault(building.id, array("f")).append(thread_time() - began_cpu)
        broken = _broken(case, verdict, shield, oracle, counts) | ({"raised"} if untold else set())
        if "malformed" not in broken:
            run.follow(verdict.setpoints)
    tally.cpu_s.setdefault(building.id, array("f")).append(cpu_s)
    tally.wall_s.setdefault(building.id, array("f")).append(wall_s)
    place = f"{where}, case {counts['cases']}, {building.id}"
    if cpu_s * 1000 > tally.slowest.ms and verdict is not None:
        tally.slowest = Slowest(cpu_s * 1000, _again_ms(case, shield), place)
    counts.update(broken)
    for name in sorted(broken - tally.failures.keys()):
        tally.failures[name] = f"{name}: {place}"


def _broken(case: Situation, verdict: Any, shield: Shield, oracle: Oracle, counts: Counter[str]) -> set[str]:
    """The promises that one verdict breaks."""
    given = verdict.setpoints
    if not isinstance(verdict, Allowed | Adjusted | Rejected) or not oracle.is_well_formed(given):
        return {"malformed"}
    base = oracle.base(case.history, case.in_force)
    past = oracle.stood(case.past, base)
    refused = isinstance(verdict, Rejected)
    hopeless = refused and case.sound is not False and any(r.slack_k is not None for r in verdict.reasons)
    if case.sound and hopeless:
        hopeless = oracle.is_hopeless(given, past, case.history, case.written, case.forecast)
    counts["hopeless"] += hopeless
    checks = {
        "outside_limits": not oracle.is_inside_limits(given),
        "outside_ramps": not oracle.is_inside_ramps(given, past),
        "outside_dwell": not oracle.is_inside_dwell(given, past),
        "outside_operator": not oracle.is_inside_operator(given, base),
        "not_idempotent": not _same_again(case, verdict, shield),
        "not_fallback": refused and not hopeless and not oracle.is_towards_fallback(given, past),
        "unsound_passed": case.sound is False and not refused,
        "safe_changed": isinstance(verdict, Allowed) and dict(given) != dict(case.proposal.setpoints),
    }
    if case.sound:
        asked = {name: float(value) for name, value in case.proposal.setpoints.items()}
        counts["sound"] += 1
        checks["safe_changed"] |= refused and not hopeless
        if oracle.is_confident(case.proposal.confidence) and oracle.is_safe(
            asked, past, case.history, case.written, case.forecast
        ):
            counts["safe"] += 1
            checks["safe_changed"] |= dict(given) != asked
    return {name for name, is_broken in checks.items() if is_broken}


def _judged(case: Situation, proposal: Any, shield: Shield) -> Any:
    return shield.judge(
        case.history, case.in_force, proposal, past=case.past, written=case.written, forecast=case.forecast
    )


def _again_ms(case: Situation, shield: Shield) -> float:
    began = thread_time()
    _judged(case, case.proposal, shield)
    return (thread_time() - began) * 1000


def _same_again(case: Situation, verdict: Any, shield: Shield) -> bool:
    """Whether the answer, asked for, is the answer: bit for bit."""
    proposal = Proposal(setpoints=verdict.setpoints, time=START, controller="again")
    again = _judged(case, proposal, shield)
    return dict(again.setpoints) == dict(verdict.setpoints)


def _result(tally: Tally, seed: int) -> dict[str, Any]:
    counts = tally.counts
    return {
        "cases": counts["cases"],
        "seed": seed,
        **{name: counts[name] for name in BROKEN},
        **{kind: counts[kind] for kind in ("allowed", "adjusted", "rejected")},
        "sound": counts["sound"],
        "hopeless": counts["hopeless"],
        "safe": counts["safe"],
        **_times(tally, tally.cpu_s),
        "buildings": {name: {"cases": len(tally.cpu_s[name]), **_times(tally, [name])} for name in sorted(tally.cpu_s)},
        "slowest": tally.slowest._asdict(),
        "failures": list(tally.failures.values()),
    }


def _times(tally: Tally, names: Iterable[str]) -> dict[str, float]:
    """Milliseconds: `p50_ms`, `p99_ms`, `max_ms` of processor time; `wall_` of the clock; `words_` of the words."""
    found: dict[str, Any] = {}
    for prefix, by_building in (("", tally.cpu_s), ("wall_", tally.wall_s), ("words_", tally.words_s)):
        seconds = np.concatenate([np.array(by_building.get(name, [0.0])) for name in names])
        p50, p99, largest = 1000 * np.percentile(seconds, (50, 99, 100))
        found |= {f"{prefix}p50_ms": p50, f"{prefix}p99_ms": p99, f"{prefix}max_ms": largest}
    return {name: round(float(value), 4) for name, value in found.items()}
