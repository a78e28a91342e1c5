"""Controllers by name, as on the command line: a baseline's name, or the path of a bundle."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from airhandler.buildings.catalog import Building, Kind
from airhandler.buildings.errors import UserError

from .baselines import (
    Constant,
    ConstantParameters,
    OutdoorReset,
    OutdoorResetParameters,
    TrimRespond,
    TrimRespondParameters,
)
from .baselines_office import (
    OfficeConstant,
    OfficeConstantParameters,
    OfficeTrimRespond,
    OfficeTrimRespondParameters,
    Setback,
    SetbackParameters,
)
from .bundle import remarks
from .controller import Controller
from .hostile import HOSTILE, Hostile
from .objectives import why_not_live
from .policy import Policy, load_policy

log = logging.getLogger("airhandler.registry")

STOCK = "stock"


class Baseline(NamedTuple):
    """A rule: its parameters, and what makes it of a building and them."""

    parameters: type[Any]
    make: Callable[[Building, Any], Controller]


BASELINES: Mapping[Kind, Mapping[str, Baseline]] = {
    "data centre": {
        "constant": Baseline(ConstantParameters, Constant),
        "outdoor-reset": Baseline(OutdoorResetParameters, OutdoorReset),
        "trim-respond": Baseline(TrimRespondParameters, TrimRespond),
    },
    "office": {
        "constant": Baseline(OfficeConstantParameters, OfficeConstant),
        "setback": Baseline(SetbackParameters, Setback),
        "trim-respond": Baseline(OfficeTrimRespondParameters, OfficeTrimRespond),
    },
}
"""The rules by name, for every kind of building: one name may be two rules."""


def fitting(building: Building) -> list[str]:
    """Names of the controllers that fit a building, besides bundles."""
    return [STOCK, *BASELINES[building.kind]]


def find_controller(
    name: str, building: Building, parameters: Mapping[str, float] | None = None, *, hostile: bool = False
) -> Controller | None:
    """A controller by name, or from a bundle's folder; None for `stock`, the building's own control.

    Args:
        name: `stock`, a rule's name, or the path of a bundle.
        building: what it controls.
        parameters: of a baseline; by default those of the building file.
        hostile: whether controllers that mean harm are known, too.

    Raises UserError for an unknown name, a rule for another kind of building, parameters that do not fit, or a bundle
    that does not load, or that may not be in charge of a building and `hostile` is not said.
    """
    if name == STOCK:
        return None
    if any(name in rules for rules in BASELINES.values()):
        return make_baseline(name, building, parameters or building.file.baselines.get(name, {}))
    if hostile and name in HOSTILE:
        return Hostile(name, building)
    if Path(name).exists():
        policy = load_policy(Path(name), building)
        if not hostile:
            _check_means_well(policy, name)
        return policy
    known = fitting(building) + (list(HOSTILE) if hostile else [])
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UserError(
        f"controller {name!r} is neither known nor a bundle's folder: {hint}"
        f"Known: {', '.join(known)}; `airhandler train` makes a bundle"
    )


def _check_means_well(policy: Policy, name: str) -> None:
    why = None if policy.card is None else why_not_live(policy.card.provenance.settings)
    if why is not None:
        raise UserError(f"bundle {name} {why}: it is for `airhandler evaluate` only; train another with the shield")


def warn_of(name: str, controller: Controller | None, building: Building) -> None:
    """Logs a line for all that a user should know of a bundle that loads."""
    if isinstance(controller, Policy) and controller.card is not None:
        for words in remarks(controller.card, building):
            log.warning("bundle %s: %s", name, words)


def find_baseline(name: str, building: Building) -> Baseline:
    """A rule that fits a building. Raises UserError that lists what does."""
    rules = BASELINES[building.kind]
    if name not in rules:
        raise UserError(
            f"{name} does not fit {building.id}, which is of the kind {building.kind!r}; "
            f"what fits: {', '.join(fitting(building))}, or a bundle trained for it"
        )
    return rules[name]


def make_baseline(name: str, building: Building, parameters: Mapping[str, float]) -> Controller:
    """A baseline with parameters. Raises UserError that names what does not fit, is missing or unknown."""
    baseline = find_baseline(name, building)
    wanted, given = {f.name for f in fields(baseline.parameters)}, set(parameters)
    if wanted != given:
        lacking, unknown = sorted(wanted - given), sorted(given - wanted)
        raise UserError(
            f"{name} on {building.id}: parameters"
            + (f" lacking: {', '.join(lacking)}" if lacking else "")
            + (f" unknown: {', '.join(unknown)}" if unknown else "")
            + "; `airhandler tune` finds them"
        )
    return baseline.make(building, baseline.parameters(**parameters))
