"""A journal as a Minari dataset: what was seen, what was in force, and what it cost, for learning from records."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import gymnasium as gym
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer

from airhandler.buildings.catalog import Building
from airhandler.buildings.codec import AbsentValueError, Codec, Float32
from airhandler.buildings.errors import UserError
from airhandler.buildings.instrumentation import measured_points
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
        raise UserError(f"{folder}: no two ticks follow each other with all that an observation needs: no dataset")
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
    measured = [p.name for p in measured_points(building)]
    step, found = timedelta(seconds=building.step_s), list[Episode]()
    current: Episode | None = None
    for before, after in itertools.pairwise(recorded):
        values = [after.reading.get(name) for name in measured]
        numbers = np.array([np.nan if value is None else value for value in values])
        seen, action, next_seen = _encoded(codec, before), _action(codec, before), _encoded(codec, after)
        follows = after.number == before.number + 1 and after.reading.time - before.reading.time == step
        if seen is None or action is None or next_seen is None or not follows:
            current = None
            continue
        worth = reward(numbers).reward
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
