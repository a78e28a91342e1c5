"""Names that EnergyPlus has, near to one that it does not have."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .folders import temporary

Wanted = tuple[str, str, str]  # kind ("OutputVariable", "OutputMeter", "Actuator"), name, key
Names = Callable[[Path, Path, Sequence[str], Path], list[tuple[str, str]]]  # of a model, weather, variables, folder


def missing_text(missing: Sequence[Wanted], model: Path, weather: Path, names: Names) -> str:
    """Names the nearest that exist. EnergyPlus only lists variables that were asked for, so it is asked again.

    Args:
        missing: what the model does not have.
        model, weather: of the run that found it out.
        names: runs a model in a folder and lists what it has, with every key of the variables asked about.
    """
    with temporary("names") as folder:
        tree = json.loads(model.read_text())
        tree["Output:VariableDictionary"] = {"Names": {"key_field": "regular"}}
        tree["OutputControl:Files"] = {"Files": {"output_rdd": "Yes"}}
        path = folder / "model.epJSON"
        path.write_text(json.dumps(tree))
        available = names(path, weather, [name for kind, name, _ in missing if kind == "OutputVariable"], folder)
        return message(missing, available, dictionary(folder / "eplusout.rdd"), model.name)


def listed(csv: str) -> list[tuple[str, str]]:
    """(kind, "name,key") of everything in EnergyPlus's list of exchangeable data; units are left out."""
    found = []
    for line in csv.splitlines():
        kind, _, rest = line.rstrip(";").partition(",")
        found.append((kind, rest.rpartition(",")[0] or rest))
    return found


def dictionary(path: Path) -> list[str]:
    """Variable names of an `.rdd` file: `Zone,Average,Zone Air Temperature [C]`. Empty if there is none."""
    if not path.exists():
        return []
    lines = (line.split(",", 2) for line in path.read_text(errors="replace").splitlines()[2:])
    return [parts[2].partition(" [")[0] for parts in lines if len(parts) == 3]


def message(
    missing: Iterable[Wanted], available: Sequence[tuple[str, str]], variables: Sequence[str], model: str
) -> str:
    """One sentence for each missing name, with the nearest that exist."""
    sentences = []
    for kind, name, key in missing:
        wanted = f"{name},{key}" if key else name
        pool = [rest for k, rest in available if k.startswith(kind)]
        if kind == "OutputVariable" and name.casefold() not in {v.casefold() for v in variables}:
            wanted, pool = name, list(variables)
        elif kind == "OutputVariable":
            pool = [rest for rest in pool if rest.casefold().startswith(name.casefold() + ",")]
        near = _near(wanted, pool)
        hint = f"; nearest: {' | '.join(near)}" if near else ""
        sentences.append(f"{kind} {f'{name},{key}' if key else name!r} does not exist in {model}{hint}")
    return "; ".join(sentences)


def _near(wanted: str, pool: Iterable[str]) -> list[str]:
    folded = {name.casefold(): name for name in pool}
    return [folded[n] for n in difflib.get_close_matches(wanted.casefold(), folded, n=3, cutoff=0.5)]
