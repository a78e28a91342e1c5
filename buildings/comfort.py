"""Thermal comfort of people: the range of operative temperature that each category of expectation allows.

Source: EN 16798-1:2019, table B.2, offices and sedentary work at 1.2 met: the least in the heating season (1.0 clo) and
the greatest in the cooling season (0.5 clo) (secondary).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .envelope import Range

COMFORT: Mapping[str, Range] = MappingProxyType(
    {
        "I": Range(low_c=21.0, high_c=25.5),
        "II": Range(low_c=20.0, high_c=26.0),
        "III": Range(low_c=19.0, high_c=27.0),
        "IV": Range(low_c=18.0, high_c=28.0),
    }
)
"""Operative temperature while a zone is occupied, by category."""
