"""Whether a forecast can be used, and what there is to say about it."""

from __future__ import annotations

from functools import partial

import numpy as np

from airhandler.buildings.catalog import Building

from .forecast import Forecast
from .verdict import MODEL, Reason


class ForecastCheck:
    """A forecast must be of this building's zones; one that is not is left out, and the building file alone holds.

    Where its error bound is wider than the building file's `widest_bound_k`, a remark says so: the margin is the bound.
    """

    def __init__(self, building: Building) -> None:
        self._zones = tuple(building.zones)
        self._widest_k = building.file.shield.widest_bound_k

    def read(self, forecast: object) -> tuple[Forecast | None, tuple[Reason, ...]]:
        """The forecast to use, and remarks."""
        if forecast is None or not self._zones:
            return None, ()
        if type(forecast) is not Forecast or len(forecast.leak_frac) != len(self._zones):
            words = "what was learned is not of this building and is left out: the building file alone holds"
            return None, (Reason(rule=MODEL, words=words),)
        if forecast.bound_k.max() <= self._widest_k:
            return forecast, ()
        return forecast, (Reason.later(partial(self._words, forecast), MODEL),)

    def _words(self, forecast: Forecast) -> str:
        widest = forecast.bound_k.max(axis=0)
        zone, beyond = int(np.argmax(widest)), int(np.sum(widest > self._widest_k))
        others = f", and {beyond - 1} more" if beyond > 1 else ""
        return (
            f"{self._zones[zone]} inlet is predicted to ± {widest[zone]:.1f} K only{others} (beyond "
            f"{self._widest_k:g} K): the inlet guard keeps as far below the limit"
        )
