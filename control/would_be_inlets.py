"""How often a controller in shadow would have broken the inlets' limits, by a model whose error is known.

The prediction of counterfactual.py, for the worst zone of each step. What the record itself shows of the model's error
is the bound of the Forecaster, as wide as 95 % of the errors were until then, an hour ahead where the building file
looks as far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.known import Array, known_max, known_mean

from .beside import Beside
from .counterfactual import Counterfactual


@dataclass(frozen=True, kw_only=True, slots=True)
class WouldBe:
    """Shares of the steps that are known; NaN where none is.

    Attributes:
        known_frac: share of steps in which a prediction could be made.
        warmest_c: warmest inlet predicted [degC].
        above_recommended_frac, above_allowable_frac: predicted above the limit.
        above_recommended_most_frac, above_allowable_most_frac: that, with the model's error against us.
        was_above_recommended_frac: of the record, under the building's own control.
        bound_k: mean of the error bound [K].
        covered_frac: share of the record's own errors within the bound; 0.95 is nominal.
        error_k: mean size of the record's own errors [K].
    """

    known_frac: float
    warmest_c: float
    above_recommended_frac: float
    above_allowable_frac: float
    above_recommended_most_frac: float
    above_allowable_most_frac: float
    was_above_recommended_frac: float
    bound_k: float
    covered_frac: float
    error_k: float


def would_be(run: Beside, air: Counterfactual) -> WouldBe:
    """Of a building with server zones."""
    limits = THERMAL_CLASSES[run.building.file.shield.inlet_class]
    inlets = np.stack([zone.inlet_c for zone in air.asked], axis=1)
    was = np.stack([zone.inlet_c for zone in air.stood], axis=1)
    bound, error = air.learned.bound_k, air.learned.error_k
    recommended_c, allowable_c = limits.recommended.high_c, limits.allowable.high_c
    scored = np.isfinite(error)
    return WouldBe(
        known_frac=known_mean(np.isfinite(inlets).all(axis=1)),
        warmest_c=known_max(inlets),
        above_recommended_frac=_above(inlets, recommended_c),
        above_allowable_frac=_above(inlets, allowable_c),
        above_recommended_most_frac=_above(inlets + bound, recommended_c),
        above_allowable_most_frac=_above(inlets + bound, allowable_c),
        was_above_recommended_frac=_above(was, recommended_c),
        bound_k=known_mean(bound),
        covered_frac=known_mean((np.abs(error) <= bound)[scored]),
        error_k=known_mean(np.abs(error)),
    )


def _above(inlets: Array, limit_c: float) -> float:
    """Share of steps with any zone above, of those in which all are known."""
    known = np.isfinite(inlets).all(axis=1)
    return known_mean((inlets[known] > limit_c).any(axis=1))
