"""Searching the parameters of a baseline: pattern search on whole years of training weather, in processes."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from airhandler.buildings.catalog import Building, Kind, find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.processes import begin_job
from airhandler.buildings.weather import find_weather

from .evaluate import evaluate
from .kpis import MISSED_KWH_PER_KH
from .registry import make_baseline

type Space = Mapping[str, tuple[float, float, float, float]]

_BANDS: Space = {
    "heating_c": (21.0, 0.5, 19.0, 22.0),
    "cooling_c": (24.5, 0.5, 22.5, 27.0),
    "setback_heating_c": (15.0, 1.0, 13.0, 21.0),
    "setback_cooling_c": (30.0, 1.0, 24.0, 32.0),
    "lead_h": (2.0, 1.0, 0.0, 6.0),
    "coast_h": (0.0, 0.5, 0.0, 3.0),
}
_SUPPLY: Space = {"supply_c": (15.0, 1.0, 12.0, 18.0)}

# Where each search begins, its first step, and its bounds: (start, step, low, high).
SPACES: Mapping[Kind, Mapping[str, Space]] = {
    "data centre": {
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
    },
    "office": {
        "constant": {
            "heating_c": (21.0, 0.5, 19.0, 22.0),
            "cooling_c": (24.5, 0.5, 22.5, 27.0),
            **_SUPPLY,
        },
        "setback": {**_BANDS, **_SUPPLY},
        "trim-respond": {
            **_BANDS,
            "request_k": (0.5, 0.25, 0.0, 2.0),
            "trim_k": (0.5, 0.25, 0.1, 1.5),
            "respond_k": (0.5, 0.25, 0.1, 1.5),
            "respond_max_k": (1.5, 0.5, 0.5, 3.0),
        },
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One set of parameters and what it cost, averaged over the weathers [kWh a period].

    Attributes:
        total_kwh: all electricity.
        gas_kwh: all gas, which weighs as much as electricity.
        missed_frac: share of steps in which the building missed what it is for.
    """

    parameters: Mapping[str, float]
    total_kwh: float
    gas_kwh: float
    missed_frac: float
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

    Raises UserError for an unknown baseline, building or weather, and where no cost is known, as in an office on days
    without people. Source: Hooke and Jeeves 1961.
    """
    space = find_space(name, find_building(building))
    for weather in weathers:
        find_weather(weather)
    steps = {key: step for key, (_, step, _, _) in space.items()}
    tried: dict[tuple[float, ...], Trial] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=begin_job) as pool:

        def run(candidates: Sequence[Mapping[str, float]]) -> None:
            fresh = [c for c in candidates if tuple(c.values()) not in tried]
            jobs = [(name, building, weather, period, dict(c), shielded) for c in fresh for weather in weathers]
            results = list(pool.map(_cost, jobs))
            for i, candidate in enumerate(fresh):
                trial = _mean(candidate, results[i * len(weathers) : (i + 1) * len(weathers)])
                if not math.isfinite(trial.cost_kwh):
                    raise UserError(
                        f"{building}: {period.words}: no cost is known: nobody is there, "
                        "or a meter gives nothing; take more days"
                    )
                is_best = all(trial.cost_kwh < t.cost_kwh for t in tried.values())
                tried[tuple(candidate.values())] = trial
                on_trial(trial, is_best)

        run([{key: start for key, (start, _, _, _) in space.items()}])
        for _ in range(rounds):
            best = min(tried.values(), key=lambda t: t.cost_kwh)
            run(list(_neighbours(best.parameters, steps, space)))
            if min(tried.values(), key=lambda t: t.cost_kwh) is best:
                steps = {key: step / 2 for key, step in steps.items()}
    return min(tried.values(), key=lambda t: t.cost_kwh)


def find_space(name: str, building: Building) -> Space:
    """What is searched for a rule. Raises UserError that lists the rules with parameters that fit the building."""
    known = SPACES[building.kind]
    if name not in known:
        raise UserError(f"{name!r} has no parameters to search on {building.id}; known: {', '.join(known)}")
    return known[name]


def _neighbours(best: Mapping[str, float], steps: Mapping[str, float], space: Space) -> Iterator[dict[str, float]]:
    for key, (_, _, low, high) in space.items():
        for sign in (1, -1):
            value = round(min(high, max(low, best[key] + sign * steps[key])), 4)
            if value != best[key]:
                yield {**best, key: value}


def _cost(job: tuple[str, str, str, Period, dict[str, float], bool]) -> tuple[float, float, float, float]:
    """(kWh of electricity, kWh of gas, share of steps and kelvin-hours that missed the range) of one run."""
    name, building_id, weather, period, parameters, shielded = job
    building = find_building(building_id)
    controller = make_baseline(name, building, parameters)
    kpis = evaluate(controller, building, find_weather(weather), period, shielded=shielded).kpis
    return kpis.total_kwh, kpis.gas_kwh, kpis.missed_frac, kpis.missed_kh


def _mean(parameters: Mapping[str, float], results: Sequence[tuple[float, float, float, float]]) -> Trial:
    total, gas, missed, kelvin_hours = (sum(column) / len(results) for column in zip(*results, strict=True))
    return Trial(
        parameters=parameters,
        total_kwh=total,
        gas_kwh=gas,
        missed_frac=missed,
        cost_kwh=total + gas + MISSED_KWH_PER_KH * kelvin_hours,
    )
