"""A building file that says only what differs from another: `base: ID`, or `base: [ID, parts/NAME]`.

Mappings are merged key by key, down to the leaves. Where the base has a list of records that have names (points,
drives, observations, actions), a record with a name of the base takes its place and another one follows at the end;
edits of the source model follow those of the base. Anything else replaces what the base has.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import UserError

_FOLLOWS = "edits"
_NAMED_BY = {"points": "name", "drives": "name", "observations": "point", "actions": "setpoint"}


def inherited(raw: Any, read: Callable[[str], Any], *, where: str, seen: Sequence[str] = ()) -> Any:
    """A raw building file with what it takes from its bases, and they from theirs; unchanged without `base`.

    Args:
        raw: a building file as YAML has it. Of several bases each is laid over those before it.
        read: the raw building file of an id, or a part that several share. Raises UserError for an unknown one.
        where: what to call the file in errors.
        seen: the bases by way of which this one was reached.

    Raises UserError if a base is not a building file, or a file is its own base by way of others.
    """
    if not isinstance(raw, Mapping) or "base" not in raw:
        return raw
    merged: dict[str, Any] = {}
    for base in raw["base"] if isinstance(raw["base"], list) else [raw["base"]]:
        if not isinstance(base, str):
            raise UserError(f"{where}: base: must be the id of a building, or a list of them (got {base!r:.80})")
        if base in seen:
            raise UserError(f"{where}: base: {' -> '.join([*seen, base])} goes in a circle")
        layer = inherited(read(base), read, where=where, seen=[*seen, base])
        if not isinstance(layer, Mapping):
            raise UserError(f"{where}: base: {base} holds no building")
        merged = _merged(merged, layer, where)
    return _merged(merged, {key: value for key, value in raw.items() if key != "base"}, where)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A copy of `base` with `own` laid over it."""
    merged = dict(copy.deepcopy(base))
    for key, value in own.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(before, value, f"{where}: {key}")
        elif isinstance(before, list) and isinstance(value, list) and key == _FOLLOWS:
            merged[key] = before + copy.deepcopy(value)
        elif isinstance(before, list) and isinstance(value, list) and key in _NAMED_BY:
            merged[key] = _by_name(before, value, _NAMED_BY[key], f"{where}: {key}")
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _by_name(base: list[Any], own: list[Any], name: str, where: str) -> list[Any]:
    records = {record[name]: record for record in base if isinstance(record, Mapping) and name in record}
    for record in own:
        if not isinstance(record, Mapping) or name not in record:
            raise UserError(f"{where}: a record needs {name!r} (got {record!r:.80})")
        records[record[name]] = copy.deepcopy(record)
    return list(records.values())
