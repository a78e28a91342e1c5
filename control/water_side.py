"""What heat costs a chilled-water plant under other water temperatures, relative to what it costs now.

The level is fitted on the record (power_model.py); here is how the price of a watt of heat follows the water:

- the chiller lifts heat from the chilled water to the condenser water, at a share of Carnot's efficiency that stays:
  (T_cond - T_evap) / T_evap. Source: ASHRAE Handbook HVAC Systems and Equipment 2020, chapter 43 (secondary);
- pumps take what they take whatever the temperatures are;
- tower fans take the square of their approach's inverse, between the first power that the airflow follows and the third
  that fans have of it; it ends at twice the usual. Source: ASHRAE Handbook HVAC Systems and Equipment 2020, chapter 40
  (secondary).

At the rating temperatures of chillers that makes 73 % chiller, 17 % pumps, 10 % tower fans: of the size that
plants have, and our choice. Nothing here knows of water that is cooled past the chiller, by an exchanger: a site that
may have one is not priced, nor a coil that is asked for air colder than its water.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from airhandler.buildings.known import Array, known_mean

from .beside import Beside
from .counterfactual import ZoneSteps
from .table import Mask

PLANT_METER = "chilled_water_power_w"  # chiller, pumps and tower; names as docs/vocabulary.md builds them
CHILLED_SETPOINT, _CHILLED_SENSOR = "chilled_water_supply_temp_setpoint_c", "chilled_water_supply_temp_c"
CONDENSER_SETPOINT, _CONDENSER_SENSOR = "condenser_water_temp_setpoint_c", "condenser_water_temp_c"

_ABOVE_K = 9.0  # of the condensing refrigerant over entering condenser water: 5 K of range, 4 K of exchange
_BELOW_K = 4.0  # of the evaporating refrigerant under leaving chilled water
_PUMPS = 0.030  # in units of the lift, which is 0.13 at 6.7 and 29.4 degC (AHRI 550/590, secondary)
_TOWER = 0.018  # the same, at the usual approach
_USUAL_APPROACH_K, _TOWER_MOST = 4.0, 2.0
_LEAST_APPROACH_K = 3.0  # nearer to the wet bulb than this comes only a tower that the record shows there
_REACH_K = 1.0  # air leaves a coil warmer than water enters by this at least
_MOST_FRAC = 0.05  # of steps with air that water cannot make: as many as the checklist lets go unknown
_KELVIN = 273.15


@dataclass(frozen=True, kw_only=True, eq=False)
class Water:
    """Water temperatures of a plant [steps].

    Attributes:
        chilled_c: chilled water leaving the plant [degC].
        condenser_c: condenser water leaving the tower [degC].
    """

    chilled_c: Array
    condenser_c: Array


def waters(run: Beside) -> tuple[Water, Water] | None:
    """Of what was, and of what would have been; None for a site that does not tell what is needed."""
    return None if _why_untold(run) else (_water(run, stood=True), _water(run, stood=False))


def price(water: Water, wet_bulb_c: Array) -> Array:
    """Electricity for a watt of heat, but for a factor that is fitted [steps]."""
    evaporating_k = water.chilled_c - _BELOW_K + _KELVIN
    lift = np.maximum(0.0, water.condenser_c + _ABOVE_K + _KELVIN - evaporating_k) / evaporating_k
    approach_k = np.maximum(1.0, water.condenser_c - wet_bulb_c)
    return np.asarray(lift + _PUMPS + _TOWER * np.minimum(_TOWER_MOST, (_USUAL_APPROACH_K / approach_k) ** 2))


def why_unknown(run: Beside, asked: Sequence[ZoneSteps]) -> str:
    """Why prices would not hold for the record, or for what was asked for; "" where they do.

    Args:
        run: the two beside each other.
        asked: the air that the controller would have had, by zone.
    """
    both = waters(run)
    if both is None:
        return _why_untold(run)
    supply_c = np.min([zone.supply_c for zone in asked], axis=0)
    cooled = run.during(run.building.file.outdoor_temp) > supply_c
    over_k = supply_c - both[1].chilled_c
    if not (share := _share(cooled & (over_k < _REACH_K), over_k)) <= _MOST_FRAC:
        return f"in {share:.0%} of steps supply air is asked for that such chilled water cannot make"
    return ""


def _why_untold(run: Beside) -> str:
    """What a site lacks; "" for one that tells what is needed."""
    told = (PLANT_METER, _CHILLED_SENSOR, _CONDENSER_SENSOR)
    known = [run.wet_bulb_c, *(run.during(name) for name in told)]
    if not all(np.isfinite(values).any() for values in known):
        return f"priced only beside {', '.join(told)} and the outdoor wet bulb"
    if run.building.file.water_side_economiser is not False:
        return "priced only where the building file says `water_side_economiser: false`: no feature knows of one"
    return ""


def _water(run: Beside, *, stood: bool) -> Water:
    """Set-points where there are any, sensors elsewhere; a tower that is asked for too much gives what it can."""
    setpoints, shown_c = run.stood if stood else run.asked, run.during(_CONDENSER_SENSOR)
    reached_c = np.minimum(shown_c, run.wet_bulb_c + _LEAST_APPROACH_K)
    return Water(
        chilled_c=setpoints.get(CHILLED_SETPOINT, run.during(_CHILLED_SENSOR)),
        condenser_c=np.maximum(setpoints.get(CONDENSER_SETPOINT, shown_c), reached_c),
    )


def _share(bad: Mask, of: Array) -> float:
    """Of the steps that are known; NaN if none is."""
    return known_mean(bad[np.isfinite(of)])
