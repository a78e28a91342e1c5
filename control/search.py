"""Searching the parameters of a baseline: pattern search on whole years of training weather, in processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.processes import die_with_parent
from airhandler.buildings.weather import find_weather

from .evaluate import evaluate
from .registry import make_baseline

# Where each search begins, its first step, and its bounds: (start, step, low, high).
SPACES: Mapping[str, Mapping[str, tuple[float, float, float, float]]] = {
    "constant": {
        "supply_c": (24.0, 1.0, 18.0, 27.0),
        "airflow_frac": (0.45, 0.05, 0.2, 1.0),
    },
    "outdoor-reset": {
        "supply_cold_c": (18.0, 0.5, 17.6, 22.0),
        "supply_warm_c": (25.5, 0.5, 20.0, 27.0),
        "outdoor_low_c": (16.0, 2.0, 0.0, 24.0),
        "outdoor_span_k": (2.0, 2.0, 0.0, 12.0),
        "flow_ratio": (1.02, 0.02, 1.0, 1.3),
    },
    "trim-respond": {
        "target_c": (26.0, 0.5, 20.0, 27.0),
        "request_k": (0.5, 0.25, 0.25, 2.0),
        "trim_k": (0.2, 0.1, 0.05, 1.0),
        "respond_k": (0.5, 0.25, 0.1, 2.0),
        "respond_max_k": (2.0, 0.5, 0.5, 2.5),
        "flow_ratio": (1.05, 0.02, 1.0, 1.3),
    },
}

# What an hour with an inlet one kelvin above the recommended range weighs against energy [kWh]: far more than
# any saving it can bring, so that the best constant is one that keeps the limit.
_EXCEEDANCE_KWH_PER_KH = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One set of parameters and what it cost, averaged over the weathers [kWh a period]."""

    parameters: Mapping[str, float]
    total_kwh: float
    above_recommended_frac: float
    cost_kwh: float


def search(
    name: str,
    building: str,
    weathers: Sequence[str],
    period: Period,
    *,
    rounds: int,
    processes: int,
    shielded: bool,
    on_trial: Callable[[Trial, bool], None],
) -> Trial:
    """The best parameters found by pattern search: each parameter up and down, steps halved when none helps.

    Args:
        name: of a baseline.
        rounds: how many times all neighbours of the best are tried.
        processes: how many simulations run at once.
        shielded: whether trials run behind the shield; without it a rule has to keep the limits by itself.
        on_trial: is told each trial and whether it is the best so far.

    Raises UserError for an unknown baseline, building or weather. Source: Hooke and Jeeves 1961.
    """
    if name not in SPACES:
        raise UserError(f"{name!r} has no parameters to search; known: {', '.join(SPACES)}")
    for weather in weathers:
        find_weather(weather)
    find_building(building)
    space = SPACES[name]
    steps = {key: step for key, (_, step, _, _) in space.items()}
    tried: dict[tuple[float, ...], Trial] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_initialise) as pool:

        def run(candidates: Sequence[Mapping[str, float]]) -> None:
            fresh = [c for c in candidates if tuple(c.values()) not in tried]
            jobs = [(name, building, weather, period, dict(c), shielded) for c in fresh for weather in weathers]
            results = list(pool.map(_cost, jobs))
            for i, candidate in enumerate(fresh):
                trial = _mean(candidate, results[i * len(weathers) : (i + 1) * len(weathers)])
                is_best = all(trial.cost_kwh < t.cost_kwh for t in tried.values())
                tried[tuple(candidate.values())] = trial
                on_trial(trial, is_best)

        run([{key: start for key, (start, _, _, _) in space.items()}])
        for _ in range(rounds):
            best = min(tried.values(), key=lambda t: t.cost_kwh)
            run(list(_neighbours(best.parameters, steps, name)))
            if min(tried.values(), key=lambda t: t.cost_kwh) is best:
                steps = {key: step / 2 for key, step in steps.items()}
    return min(tried.values(), key=lambda t: t.cost_kwh)


def _initialise() -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker at once; the parent says so


def _neighbours(best: Mapping[str, float], steps: Mapping[str, float], name: str) -> Iterator[dict[str, float]]:
    for key, (_, _, low, high) in SPACES[name].items():
        for sign in (1, -1):
            value = round(min(high, max(low, best[key] + sign * steps[key])), 4)
            if value != best[key]:
                yield {**best, key: value}


def _cost(job: tuple[str, str, str, Period, dict[str, float], bool]) -> tuple[float, float, float]:
    """(total kWh, share of steps above recommended, kelvin-hours above recommended) of one run."""
    name, building_id, weather, period, parameters, shielded = job
    building = find_building(building_id)
    controller = make_baseline(name, building, parameters)
    kpis = evaluate(controller, building, find_weather(weather), period, shielded=shielded).kpis
    return kpis.total_kwh, kpis.above_recommended_frac, kpis.above_recommended_kh


def _mean(parameters: Mapping[str, float], results: Sequence[tuple[float, float, float]]) -> Trial:
    total, above, kelvin_hours = (sum(column) / len(results) for column in zip(*results, strict=True))
    return Trial(
        parameters=parameters,
        total_kwh=total,
        above_recommended_frac=above,
        cost_kwh=total + _EXCEEDANCE_KWH_PER_KH * kelvin_hours,
    )
