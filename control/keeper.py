"""Keeper: watches training. Figures, checkpoints, the average of the last actors, what the building met meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

from .agent import actor_weights
from .bundle import Weights
from .table import replacing

if TYPE_CHECKING:
    from .train import TrainSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far training is, for a progress bar."""

    steps: int
    total: int
    controllable_kw: float
    adjusted_frac: float
    above_allowable_steps: int

    @property
    def words(self) -> str:
        """The figures beside the bar."""
        return (
            f"{self.controllable_kw:.1f} kW controllable, {self.adjusted_frac:.0%} adjusted, "
            f"{self.above_allowable_steps} above allowable"
        )


class Met(NamedTuple):
    """What the building met in training, from its first step [steps]: with an inlet above recommended, allowable."""

    above_recommended: int = 0
    above_allowable: int = 0


class Keeper(BaseCallback):
    """Watches training.

    The average of the actors of the last stretch is steadier than any one of them.
    Source: Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization.

    Attributes:
        weights: the average of the actors so far; None before the last stretch.
        met: what the building met from the first step on, those before a checkpoint included.
    """

    def __init__(self, settings: TrainSettings, checkpoint: Path, progress: Callable[[Progress], None] | None) -> None:
        super().__init__()
        self._settings, self._checkpoint, self._progress = settings, checkpoint, progress
        self._recent: list[tuple[bool, float, float]] = []
        self._averaged = 0
        self._saved_at = 0
        self.weights: Weights | None = None
        self.met = Met()

    def _on_training_start(self) -> None:
        self._saved_at = self.num_timesteps

    def _on_step(self) -> bool:
        infos = self.locals["infos"]
        for info in infos:
            self._recent.append((info["verdict"] != "allowed", info["exceedance_k"], info["controllable_w"]))
        self.met = Met(
            self.met.above_recommended + sum(info["over_recommended_k"] > 0.0 for info in infos),
            self.met.above_allowable + sum(info["over_allowable_k"] > 0.0 for info in infos),
        )
        if self.n_calls % 100 == 0:
            self._tell()
        if self.num_timesteps >= self._settings.steps * (1 - self._settings.averaged_frac):
            self._average(actor_weights(_sac(self.model)))
        if self.num_timesteps - self._saved_at >= self._settings.checkpoint_every:
            self._saved_at = self.num_timesteps
            self.save()
        return True

    def save(self) -> None:
        """Writes a checkpoint: the agent, what it has seen, the average so far, what the building met."""
        agent = _sac(self.model)
        for name, write in (("agent.zip", agent.save), ("replay.pkl", agent.save_replay_buffer)):
            with replacing(self._checkpoint / name) as temporary, temporary.open("wb") as file:
                write(file)
        with replacing(self._checkpoint / AVERAGE_FILE) as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = dict(self.weights or {})
            np.savez(file, count=self._averaged, steps=agent.num_timesteps, met=self.met, **arrays)

    def load(self) -> None:
        """Takes up the average of a checkpoint, and what the building had met until then."""
        with np.load(self._checkpoint / AVERAGE_FILE, allow_pickle=False) as file:
            self._averaged = int(file["count"])
            names = [name for name in file.files if name not in ("count", "steps", "met")]
            self.weights = {name: file[name] for name in names} or None
        self.met = met_until(self._checkpoint)

    def _tell(self) -> None:
        adjusted, exceedance_k, controllable_w = np.array(self._recent, dtype=np.float64).mean(axis=0).tolist()
        self._recent.clear()
        self.logger.record("building/shield_adjusted_frac", adjusted)
        self.logger.record("building/exceedance_k", exceedance_k)
        self.logger.record("building/controllable_kw", controllable_w / 1000)
        self.logger.record("building/above_recommended_steps", self.met.above_recommended)
        self.logger.record("building/above_allowable_steps", self.met.above_allowable)
        if self._progress is not None:
            self._progress(
                Progress(
                    steps=self.num_timesteps,
                    total=self._settings.steps,
                    controllable_kw=controllable_w / 1000,
                    adjusted_frac=adjusted,
                    above_allowable_steps=self.met.above_allowable,
                )
            )

    def _average(self, newest: Weights) -> None:
        self._averaged += 1
        if self.weights is None:
            self.weights = newest
            return
        for name, mean in self.weights.items():
            mean += (newest[name] - mean) / self._averaged


AVERAGE_FILE = "average.npz"


def steps_until(checkpoint: Path) -> int:
    """How many steps were trained when a checkpoint was written."""
    with np.load(checkpoint / AVERAGE_FILE, allow_pickle=False) as file:
        return int(file["steps"])


def met_until(checkpoint: Path) -> Met:
    """What the building had met when a checkpoint was written."""
    with np.load(checkpoint / AVERAGE_FILE, allow_pickle=False) as file:
        return Met(*file["met"].tolist())


def _sac(model: object) -> SAC:
    assert isinstance(model, SAC)
    return model
