"""Sums, means and ratios over the values that are known: NaN is a value that nobody has."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Known = Array | NDArray[np.bool_]


def known_sum(values: Known) -> float:
    """Sum of what is known; NaN if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.sum()) if known.size else math.nan


def known_mean(values: Known) -> float:
    """Mean of what is known, for truth values their share; NaN if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def known_max(values: Known) -> float:
    """Greatest of what is known; NaN if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else math.nan


def ratio(part: float, whole: float) -> float:
    """A part per whole; NaN of nothing."""
    return part / whole if whole else math.nan
