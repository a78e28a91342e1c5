"""A starting building file as YAML that a person can go on with: a comment in each section says what to check."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import yaml

from .inspection import Inspection
from .starting_points import Raw
from .traps import grouped

_WIDTH, _ENDLESS = 118, 10_000

# What to look at in each section. A section that is not named here goes without a comment.
_COMMENTS = {
    "timesteps_per_hour": "Control steps an hour: the model's own, but at least four.",
    "incumbent": "What the building's own control does, in words: it is what every other controller is compared with.",
    "zones": "Ids of the zones that are controlled, and their names in the model.",
    "workday": "When the first people come and the last have gone, as the model's occupancy in the sample days had it.",
    "parameters": "Share of the servers' intake that comes from the hot side however much supply air there is.",
    "servers": "What the servers draw, breathe and leak, in place of the model's own curves; their design power stays. "
    "`airhandler buildings servers` lists the types (`stock` is that of EnergyPlus's example files): choose yours.",
    "source": "The model, relative to this file, and the changes that make it controllable. Autosized equipment "
    "is sized for the design days of the weather's DDY file, where one lies beside the EPW, else for the model's own.",
    "points": "low and high of a sensor or meter are what is plausible: values outside count as absent. Narrow them. "
    "low and high of a set-point are hard limits: decide them with whoever runs the building.",
    "shield": "The shield goes to the fallbacks when it cannot trust its readings: make sure that they are safe.",
    "reward": "The power scale is the mean of HVAC (and gas) in the sample days: one kelvin outside the range of "
    "inlets or comfort then weighs as much as half of it.",
    "observations": "What the agent sees, scaled so that low to high becomes -1 to 1. Measured in four days under the "
    "model's own control: widen what a year goes beyond.",
    "actions": "What the agent moves: each over its whole permitted range.",
    "baselines": "Parameters of the rules that the agent has to beat. `airhandler tune` finds better ones.",
}


def written(raw: Raw, found: Inspection, notes: Sequence[str], *, tried: bool) -> str:
    """The file's text.

    Args:
        raw: its sections, in order.
        found: what the model holds: its traps are named.
        notes: what was left out, and why.
        tried: whether set-points were moved to see what each does.
    """
    kind = "an office" if found.kind == "office" else f"a {found.kind}"
    effects = (
        "every set-point had an effect when it was moved, but for those that are named here"
        if tried
        else "what its set-points do has not been seen"
    )
    head = [
        f"A starting file for {kind}: every point in it exists, and {effects}. What it cannot know is said at each "
        "section.",
        *notes,
        *(f"Trap: {', '.join(g.where)}: {g.what}. Remedy: {g.remedy}." for g in grouped(found.traps)),
    ]
    parts = ["\n".join(_comment(words) for words in head)]
    for name, value in raw.items():
        words = _COMMENTS.get(name) if value else None
        parts.append(("\n" + _comment(words) + "\n" if words else "") + _yaml(name, value))
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def _comment(words: str) -> str:
    return textwrap.fill(words, _WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)


def _yaml(name: str, value: Any) -> str:
    """One section: a list with a line or two for each entry, anything else as YAML has it."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"{name}:\n" + "".join(_entry(item) for item in value)
    return _dumped({name: value}, flow=None if isinstance(value, dict | list) else False)


def _entry(item: Raw) -> str:
    """A line for an entry, and another for where it is read or written."""
    flat = {key: value for key, value in item.items() if not isinstance(value, dict)}
    lines = [_dumped(flat, flow=True, width=_ENDLESS).rstrip("}\n")]
    lines += [_dumped({key: item[key]}, flow=True, width=_ENDLESS).strip()[1:-1] for key in item if key not in flat]
    return "  - " + ",\n     ".join(lines) + "}\n"


def _dumped(value: Any, *, flow: bool | None, width: int = _WIDTH) -> str:
    text: str = yaml.dump(
        value, Dumper=_Plain, sort_keys=False, default_flow_style=flow, width=width, allow_unicode=True
    )
    return text


class _Plain(yaml.SafeDumper):
    """Without anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
