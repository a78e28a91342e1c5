"""The few properties of moist air that are needed here, in SI. Source: psychrolib 2.5 (ASHRAE Handbook 2017, ch. 1)."""

from __future__ import annotations

import psychrolib

psychrolib.SetUnitSystem(psychrolib.SI)


def wet_bulb_c(dry_bulb_c: float, dew_point_c: float, pressure_pa: float) -> float:
    """Wet bulb [degC] from dry bulb [degC], dew point [degC] and pressure [Pa]."""
    return float(psychrolib.GetTWetBulbFromTDewPoint(dry_bulb_c, dew_point_c, pressure_pa))
