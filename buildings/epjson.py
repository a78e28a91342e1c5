"""The objects of an EnergyPlus model: epJSON trees, looked up as EnergyPlus does, whatever the case of a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Fields = Mapping[str, Any]
Epjson = dict[str, dict[str, dict[str, Any]]]  # type of object -> name -> fields


def objects(model: Epjson, *kinds: str) -> Iterator[tuple[str, str, Fields]]:
    """(type, name, fields) of every object of the given types, in the order of the model.

    A type that ends with `*` stands for all that begin so.
    """
    for kind, named in model.items():
        if any(_matches(kind.casefold(), wanted.casefold()) for wanted in kinds):
            for name, fields in named.items():
                yield kind, name, fields


def find(model: Epjson, kind: str, name: str) -> Fields | None:
    """One object by type and name; None if there is none."""
    return next((fields for _, found, fields in objects(model, kind) if same(found, name)), None)


def _matches(kind: str, wanted: str) -> bool:
    return kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted


def same(one: object, other: object) -> bool:
    """Whether two names are one name for EnergyPlus."""
    return str(one).casefold() == str(other).casefold()


def texts(fields: object) -> Iterator[tuple[str, str]]:
    """(field, text) of every text within an object, in its lists too."""
    if isinstance(fields, Mapping):
        for field, value in fields.items():
            if isinstance(value, str):
                yield field, value
            else:
                yield from texts(value)
    elif isinstance(fields, list):
        for item in fields:
            yield from texts(item)
