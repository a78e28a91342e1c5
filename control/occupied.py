"""What people in an office met: temperatures while they were there, and kelvins outside their range."""

from __future__ import annotations

import numpy as np

from airhandler.buildings.comfort import COMFORT
from airhandler.buildings.envelope import Range
from airhandler.buildings.known import Array

from .table import Mask, TickTable


def comfort_range(table: TickTable) -> Range:
    """What the building's category allows while a zone is occupied."""
    return COMFORT[table.building.file.shield.comfort_category]


def occupied(table: TickTable) -> Mask:
    """Where people are [ticks, zones]."""
    mask: Mask = _people(table) >= table.building.file.shield.occupied_from
    return mask


def occupied_temps_c(table: TickTable) -> Array:
    """Temperatures where people are [ticks, zones] [degC]; NaN where nobody is, or either is unknown."""
    return np.where(occupied(table), _temps_c(table), np.nan)


def discomfort_k(table: TickTable) -> Array:
    """Kelvins outside the range where people are [ticks, zones]; 0 where nobody is, NaN where either is unknown."""
    limits, temps_c = comfort_range(table), _temps_c(table)
    outside_k = np.maximum(0.0, np.maximum(temps_c - limits.high_c, limits.low_c - temps_c))
    known = np.where(occupied(table), outside_k, 0.0)
    return np.where(np.isnan(_people(table)), np.nan, known)


def _people(table: TickTable) -> Array:
    return np.column_stack([table.measured[z.occupants] for z in table.building.comfort_zones.values()])


def _temps_c(table: TickTable) -> Array:
    return np.column_stack([table.measured[z.zone_temp] for z in table.building.comfort_zones.values()])
