"""What there is to say about each of Sinergym's environments, in the rows of `listing.py`."""

from __future__ import annotations

import functools
import json

from .energyplus import Meter, Variable
from .gymnasium_ids import gymnasium_id
from .listing import Row
from .sinergym import model_path
from .sinergym_config import SinergymId
from .sinergym_model import prepare_sinergym
from .speeds import relative_speed

# What is changed in a model of Sinergym's before it runs; see sinergym_model.py.
_SINERGYM_EDITS = (
    "Site and design days come from the weather's DDY file, run period and time step from Sinergym's configuration:"
    " as Sinergym does it.",
    "Reports and output files are left out: they cost time and change no physics.",
)


def sinergym_row(item: SinergymId) -> Row:
    """One of Sinergym's environments in the list; its configuration declares no units, so they are left blank."""
    config, choices = item.config, item.config.action_space_discrete
    limits = zip(config.commands, config.action_space.low, config.action_space.high, strict=True)
    noise = ", noise on the weather" if item.stochastic else ""
    return {
        "id": item.catalogue_id,
        "kind": "sinergym",
        "title": f"Sinergym, {config.id_base}, {'discrete' if item.discrete else 'continuous'} actions{noise}",
        "model": config.building_file,
        "zones": _zones(config.building_file),
        "actions": [{"setpoint": name, "unit": "", "low": low, "high": high} for name, low, high in limits],
        "choices": list(choices.counts) if item.discrete and choices else None,
        "observations": config.observation_names,
        "weathers": [item.weather_file],
        "incumbent": "the model's own schedules",
        "gymnasium": gymnasium_id(item.catalogue_id),
        "relative_speed": relative_speed(config.building_file),
    }


def sinergym_details(item: SinergymId) -> Row:
    """One of Sinergym's environments with what its names stand for in EnergyPlus, and its reward."""
    _, calendar = prepare_sinergym(item)
    row = sinergym_row(item)
    seen = [_unlimited(name, "sensor", "clock") for name in item.config.time_variables]
    seen += [_unlimited(name, "sensor", _origin(source)) for name, source in item.config.sensors.items()]
    written = [
        _unlimited(action["setpoint"], "setpoint", f"{actuator.component}, {actuator.control}: {actuator.key}")
        | {"low": action["low"], "high": action["high"]}
        for action, actuator in zip(row["actions"], item.config.commands.values(), strict=True)
    ]
    return row | {
        "steps_per_hour": calendar.steps_per_hour,
        "days": len(calendar.days),
        "points": seen + written,
        "parameters": {},
        "reward": item.config.reward_kwargs.model_dump(),
        "edits": list(_SINERGYM_EDITS),
    }


@functools.cache
def _zones(model: str) -> list[str]:
    return list(json.loads(model_path(model).read_text())["Zone"])


def _unlimited(name: str, role: str, words: str) -> Row:
    return {"name": name, "role": role, "unit": "", "low": None, "high": None, "help": words}


def _origin(source: Variable | Meter) -> str:
    return f"{source.name}: {source.key}" if isinstance(source, Variable) else f"meter {source.name}"
