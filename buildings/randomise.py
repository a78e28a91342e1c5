"""Domain randomisation: what is drawn for one run of a building, so that a policy does not learn a single one by heart.

Parameters make another model, which has to be prepared and sized: training draws from a few variants, each prepared
once for a weather and a period. Drives and sensors cost nothing and are drawn anew for every run. The shield, the codec
and the reward keep the building as its file has it: nobody knows what was drawn.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from .errors import UserError
from .noise import generator
from .random_quantities import Randomise, RandomQuantity
from .sensor_faults import SensorFault
from .settings import BuildingFile, load_yaml
from .templates import for_zone, places

if TYPE_CHECKING:
    from .catalog import Building

DEFAULT = "default"
"""The name of a building's own `randomise` section on the command line."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """What one run drew.

    Attributes:
        values: all of it by name: a parameter, a drive, or POINT:KIND [unit of each].
        parameters: of the model.
        drives: of the whole run.
        sensors: what is wrong with them.
    """

    values: Mapping[str, float]
    parameters: Mapping[str, float] = field(default_factory=dict)
    drives: Mapping[str, float] = field(default_factory=dict)
    sensors: tuple[SensorFault, ...] = ()


NOTHING_DRAWN = Drawn(values=MappingProxyType({}))


def find_randomise(name: str | Path | Randomise | None, building: Building) -> Randomise | None:
    """What a user named: `default`, the building's own section, or a YAML file with the same fields.

    Raises UserError for a building without one, and for what a file has that the building has not.
    """
    if name is None or isinstance(name, Randomise):
        return name
    if str(name) != DEFAULT:
        read = load_yaml(Path(name), Randomise)
        check_randomise(read, building, where=str(name))
        return read
    if building.file.randomise is None:
        raise UserError(f"{building.id}: its file has no section 'randomise': name a YAML file with one")
    return building.file.randomise


def check_randomise(randomise: Randomise, building: Building, *, where: str) -> None:
    """Raises UserError for a quantity that a building does not have, or not with such values, or that stands twice."""
    names: list[str] = []
    drives = {d.name: d for d in building.drives}
    measured = [p.name for p in building.points if p.name in building.sources or p.name in building.sums]
    for number, quantity in enumerate(randomise.quantities):
        here = f"{where}: quantities.{number}"
        for target, name in _written_out(quantity, building.file):
            if quantity.parameter is not None:
                _known(target, building.file.parameters, f"{here}: {building.id} has no parameter")
            elif quantity.sensor is not None:
                _known(target, measured, f"{here}: {building.id} measures no")
            else:
                _known(target, drives, f"{here}: {building.id} has no drive")
                low, high = drives[target].low, drives[target].high
                if not low <= quantity.ends[0] <= quantity.ends[1] <= high:
                    raise UserError(f"{here}: {target} must stay within {low:g} to {high:g}")
            names.append(name)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{where}: {', '.join(twice)} stands twice")


def draw(randomise: Randomise | None, building: Building, *, variant: int, seed: int) -> Drawn:
    """What one run draws.

    Args:
        variant: which model, 0 to `variants` - 1 in training; a negative one never occurs there.
        seed: of drives and sensors.
    """
    if randomise is None:
        return NOTHING_DRAWN
    values: dict[str, float] = {}
    parameters: dict[str, float] = {}
    drives: dict[str, float] = {}
    sensors: list[SensorFault] = []
    for quantity in randomise.quantities:
        for target, name in _written_out(quantity, building.file):
            of_model = quantity.parameter is not None
            value = _value(quantity, generator(randomise.seed if of_model else seed, variant, "randomise", name))
            values[name] = value
            if of_model:
                parameters[target] = value
            elif quantity.drive is not None:
                drives[target] = value
            elif quantity.kind != "delay":
                sensors.append(SensorFault.model_validate({"point": target, "kind": quantity.kind, "value": value}))
            elif value > 0.0:
                sensors.append(SensorFault(point=target, kind="delay", steps=round(value)))
    return Drawn(values=values, parameters=parameters, drives=drives, sensors=tuple(sensors))


def varied(building: Building, parameters: Mapping[str, float]) -> Building:
    """A building whose model has other parameters; the same object each time, so that its model is prepared once.

    Raises UserError for a parameter that its file does not declare.
    """
    for name in parameters:
        _known(name, building.file.parameters, f"{building.id}: no parameter")
    return _varied(building, tuple(parameters.items())) if parameters else building


@functools.lru_cache(maxsize=256)
def _varied(building: Building, parameters: tuple[tuple[str, float], ...]) -> Building:
    file = building.file.model_copy(update={"parameters": {**building.file.parameters, **dict(parameters)}})
    return replace(building, file=file)


def _value(quantity: RandomQuantity, rng: np.random.Generator) -> float:
    if quantity.choice:
        return float(rng.choice(quantity.choice))
    low, high = quantity.ends
    return float(rng.uniform(low, high))


def _written_out(quantity: RandomQuantity, file: BuildingFile) -> list[tuple[str, str]]:
    """What is drawn and under which name it is recorded: one for each zone or group that a template stands for."""
    template = quantity.parameter or quantity.drive or quantity.sensor or ""
    targets = [template if zone is None else for_zone(template, zone, file) for zone in places(template, file)]
    return [(t, t if quantity.kind is None else f"{t}:{quantity.kind}") for t in targets]


def _known(name: str, known: Iterable[str], what: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        others = f"nearest: {', '.join(near)}" if near else f"it has: {', '.join(known) or 'none'}"
        raise UserError(f"{what} {name!r}; {others}")
