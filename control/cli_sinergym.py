"""`airhandler train` and `evaluate` for an id of Sinergym: which of their options hold there, and what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from airhandler.buildings.errors import UserError

if TYPE_CHECKING:
    from airhandler.buildings.model import Period

    from .train import Trained

_WEATHER = "the id fixes the weather; `airhandler buildings --all` lists the others"
_FAULTS = "it has no points whose sensors could fail, and declares no faults"
_LOAD = "it has no servers and no load of ours"
_WORLD = "its observations and its reward are Sinergym's own"
_NO_SHIELD = "it has no points, and so no shield"

_NO_SCENARIO = {
    "servers": _LOAD,
    "it_load": _LOAD,
    "fault": _FAULTS,
    "faults": _FAULTS,
    "stress": _FAULTS,
    "randomise": "it has no building file that says what may differ",
}

# Options that do not hold on Sinergym's environments, by their parameter's name, and why.
_NOT_IN_TRAIN = {
    "weather": _WEATHER,
    "world": _WORLD,
    **_NO_SCENARIO,
    "learn_from": _NO_SHIELD,
    "shield": _NO_SHIELD,
    "objective": _WORLD,
    "resume": "no checkpoints are kept there; train anew with more --steps and another --out",
}
_NOT_IN_EVALUATE = {
    "weather": _WEATHER,
    "world": _WORLD,
    **_NO_SCENARIO,
    "shield": _NO_SHIELD,
    "out": "its runs hold no points to report on; --json prints every figure",
    "processes": "controllers run one after the other",
}


def check_train(context: typer.Context, building: str) -> None:
    """Raises UserError for an option of `airhandler train` that does not hold there."""
    _refuse(context, building, _NOT_IN_TRAIN)


def check_evaluate(context: typer.Context, building: str) -> None:
    """Raises UserError for an option of `airhandler evaluate` that does not hold there."""
    _refuse(context, building, _NOT_IN_EVALUATE)


def train(building: str, steps: int, out: Path, seed: int, pairs: Sequence[str], command: str) -> Trained:
    """Trains on one of Sinergym's environments; `pairs` are hyperparameters NAME=VALUE."""
    from airhandler.buildings.sinergym_config import find_sinergym

    from .agent import agent_settings
    from .display import training_bar
    from .train_sinergym import SinergymTraining, train_sinergym

    # Minus the number of actions. Source: Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications, table 1.
    entropy = f"target_entropy={-len(find_sinergym(building).config.commands)}"
    agent = agent_settings([entropy, *pairs])
    settings = SinergymTraining(building=building, out=out, steps=steps, seed=seed, agent=agent)
    with training_bar(steps) as progress:
        return train_sinergym(settings, command=command, progress=progress)


def evaluate(controllers: Sequence[str], building: str, period: Period | None, seed: int, *, as_json: bool) -> None:
    """Runs controllers one after the other and prints a row for each."""
    from airhandler.buildings.sinergym_env import SinergymEnv

    from .display import comparison_bars, show, sinergym_table
    from .sinergym_controllers import find_sinergym_controller
    from .sinergym_evaluate import evaluate_sinergym

    env = SinergymEnv(building, period)
    for controller in controllers:  # a mistake in the last name is said before the first has run
        find_sinergym_controller(controller, env, seed)
    rows = []
    with comparison_bars(controllers) as told:
        for number, controller in enumerate(controllers):

            def progress(share: float, number: int = number) -> None:
                told([1.0] * number + [share] + [0.0] * (len(controllers) - number - 1))

            rows.append(asdict(evaluate_sinergym(controller, building, period, seed, progress)))
    show(rows[0] if as_json and len(rows) == 1 else rows, sinergym_table, as_json=as_json)


def was_given(context: typer.Context, name: str) -> bool:
    """Whether an option was typed, by its parameter's name."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _refuse(context: typer.Context, building: str, reasons: Mapping[str, str]) -> None:
    for name, reason in reasons.items():
        if was_given(context, name):
            raise UserError(f"--{name.replace('_', '-')} does not go with {building}: {reason}")
