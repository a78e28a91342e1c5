"""Buildings of any number of zones from one file: `generate: {sizes: [4, 16], zone: "bay{number:02d}", name: ...}`.

The file's id is the family's; `data-hall-16` is its building of 16 zones. In such a file `count` is the number of
zones:
`{count}` in texts, `count` in expressions.
"""

from __future__ import annotations

import re
from typing import Any

from .errors import UserError
from .expressions import calculate
from .settings import Generate, validate

Raw = dict[str, Any]


def family_of(name: str) -> tuple[str, int] | None:
    """The family and the number of zones that a building's id may name; None if it ends in no number."""
    found = re.fullmatch(r"(.+)-([1-9][0-9]*)", name)
    return (found[1], int(found[2])) if found else None


def generated(raw: Raw, count: int) -> Raw:
    """The building of `count` zones. Raises UserError for a count that the file does not permit."""
    settings = validate(raw["generate"], Generate, where=f"{raw.get('id')}: generate")
    if not settings.least <= count <= settings.most:
        raise UserError(
            f"building {raw['id']}-{count}: must have {settings.least} to {settings.most} zones, not {count}"
        )
    names = {"count": float(count), **{k: float(v) for k, v in raw.get("parameters", {}).items()}}
    rest = {key: value for key, value in raw.items() if key not in ("generate", "source", "id")}
    zones = {settings.zone.format(number=n): settings.name.format(number=n) for n in range(1, count + 1)}
    made: Raw = _calculated(rest, names, count)
    return {**made, "id": f"{raw['id']}-{count}", "zones": zones, "source": raw["source"]}


def _calculated(tree: Any, names: dict[str, float], count: int) -> Any:
    if isinstance(tree, dict):
        return {key: _calculated(value, names, count) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_calculated(item, names, count) for item in tree]
    if isinstance(tree, str):
        return calculate(tree.replace("{count}", str(count)), names)
    return tree
