"""Training: environments behind the shield, the agent, checkpoints that resume, and a bundle at the end."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from airhandler.buildings.catalog import find_building, with_world
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import UserError
from airhandler.buildings.fitting import fit
from airhandler.buildings.model import Period
from airhandler.buildings.outside import enter
from airhandler.buildings.scenario import NORMAL, Scenario
from airhandler.buildings.weather import find_weather
from airhandler.buildings.world import World
from airhandler.safety.wrapper import ShieldedEnv

from .agent import AgentSettings, actor_weights, make_agent
from .bundle import Provenance, Weights, save_bundle
from .table import check_writable, replacing


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSettings:
    """What to train, on what, for how long."""

    building: str = field(metadata={"help": "id of the building"})
    weathers: tuple[str, ...] = field(metadata={"help": "weathers to train on, by name or path"})
    out: Path = field(metadata={"help": "folder of the run: bundle, checkpoint, TensorBoard log"})
    steps: int = field(default=100_000, metadata={"help": "environment steps in all"})
    seed: int = field(default=0, metadata={"help": "of the networks, the exploration and the episodes"})
    environments: int = field(default=8, metadata={"help": "environments stepped side by side"})
    days: int = field(default=14, metadata={"help": "length of an episode; it begins on a random day"})
    checkpoint_every: int = field(default=20_000, metadata={"help": "steps between checkpoints"})
    averaged_frac: float = field(default=0.3, metadata={"help": "share of the end whose actors are averaged"})
    world: World | None = field(default=None, metadata={"help": "what surrounds the building"})
    scenario: Scenario = field(default=NORMAL, metadata={"help": "what the building is put through, drawn anew"})
    agent: AgentSettings = field(default_factory=AgentSettings, metadata={"help": "hyperparameters"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far training is, for a progress bar."""

    steps: int
    total: int
    controllable_kw: float
    adjusted_frac: float

    @property
    def words(self) -> str:
        """The figures beside the bar."""
        return f"{self.controllable_kw:.1f} kW controllable, {self.adjusted_frac:.0%} adjusted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What training left behind."""

    bundle: Path
    steps: int
    interrupted: bool
    seconds: float


def train(
    settings: TrainSettings, *, resume: bool, command: str, progress: Callable[[Progress], None] | None = None
) -> Trained:
    """Trains an agent and writes its bundle to `settings.out / "bundle"`.

    Ctrl-C saves a checkpoint and a bundle of what was learned so far. Raises UserError for an unknown building
    or weather, an unwritable folder, or a checkpoint that is missing (with `resume`) or in the way (without).
    """
    building = with_world(find_building(settings.building, settings.scenario.servers), settings.world)
    fit(settings.scenario, building, Period(days=settings.days), variant=0, seed=0)
    for name in settings.weathers:
        enter(building, find_weather(name), 0)
    checkpoint = _prepare_folder(settings, resume)
    if resume and (finished := _finished(settings, checkpoint)) is not None:
        return finished
    torch.set_num_threads(1)  # the networks are small: a second thread costs more than it gives (docs/training.md)
    envs = _environments(settings)
    began = time.monotonic()
    try:
        agent = _agent(envs, settings, checkpoint if resume else None)
        keeper = _Keeper(settings, checkpoint, progress)
        if resume:
            keeper.load()
        interrupted = False
        try:
            agent.learn(
                max(0, settings.steps - agent.num_timesteps),
                callback=keeper,
                reset_num_timesteps=not resume,
                tb_log_name="sac",
            )
        except KeyboardInterrupt:
            interrupted = True
        keeper.save()
        agent.logger.close()
    finally:
        envs.close()
    save_bundle(
        settings.out / "bundle",
        building,
        keeper.weights or actor_weights(agent),
        _provenance(settings, agent, command),
    )
    return Trained(
        bundle=settings.out / "bundle",
        steps=agent.num_timesteps,
        interrupted=interrupted,
        seconds=time.monotonic() - began,
    )


class _Keeper(BaseCallback):
    """Watches training: progress, figures for TensorBoard, checkpoints, the average of the last actors.

    The average of the actors of the last stretch is steadier than any one of them.
    Source: Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization.
    """

    def __init__(self, settings: TrainSettings, checkpoint: Path, progress: Callable[[Progress], None] | None) -> None:
        super().__init__()
        self._settings, self._checkpoint, self._progress = settings, checkpoint, progress
        self._recent: list[tuple[bool, float, float]] = []
        self._averaged = 0
        self._saved_at = 0
        self.weights: Weights | None = None

    def _on_training_start(self) -> None:
        self._saved_at = self.num_timesteps

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            self._recent.append((info["verdict"] != "allowed", info["exceedance_k"], info["controllable_w"]))
        if self.n_calls % 100 == 0:
            self._tell()
        if self.num_timesteps >= self._settings.steps * (1 - self._settings.averaged_frac):
            self._average(actor_weights(_sac(self.model)))
        if self.num_timesteps - self._saved_at >= self._settings.checkpoint_every:
            self._saved_at = self.num_timesteps
            self.save()
        return True

    def save(self) -> None:
        """Writes a checkpoint: the agent, what it has seen, and the average so far."""
        agent = _sac(self.model)
        for name, write in (("agent.zip", agent.save), ("replay.pkl", agent.save_replay_buffer)):
            with replacing(self._checkpoint / name) as temporary, temporary.open("wb") as file:
                write(file)
        with replacing(self._checkpoint / "average.npz") as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = dict(self.weights or {})
            np.savez(file, count=self._averaged, steps=agent.num_timesteps, **arrays)

    def load(self) -> None:
        """Takes up the average of a checkpoint."""
        with np.load(self._checkpoint / "average.npz", allow_pickle=False) as file:
            self._averaged = int(file["count"])
            names = [name for name in file.files if name not in ("count", "steps")]
            self.weights = {name: file[name] for name in names} or None

    def _tell(self) -> None:
        adjusted, exceedance_k, controllable_w = np.array(self._recent, dtype=np.float64).mean(axis=0).tolist()
        self._recent.clear()
        self.logger.record("building/shield_adjusted_frac", adjusted)
        self.logger.record("building/exceedance_k", exceedance_k)
        self.logger.record("building/controllable_kw", controllable_w / 1000)
        if self._progress is not None:
            self._progress(
                Progress(
                    steps=self.num_timesteps,
                    total=self._settings.steps,
                    controllable_kw=controllable_w / 1000,
                    adjusted_frac=adjusted,
                )
            )

    def _average(self, newest: Weights) -> None:
        self._averaged += 1
        if self.weights is None:
            self.weights = newest
            return
        for name, mean in self.weights.items():
            mean += (newest[name] - mean) / self._averaged


