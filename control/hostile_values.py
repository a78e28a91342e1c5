"""Values that mean harm to a shield: what is no number, what is a number in disguise, what is no record at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from airhandler.buildings.points import Setpoints


class Explosive(Mapping[str, float]):
    """A mapping that raises whatever is done to it."""

    def __getitem__(self, name: str) -> float:
        raise RuntimeError("boom")

    def __iter__(self) -> Any:
        raise RuntimeError("boom")

    def __len__(self) -> int:
        raise RuntimeError("boom")

    def get(self, name: object, default: object = None) -> Any:
        """Raises."""
        raise RuntimeError("boom")


class EvilFloat(float):
    """A float that claims to be inside every interval."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return True

    def __ge__(self, other: object) -> bool:
        return True


NOT_NUMBERS: tuple[Any, ...] = (
    *(None, math.nan, math.inf, -math.inf, True, False, "24.0", "", b"24", [24.0], (24.0,), {}, 24j, object()),
    *(10**400, -(10**400), Decimal("NaN"), np.float32("nan"), np.array([24.0, 25.0]), Explosive(), EvilFloat("nan")),
)
"""What is no finite number. A Decimal is no `numbers.Real`, whatever its value."""

TYPES: tuple[Callable[[float], Any], ...] = (EvilFloat, np.float64, np.float32, Fraction, lambda value: int(value))
"""Numbers that are no plain floats."""

JUNK: tuple[Any, ...] = (None, 7, "text", object(), [1.0], (), {}, {"east": 1.0}, math.nan, Explosive(), Setpoints({}))
