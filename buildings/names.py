"""Which actuators, meters and output variables a model really has: EnergyPlus is asked, in a run to its warm-up."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from .energyplus import Actuator, Variable, exchangeable
from .epjson import Epjson
from .folders import temporary
from .model import Period, run_period, weather_run
from .nearest import dictionary
from .weather import Weather


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Everything that a model exchanges.

    Attributes:
        actuators: what can be commanded.
        meters: what energy and water is metered.
        variables: the output variables that were asked about, with every key.
        all_variables: the names of all output variables.
        sizes: (component, quantity) -> what EnergyPlus sized it to [unit as in the quantity].
    """

    actuators: tuple[Actuator, ...]
    meters: tuple[str, ...]
    variables: tuple[Variable, ...]
    all_variables: tuple[str, ...]
    sizes: dict[tuple[str, str], float]


NO_NAMES = Names(actuators=(), meters=(), variables=(), all_variables=(), sizes={})


def names_in(model: Epjson, weather: Weather, variables: str = "") -> Names:
    """What a model has.

    Args:
        model: the model; its run period is left out of account.
        weather: any weather: what exists does not depend on it, what it is sized to does.
        variables: output variables to list with their keys: a pattern, see `matching`; none by default.

    Raises SimulationError if the model does not run.
    """
    brief = brief_run(model)
    found = _listed(brief, weather, ())
    wanted = matching(found.variables, variables)
    if wanted:
        found = replace(_listed(brief, weather, wanted), variables=found.variables)
    return _names(found, {name.casefold() for name in wanted})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listed:
    """What EnergyPlus says of a model: (kind, "name,key") of what it exchanges, its variables, a line for each size."""

    exchanged: tuple[tuple[str, str], ...]
    variables: tuple[str, ...]
    sizes: tuple[str, ...]


def _listed(model: Epjson, weather: Weather, variables: Collection[str]) -> _Listed:
    """Asks EnergyPlus, which lists the keys of those variables only that somebody asks for."""
    with temporary("names") as folder:
        path = folder / "model.epJSON"
        reports = {
            "Output:VariableDictionary": {"Names": {"key_field": "regular"}},
            "OutputControl:Files": {"Files": {"output_rdd": "Yes", "output_eio": "Yes"}},
        }
        path.write_text(json.dumps({**model, **reports}))
        exchanged = exchangeable(path, weather.path, list(variables), folder)
        sizes = folder / "eplusout.eio"
        return _Listed(
            exchanged=tuple(exchanged),
            variables=tuple(dictionary(folder / "eplusout.rdd")),
            sizes=tuple(sizes.read_text(errors="replace").splitlines()) if sizes.exists() else (),
        )


def brief_run(model: Epjson) -> Epjson:
    """The model with one day of weather to run and no sizing period that is run for its own sake."""
    return {**model, "SimulationControl": weather_run(model), "RunPeriod": run_period(model, Period(days=1))}


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """The names that hold a pattern anywhere, in any case, with `*` for any text; none for an empty pattern."""
    wanted = f"*{pattern.casefold()}*"
    return [name for name in names if pattern and fnmatchcase(name.casefold(), wanted)]


def _names(found: _Listed, wanted: Collection[str]) -> Names:
    actuators = (rest.split(",", 2) for kind, rest in found.exchanged if kind == "Actuator")
    variables = (rest.partition(",")[::2] for kind, rest in found.exchanged if kind == "OutputVariable")
    return Names(
        actuators=tuple(Actuator(*parts) for parts in actuators if len(parts) == 3),
        meters=tuple(sorted(rest for kind, rest in found.exchanged if kind == "OutputMeter")),
        variables=tuple(Variable(name, key) for name, key in variables if name.casefold() in wanted),
        all_variables=found.variables,
        sizes=dict(_sizes(found.sizes)),
    )


def _sizes(lines: Iterable[str]) -> Iterable[tuple[tuple[str, str], float]]:
    """From lines like `Component Sizing Information, Fan:VariableVolume, FAN 1, Design Size Flow Rate [m3/s], 5`."""
    for line in lines:
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 5 and parts[0] == "Component Sizing Information":
            yield (parts[2].casefold(), parts[3]), float(parts[4])
