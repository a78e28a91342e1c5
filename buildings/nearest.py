"""Names that EnergyPlus has, near to one that it does not have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

Wanted = tuple[str, str, str]  # kind ("OutputVariable", "OutputMeter", "Actuator"), name, key


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
