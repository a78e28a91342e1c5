"""The thermal envelope at the inlets of IT equipment: ASHRAE's classes as a table.

Source: ASHRAE TC 9.9, Thermal Guidelines for Data Processing Environments, 5th edition, 2021, table 2.1
(air-cooled equipment); class H1 from a secondary source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A range of temperatures, both ends included [degC]."""

    low_c: float
    high_c: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ThermalClass:
    """What one class of equipment may breathe.

    Attributes:
        name: ASHRAE's name, for example `A1`.
        recommended: dry bulb for reliability; leaving it is permitted, and counted.
        allowable: dry bulb that the equipment is tested for; never to be left.
        recommended_dew_point: dew point for reliability.
        recommended_max_rh_frac: relative humidity for reliability, 0..1; 0.5 where pollutants are high.
        allowable_dew_point: dew point that the equipment is tested for.
        allowable_max_rh_frac: relative humidity that the equipment is tested for, 0..1.
        allowable_min_rh_frac: as above; the moister of this and the lowest dew point counts.
    """

    name: str
    recommended: Range
    allowable: Range
    recommended_dew_point: Range
    recommended_max_rh_frac: float
    allowable_dew_point: Range
    allowable_max_rh_frac: float
    allowable_min_rh_frac: float


def _class(name: str, allowable: Range, max_dew_point_c: float, max_rh_frac: float, recommended: Range) -> ThermalClass:
    """One row: what all classes share stands here once."""
    return ThermalClass(
        name=name,
        recommended=recommended,
        allowable=allowable,
        recommended_dew_point=Range(low_c=-9.0, high_c=15.0),
        recommended_max_rh_frac=0.70,
        allowable_dew_point=Range(low_c=-12.0, high_c=max_dew_point_c),
        allowable_max_rh_frac=max_rh_frac,
        allowable_min_rh_frac=0.08,
    )


RECOMMENDED = Range(low_c=18.0, high_c=27.0)
"""Dry bulb recommended for the classes A1 to A4."""

THERMAL_CLASSES: Mapping[str, ThermalClass] = MappingProxyType(
    {
        row.name: row
        for row in (
            _class("A1", Range(low_c=15.0, high_c=32.0), 17.0, 0.80, RECOMMENDED),
            _class("A2", Range(low_c=10.0, high_c=35.0), 21.0, 0.80, RECOMMENDED),
            _class("A3", Range(low_c=5.0, high_c=40.0), 24.0, 0.85, RECOMMENDED),
            _class("A4", Range(low_c=5.0, high_c=45.0), 24.0, 0.90, RECOMMENDED),
            _class("H1", Range(low_c=5.0, high_c=25.0), 17.0, 0.80, Range(low_c=18.0, high_c=22.0)),
        )
    }
)
"""The classes by name."""
