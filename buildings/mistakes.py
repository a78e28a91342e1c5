"""What is wrong in a settings file, in words: pydantic's problems as somebody reads them who wrote the file."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

_AS_FIELDS = ("model_type", "model_attributes_type", "dict_type")
_CUTOFF = 0.6  # of difflib: nearer than this is likely a slip of the fingers


def near(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` of the known name that is most like one, in capitals or not; nothing where none is."""
    folded = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=_CUTOFF)
    return f"; did you mean `{folded[found[0]]}`?" if found else ""


def told(problem: Mapping[str, Any], kind: type[BaseModel]) -> str:
    """One problem in words: where, what is wrong, what it must be. What a record of ours refuses says it itself.

    Args:
        problem: one of `ValidationError.errors()`.
        kind: what the file was to become.
    """
    path: Sequence[str | int] = problem["loc"]
    field, given = ".".join(map(str, path)), problem["input"]
    words = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error" and isinstance(given, Mapping):
        return f"{field}: {words}" if field else words
    if problem["type"] == "missing":
        return f"{field}: is missing"
    if problem["type"] == "extra_forbidden":
        return f"{field}: {_unknown(str(path[-1]), _record(kind, path[:-1]))}"
    if problem["type"] in _AS_FIELDS:
        words = "must be fields with values, `name: value` each"
    if problem["type"] == "literal_error":
        words = f"must be {problem['ctx']['expected']}"
        return f"{field}: {words} (got {given!r:.80}){_near_choice(given, problem['ctx']['expected'])}"
    return f"{field or 'file'}: {words.replace('Input should be', 'must be')} (got {given!r:.80})"


def _unknown(name: str, record: type[BaseModel] | None) -> str:
    """What is said of a field that a record does not have."""
    known = [] if record is None else [info.alias or each for each, info in record.model_fields.items()]
    return "is no field here" + (near(name, known) or (f"; there are {', '.join(known)}" if known else ""))


def _near_choice(given: object, expected: str) -> str:
    """The nearest of `'a', 'b' or 'c'`, as pydantic lists what it expects."""
    return near(given, re.findall(r"'([^']*)'", expected)) if isinstance(given, str) else ""


def _record(kind: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    """The record that a path leads to; None where that is not clear."""
    found: Any = kind
    for part in path:
        record = _model(found)
        if record is not None and isinstance(part, str):
            named = {info.alias or each: info.annotation for each, info in record.model_fields.items()}
            found = named.get(part)
        else:
            found = (typing.get_args(found) or (None,))[-1 if isinstance(part, str) else 0]
    return _model(found)


def _model(annotation: Any) -> type[BaseModel] | None:
    """The record among what an annotation allows; None where there is none, or more than one."""
    of_many = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    choices = typing.get_args(annotation) if of_many else (annotation,)
    models = [one for one in choices if isinstance(one, type) and issubclass(one, BaseModel)]
    return models[0] if len(models) == 1 else None
