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

import torch
from stable_baselines3 import SAC
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

from .agent import AgentSettings, actor_weights, make_agent, seen
from .bundle import Provenance, save_bundle
from .familiar import familiar_with
from .keeper import Keeper, Met, Progress, met_until, steps_until
from .objectives import LearnFrom, Objective
from .table import check_writable
from .training_envs import Env, training_env


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
    learn_from: LearnFrom = field(default="executed", metadata={"help": "what is stored where the shield acted"})
    shielded: bool = field(default=True, metadata={"help": "whether the shield stands before the building"})
    objective: Objective = field(default="save", metadata={"help": "which reward"})
    agent: AgentSettings = field(default_factory=AgentSettings, metadata={"help": "hyperparameters"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What training left behind; `met` is what the building met meanwhile, None where nobody watched it."""

    bundle: Path
    steps: int
    interrupted: bool
    seconds: float
    met: Met | None = None


def train(
    settings: TrainSettings, *, resume: bool, command: str, progress: Callable[[Progress], None] | None = None
) -> Trained:
    """Trains an agent and writes its bundle to `settings.out / "bundle"`.

    Ctrl-C saves a checkpoint and a bundle of what was learned so far; before the first step there is nothing to save,
    and what a run to resume had is left as it was. Raises UserError for an unknown building or weather, an unwritable
    folder, or a checkpoint that is missing (with `resume`) or in the way (without).
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
        keeper = Keeper(settings, checkpoint, progress)
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
            if keeper.n_calls == 0:  # before the first step there is nothing to save, and no model that could be
                raise
            interrupted = True
        keeper.save()
        agent.logger.close()
    finally:
        envs.close()
    save_bundle(
        settings.out / "bundle",
        building,
        keeper.weights or actor_weights(agent),
        _provenance(settings, agent, keeper.met, command),
        familiar_with(seen(agent)),
    )
    return Trained(
        bundle=settings.out / "bundle",
        steps=agent.num_timesteps,
        interrupted=interrupted,
        seconds=time.monotonic() - began,
        met=keeper.met,
    )


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
    def maker(number: int) -> Callable[[], Monitor[Any, Any]]:
        weather = settings.weathers[number % len(settings.weathers)]
        return lambda: Monitor(_environment(settings, weather))

    envs = DummyVecEnv([maker(i) for i in range(max(settings.environments, len(settings.weathers)))])
    envs.seed(settings.seed)
    return envs


def _environment(settings: TrainSettings, weather: str) -> Env:
    through = settings.scenario
    env = BuildingEnv(
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
    return training_env(env, shielded=settings.shielded, objective=settings.objective)


def _agent(envs: VecEnv, settings: TrainSettings, checkpoint: Path | None) -> SAC:
    if checkpoint is None:
        return make_agent(
            envs,
            settings.agent,
            seed=settings.seed,
            tensorboard=settings.out / "tensorboard",
            learn_from=settings.learn_from,
        )
    agent = SAC.load(checkpoint / "agent.zip", env=envs, device="cpu")
    agent.load_replay_buffer(checkpoint / "replay.pkl")
    return agent


def _finished(settings: TrainSettings, checkpoint: Path) -> Trained | None:
    """A run that has all its steps and its bundle is left as it is."""
    bundle, steps = settings.out / "bundle", steps_until(checkpoint)
    if steps < settings.steps or not (bundle / "card.json").exists():
        return None
    return Trained(bundle=bundle, steps=steps, interrupted=False, seconds=0.0, met=met_until(checkpoint))


def _provenance(settings: TrainSettings, agent: SAC, met: Met, command: str) -> Provenance:
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        weathers=settings.weathers,
        steps=agent.num_timesteps,
        seed=settings.seed,
        versions=versions(),
        settings=_comparable(settings),
        met=met._asdict(),
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