def _prepare_folder(settings: TrainSettings, resume: bool) -> Path:
    """The checkpoint's folder, checked. Raises UserError."""
    checkpoint = settings.out / "checkpoint"
    exists = (checkpoint / "agent.zip").exists()
    if resume and not exists:
        raise UserError(f"nothing to resume in {settings.out}: there is no checkpoint; leave out --resume")
    if exists and not resume:
        raise UserError(f"{settings.out} holds a training run: continue it with --resume, or name another --out")
    if not resume and (settings.out / "bundle").exists():
        raise UserError(f"{settings.out} holds a bundle that another run made: name another --out")
    check_writable(checkpoint)
    if resume:
        _check_same(settings, checkpoint)
    _settings_file(checkpoint).write_text(json.dumps(_comparable(settings), indent=2) + "\n")
    return checkpoint


def _check_same(settings: TrainSettings, checkpoint: Path) -> None:
    """A run is resumed with the settings it was begun with; only the number of steps may grow."""
    before, now = json.loads(_settings_file(checkpoint).read_text()), _comparable(settings)
    for name, value in now.items():
        if name != "steps" and before.get(name) != value:
            raise UserError(f"cannot resume {settings.out} with another {name}: it was {before.get(name)}, now {value}")


def _settings_file(checkpoint: Path) -> Path:
    return checkpoint / "settings.json"


def _comparable(settings: TrainSettings) -> dict[str, Any]:
    plain = asdict(replace(settings, world=None, scenario=NORMAL))
    del plain["out"]
    plain["world"] = settings.world.model_dump(mode="json", exclude={"name"}) if settings.world is not None else None
    plain["scenario"] = settings.scenario.to_dict()
    return dict(json.loads(json.dumps(plain)))


def _environments(settings: TrainSettings) -> VecEnv:
    through = settings.scenario

    def maker(number: int) -> Callable[[], Monitor[Any, Any]]:
        weather = settings.weathers[number % len(settings.weathers)]
        return lambda: Monitor(
            ShieldedEnv(
                BuildingEnv(
                    settings.building,
                    weather,
                    start="random",
                    days=settings.days,
                    world=settings.world,
                    servers=through.servers,
                    it_load=through.it_load,
                    faults=through.faults,
                    stress=through.stress,
                    randomise=through.randomise,
                )
            )
        )

    envs = DummyVecEnv([maker(i) for i in range(max(settings.environments, len(settings.weathers)))])
    envs.seed(settings.seed)
    return envs


def _agent(envs: VecEnv, settings: TrainSettings, checkpoint: Path | None) -> SAC:
    if checkpoint is None:
        return make_agent(envs, settings.agent, seed=settings.seed, tensorboard=settings.out / "tensorboard")
    agent = SAC.load(checkpoint / "agent.zip", env=envs, device="cpu")
    agent.load_replay_buffer(checkpoint / "replay.pkl")
    return agent


def _finished(settings: TrainSettings, checkpoint: Path) -> Trained | None:
    """A run that has all its steps and its bundle is left as it is."""
    bundle = settings.out / "bundle"
    with np.load(checkpoint / "average.npz", allow_pickle=False) as file:
        steps = int(file["steps"])
    if steps < settings.steps or not (bundle / "card.json").exists():
        return None
    return Trained(bundle=bundle, steps=steps, interrupted=False, seconds=0.0)


def _sac(model: object) -> SAC:
    assert isinstance(model, SAC)
    return model


def _provenance(settings: TrainSettings, agent: SAC, command: str) -> Provenance:
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        weathers=settings.weathers,
        steps=agent.num_timesteps,
        seed=settings.seed,
        versions=versions(),
        settings=_comparable(settings),
    )


def versions() -> dict[str, str]:
    """What a policy was trained with: versions by name."""
    packages: Sequence[str] = (
        "airhandler",
        "stable-baselines3",
        "torch",
        "numpy",
        "pyenergyplus-lbnl",
        "sinergym",
    )
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
