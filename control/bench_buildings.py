"""`airhandler bench buildings`: steps per second of each building under constant actions, against a reference."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from airhandler.buildings.catalog import building_ids, find_building
from airhandler.buildings.environments import make, middle_action
from airhandler.buildings.sinergym import is_sinergym
from airhandler.buildings.sinergym_config import find_sinergym, sinergym_ids
from airhandler.buildings.speeds import REFERENCE, Speeds, record


def bench_buildings(
    names: Sequence[str],
    *,
    days: int,
    repetitions: int,
    keep: bool,
    progress: Callable[[str, int], None] | None = None,
) -> dict[str, Any]:
    """Measures each building right after the reference, `repetitions` times; a reset is never counted.

    Args:
        names: ids of the catalogue; without any, all of our own and one environment of each model of Sinergym's.
        days: from 1 January, of each measurement.
        keep: whether the relations are recorded for `airhandler buildings`.

    Returns for each building the median of its steps/s, and of its relation to the reference just before it.
    """
    ids = list(names or every_building())
    for name in ids:
        recorded_as(name)
    speeds: dict[str, list[float]] = {name: [] for name in ids}
    relations: dict[str, list[float]] = {name: [] for name in ids}
    for repetition in range(repetitions):
        for name in ids:
            if progress is not None:
                progress(name, repetition)
            reference = steps_per_s(REFERENCE, days)
            speeds[name].append(reference if name == REFERENCE else steps_per_s(name, days))
            relations[name].append(speeds[name][-1] / reference)
    relative = {name: round(statistics.median(found), 3) for name, found in relations.items()}
    if keep:
        record(Speeds(reference=REFERENCE, days=days, relative={recorded_as(name): r for name, r in relative.items()}))
    return {
        "reference": REFERENCE,
        "days": days,
        "repetitions": repetitions,
        "buildings": [
            {
                "id": name,
                "steps_per_s": round(statistics.median(speeds[name]), 1),
                "relative_speed": relative[name],
            }
            for name in ids
        ],
    }


def every_building() -> list[str]:
    """All of our own buildings, and the first environment of each model of Sinergym's."""
    models: dict[str, str] = {}
    for item in sinergym_ids().values():
        if item.config.id_base != "demo":  # its steps are hours
            models.setdefault(item.config.building_file, item.catalogue_id)
    return [*building_ids(), *models.values()]


def recorded_as(name: str) -> str:
    """What a building's speed is recorded under. Raises UserError for an unknown id."""
    return find_sinergym(name).config.building_file if is_sinergym(name) else find_building(name).id


def steps_per_s(name: str, days: int) -> float:
    """Steps per second of one episode in the middle of every action's range."""
    env = make(name, days=days) if is_sinergym(name) else make(name, weather=_first_weather(name), days=days)
    action, over, steps = middle_action(env.action_space), False, 0
    env.reset(seed=0)
    began = perf_counter()
    while not over:
        _, _, _, over, _ = env.step(action)
        steps += 1
    speed = steps / (perf_counter() - began)
    env.close()
    return speed


def _first_weather(name: str) -> str:
    return find_building(name).file.weather[0]
