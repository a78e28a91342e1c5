"""How often a site in shadow was outside what a policy knows from its training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airhandler.buildings.codec import AbsentValueError
from airhandler.buildings.known import known_mean
from airhandler.buildings.points import Reading

from .controller import Confident
from .table import TickTable

OUTSIDE_BELOW = 0.5
"""Confidence below which a reading is outside: half as far again from training as training itself reached."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownGround:
    """Shares of the ticks whose reading could be looked at; NaN where the policy does not say what it knows.

    Attributes:
        learned: whether the controller has learned at all: a rule knows no training.
        known_frac: share of all ticks whose reading could be looked at.
        outside_frac: outside of what it knows.
        beyond_frac: further away than training was, be it a little.
        confidence: mean.
    """

    learned: bool
    known_frac: float
    outside_frac: float
    beyond_frac: float
    confidence: float


def known_ground(table: TickTable, controller: object) -> KnownGround:
    """Asks a controller about every reading of a run."""
    if not isinstance(controller, Confident):
        return KnownGround(learned=False, known_frac=np.nan, outside_frac=np.nan, beyond_frac=np.nan, confidence=np.nan)
    measured = {name: column.tolist() for name, column in table.measured.items()}
    found = []
    for tick, time in enumerate(table.time):
        values = {name: None if (v := column[tick]) != v else v for name, column in measured.items()}
        found.append(_confidence(controller, Reading(time=time, values=values)))
    confidences = np.array(found)
    known = confidences[np.isfinite(confidences)]
    return KnownGround(
        learned=True,
        known_frac=known_mean(np.isfinite(confidences)),
        outside_frac=known_mean(known < OUTSIDE_BELOW),
        beyond_frac=known_mean(known < 1.0),
        confidence=known_mean(known),
    )


def _confidence(controller: Confident, reading: Reading) -> float:
    try:
        confidence = controller.confidence(reading)
    except AbsentValueError:
        return np.nan
    return np.nan if confidence is None else confidence
