"""How fast each building runs, as `airhandler bench buildings --record` measured it.

Steps per second in relation to a reference, not by themselves: relations travel between machines.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

from .settings import Strict, validate

REFERENCE = "datacentre-dx"
FILE = Path(__file__).parent / "speeds.json"


class Speeds(Strict):
    """Measured speeds.

    Attributes:
        reference: the building whose speed is 1.
        days: simulated days of each measurement.
        relative: steps per second under constant actions, by our building's id or by the name of Sinergym's model
            (all environments of a model run alike), over the reference's.
    """

    reference: str
    days: int
    relative: dict[str, float]


def relative_speed(name: str) -> float | None:
    """Speed of a building (id) or of a model of Sinergym's (file name), the reference's being 1; None: not measured."""
    return _recorded().get(name)


def record(speeds: Speeds) -> None:
    """Keeps measured speeds; those of buildings that were not measured stay."""
    known = speeds.model_copy(update={"relative": dict(sorted((_recorded() | speeds.relative).items()))})
    FILE.write_text(json.dumps(known.model_dump(), indent=2) + "\n")
    _recorded.cache_clear()


@functools.cache
def _recorded() -> dict[str, float]:
    if not FILE.exists():
        return {}
    return validate(json.loads(FILE.read_text()), Speeds, where=str(FILE)).relative
