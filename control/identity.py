"""What a shadow run was made with, as hashes: whoever takes authority later must be the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from airhandler.buildings.catalog import Building

from .controller import Controller
from .policy import Policy
from .registry import find_controller


def building_sha256(building: Building) -> str:
    """Of everything that the building file declares, its world and servers included; not of its comments."""
    world = None if building.world is None else building.world.model_dump(mode="json")
    return _sha256({"file": building.file.model_dump(mode="json"), "world": world})


def controller_sha256(name: str, building: Building, controller: Controller | None = None) -> str:
    """Of a bundle: its card, which vouches for its weights. Of a rule: its name and its parameters.

    Args:
        name: as on the command line.
        building: what it controls.
        controller: the same, where it has been made already.

    Raises UserError as `find_controller` does.
    """
    made = controller if controller is not None else find_controller(name, building)
    if isinstance(made, Policy) and made.card is not None:
        return _sha256(made.card.model_dump(mode="json"))
    return _sha256({"controller": name, "parameters": building.file.baselines.get(name, {})})


def _sha256(told: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
