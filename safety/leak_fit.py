"""The leak of each zone and the bias of its inlet sensor, from one reading after another.

The balance of prediction.py is linear in both:

    T_inlet - T_supply - s (T_hot - T_supply) = leak (1 - s) (T_hot - T_supply) + bias,  s = max(0, 1 - m / m_servers)

Recursive least squares with forgetting. Where the air tells nothing new, forgetting alone would make the estimate
swing ever wider: what is forgotten is replaced by the start values, at the weight that they had at the start.
Source: Kulhavy and Zarrop, On a general concept of forgetting, Int. J. Control 58(4), 1993 (secondary).
"""

from __future__ import annotations

import numpy as np

from airhandler.buildings.known import Array

from .forecast import MOST_BIAS_K, MOST_LEAK_FRAC

# How sure of the start values, against the scatter of a single reading: our choice. An aisle differs from its design by
# some hundredths, duct and room sensors are sold with 0.5 K, and moving air scatters by a tenth or two.
_LEAK_SD_FRAC, _BIAS_SD_K, _SCATTER_K = 0.05, 0.5, 0.2

_HALF_LIFE_STEPS = 96.0  # what was seen so long ago counts half: a day of quarters of an hour


class LeakFit:
    """Leak and bias of every zone.

    Args:
        leak_frac: start value [zones].
        bias_k: start value [zones].
    """

    def __init__(self, leak_frac: Array, bias_k: Array) -> None:
        self.leak_frac, self.bias_k = leak_frac, bias_k
        self._keep = 0.5 ** (1.0 / _HALF_LIFE_STEPS)
        zones = np.ones_like(leak_frac)
        sure_leak, sure_bias = (_SCATTER_K / _LEAK_SD_FRAC) ** 2, (_SCATTER_K / _BIAS_SD_K) ** 2
        # Sums of x x, x, 1, x y and y, x the greatest rise that a leak can give, y the rise that is there [5, zones].
        self._start = np.stack(
            [sure_leak * zones, 0.0 * zones, sure_bias * zones, sure_leak * leak_frac, sure_bias * bias_k]
        )
        self._sums = self._start.copy()

    def learn(self, x_k: Array, y_k: Array) -> None:
        """Takes the rises of one reading; where one is NaN its zone keeps what it has [zones]."""
        known = np.isfinite(x_k) & np.isfinite(y_k)
        new = np.stack([x_k * x_k, x_k, np.ones_like(x_k), x_k * y_k, y_k])
        sums = self._keep * self._sums + (1.0 - self._keep) * self._start + new
        self._sums = np.where(known, sums, self._sums)
        xx, x, n, xy, y = self._sums
        scale = xx * n - x * x
        self.leak_frac = np.clip((xy * n - x * y) / scale, 0.0, MOST_LEAK_FRAC)
        self.bias_k = np.clip((y - self.leak_frac * x) / n, -MOST_BIAS_K, MOST_BIAS_K)
