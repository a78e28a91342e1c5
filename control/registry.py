"""Controllers by name, as on the command line: a baseline's name, or the path of a bundle."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError

from .baselines import (
    Constant,
    ConstantParameters,
    OutdoorReset,
    OutdoorResetParameters,
    TrimRespond,
    TrimRespondParameters,
)
from .controller import Controller
from .policy import load_policy

STOCK = "stock"

# name -> (parameters, controller)
BASELINES: dict[str, tuple[type[Any], Callable[[Building, Any], Controller]]] = {
    "constant": (ConstantParameters, Constant),
    "outdoor-reset": (OutdoorResetParameters, OutdoorReset),
    "trim-respond": (TrimRespondParameters, TrimRespond),
}


def find_controller(name: str, building: Building, parameters: Mapping[str, float] | None = None) -> Controller | None:
    """A controller by name, or from a bundle's folder; None for `stock`, the building's own control.

    Args:
        name: `stock`, `constant`, `outdoor-reset`, `trim-respond`, or the path of a bundle.
        building: what it controls.
        parameters: of a baseline; by default those of the building file.

    Raises UserError for an unknown name, parameters that do not fit, or a bundle that does not load.
    """
    if name == STOCK:
        return None
    if name in BASELINES:
        return make_baseline(name, building, parameters or building.file.baselines.get(name, {}))
    if Path(name).exists():
        return load_policy(Path(name), building)
    known = [STOCK, *BASELINES]
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UserError(
        f"controller {name!r} is neither known nor a bundle's folder: {hint}"
        f"Known: {', '.join(known)}; `airhandler train` makes a bundle"
    )


def make_baseline(name: str, building: Building, parameters: Mapping[str, float]) -> Controller:
    """A baseline with parameters. Raises UserError that names what is missing or unknown."""
    kind, make = BASELINES[name]
    wanted, given = {f.name for f in fields(kind)}, set(parameters)
    if wanted != given:
        lacking, unknown = sorted(wanted - given), sorted(given - wanted)
        raise UserError(
            f"{name} on {building.id}: parameters"
            + (f" lacking: {', '.join(lacking)}" if lacking else "")
            + (f" unknown: {', '.join(unknown)}" if unknown else "")
            + "; `airhandler tune` finds them"
        )
    return make(building, kind(**parameters))
