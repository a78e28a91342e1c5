"""A journal as a Minari dataset: what was seen, what was in force, and what it cost, for learning from records."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import gymnasium as gym
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer

from airhandler.buildings.catalog import Building
from airhandler.buildings.codec import AbsentValueError, Codec, Float32
from airhandler.buildings.errors import UserError
from airhandler.buildings.instrumentation import measured_points
from airhandler.buildings.known import Array
from airhandler.buildings.points import Setpoints
from airhandler.buildings.reward import Reward
from airhandler.buildings.site import Written
from airhandler.control.tick import Tick

from .journal_ticks import ticks


@dataclass(kw_only=True)
class Episode:
    """Steps that follow each other.

    Attributes:
        observations: before each step, and after the last one [steps + 1, names].
        actions: the set-points that were in force in each, as an action says them [steps, set-points].
        rewards: of each [steps].
    """

    observations: list[Float32]
    actions: list[Float32] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)


def export_minari(folder: Path, name: str, building: Building) -> int:
    """Makes a dataset in Minari's own folder. Returns how many steps it has.

    An action is what was in force: what we wrote and the site confirmed, else what the building's own control asked
    for. An episode ends where a step is missing, or something that an observation or the reward needs.

    Args:
        folder: the journal's.
        name: as Minari wants it: `site/north-hall-v0`.
        building: whose points they are.

    Raises UserError where there is no step to learn from, or the dataset cannot be made.
    """
    found = episodes(ticks(folder), building)
    if not found:
        raise UserError(f"{folder}: no step to learn from, so no dataset: {lacking(ticks(folder), building)}")
    codec = Codec(building)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a building has no author, and no link to its code
            minari.create_dataset_from_buffers(
                name,
                [_buffer(number, episode) for number, episode in enumerate(found)],
                observation_space=gym.spaces.Box(-1.0, 1.0, (len(codec.names),), np.float32),
                action_space=gym.spaces.Box(-1.0, 1.0, (len(codec.actions),), np.float32),
                algorithm_name="airhandler journal",
                description=f"Recorded on a site of {building.id}; observations: {', '.join(codec.names)}",
            )
    except (ValueError, OSError) as error:
        raise UserError(f"--minari {name}: {error}") from error
    return sum(len(episode.rewards) for episode in found)


def episodes(recorded: Iterable[Tick], building: Building) -> list[Episode]:
    """Ticks as episodes, each of a step or more."""
    codec, reward = Codec(building), Reward(building, measured_points(building))
    found = list[Episode]()
    current: Episode | None = None
    for before, after in itertools.pairwise(recorded):
        seen, action, next_seen = _encoded(codec, before), _action(codec, before), _encoded(codec, after)
        if seen is None or action is None or next_seen is None or not _follows(before, after, building):
            current = None
            continue
        worth = reward(_measured(after, building)).reward
        if not np.isfinite(worth):
            current = None
            continue
        if current is None:
            current = Episode(observations=[seen])
            found.append(current)
        current.observations.append(next_seen)
        current.actions.append(action)
        current.rewards.append(worth)
    return found


def lacking(recorded: Iterable[Tick], building: Building) -> str:
    """Why ticks hold no step to learn from: what is missing, and in how many of their steps."""
    reward, missing, steps = Reward(building, measured_points(building)), Counter[tuple[str, str]](), 0
    for before, after in itertools.pairwise(recorded):
        steps += 1
        missing.update(_missing(before, after, building, reward))
    if not steps:
        return "it takes two ticks, one after the other"
    alike: dict[tuple[int, str], list[str]] = {}
    for (what, name), number in missing.most_common():
        alike.setdefault((number, what), []).append(name)
    return "; ".join(f"in {n} of {steps} steps {what} {', '.join(names)}" for (n, what), names in alike.items())


def _missing(before: Tick, after: Tick, building: Building, reward: Reward) -> list[tuple[str, str]]:
    """What a step lacks: the kind, and the name, each once."""
    measured = measured_points(building)
    worth = np.isfinite(reward(_measured(after, building)).reward)
    seen = [*(o.point for o in building.observations), *(a.per for a in building.actions if a.per is not None)]
    absent = [name for name in seen for tick in (before, after) if _absent(tick.reading.get(name))]
    absent += [p.name for p in measured if not worth and _absent(after.reading.get(p.name))]
    in_force, found = _in_force(before), [("no value of", name) for name in absent]
    unknown = [p.name for p in building.setpoints if in_force is None or p.name not in in_force]
    if in_force is None and before.outcome is not None:
        found.append(("no write", "that the site confirmed"))
    else:
        found += [("not told what was in force at", name) for name in unknown]
    if not _follows(before, after, building):
        found.append(("no tick", "one control step later"))
    return list(dict.fromkeys(found))


def _absent(value: float | None) -> bool:
    return value is None or not np.isfinite(value)


def _measured(tick: Tick, building: Building) -> Array:
    """What was measured, NaN where it is absent [measured points]."""
    values = [tick.reading.get(p.name) for p in measured_points(building)]
    return np.array([np.nan if value is None else value for value in values])


def _follows(before: Tick, after: Tick, building: Building) -> bool:
    """Whether a tick is the next one, and a step later: no two readings of a real site are apart to the microsecond."""
    apart_s = (after.reading.time - before.reading.time).total_seconds()
    late_s = abs(apart_s - building.step_s)  # from half a step on it is nearer to none, or to two
    return after.number == before.number + 1 and late_s < building.step_s / 2.0


def _encoded(codec: Codec, tick: Tick) -> Float32 | None:
    try:
        return codec.encode(tick.reading)
    except AbsentValueError:
        return None


def _action(codec: Codec, tick: Tick) -> Float32 | None:
    """What was in force from a tick on; None where that is not known."""
    in_force = _in_force(tick)
    if in_force is None:
        return None
    try:
        action = codec.encode_setpoints(in_force, tick.reading)
    except (AbsentValueError, KeyError):
        return None
    return action if np.isfinite(action).all() else None


def _in_force(tick: Tick) -> Setpoints | None:
    if isinstance(tick.outcome, Written) and tick.verdict is not None:
        return tick.outcome.in_force or tick.verdict.setpoints
    return tick.reading.incumbent if tick.outcome is None else None


def _buffer(number: int, episode: Episode) -> EpisodeBuffer:
    """An episode as Minari takes it: cut off where it ends, for a building has no end."""
    steps = len(episode.rewards)
    return EpisodeBuffer(
        id=number,
        observations=episode.observations,
        actions=episode.actions,
        rewards=episode.rewards,
        terminations=[False] * steps,
        truncations=[False] * (steps - 1) + [True],
    )
