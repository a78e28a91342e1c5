"""How numbers are written in reports: what is unknown is a dash, what is not zero never prints as zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_KWH_PER_MWH = 1000.0
SAME_FRAC = 0.0005
"""Differences that would print as 0.0 % are called the same."""


def number(value: float, digits: int = 1) -> str:
    """A number with so many digits behind the point."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else "–"


def mwh(kwh: float) -> str:
    """An energy in MWh."""
    return number(kwh / _KWH_PER_MWH)


def percent(share: float) -> str:
    """A share as per cent; one that is not zero never prints as zero."""
    if not math.isfinite(share):
        return "–"
    return "<0.1\u00a0%" if 0.0 < share < SAME_FRAC else f"{100.0 * share:.1f}\u00a0%"


def signed_percent(change: float) -> str:
    """A change as per cent, with its sign."""
    if not math.isfinite(change):
        return "–"
    return f"{100.0 * change:+.1f}\u00a0%".replace("-", "−")


def cell(value: float) -> str:
    """A number of any size in few characters."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000.0 or value == round(value) else f"{value:.4g}"


def plain(value: Any) -> Any:
    """The same without what JSON does not have."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
