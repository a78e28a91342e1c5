"""What a controller in shadow would have saved, by the models of power_model.py, with an interval.

The interval is a moving-block bootstrap over days: stretches of days are drawn, the models fitted on them, and the
savings of the same days added up: scatter, weather, the fit. What the models get wrong is drawn, too: their mean errors
by outdoor temperature, each with a sign by chance, for a model that is off by so much from one weather to the other may
be as far off from one set-point to the other. What a change of the water's temperatures is worth rests on shares that
no record tells, and is drawn, too. Both scales are our choice; docs/shadow.md holds them against the truth.
Source: Kuensch, The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17, 1989;
ASHRAE Guideline 14-2014, hourly models and savings uncertainty (both secondary).

Importance sampling, the usual way to judge a controller on another's log, does not exist here: the building's own
control is deterministic, and gives every other action the probability zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from airhandler.buildings.known import Array, known_mean, known_sum

from .beside import Beside
from .counterfactual import Counterfactual
from .power_model import Part, parts_of, unpriced
from .table import Mask
from .water_side import CHILLED_SETPOINT, CONDENSER_SETPOINT, why_unknown

OUTSIDE_MOST_FRAC = 0.2
"""With a larger share of steps outside what the record covers, a model that rests on the record's own variation alone
tells nothing: one step in five is more than any saving is worth."""

_DRAWS = 1000
_SEED = 0
_BLOCK_DAYS = 7  # weather hangs together for days; shorter where the record is short
_FEWEST_BLOCKS = 8
_RIDGE = 1e-6  # of the mean of a feature's squares: keeps features that go together from running away
_FOLDS = 5
_COVERED = 0.999  # quantile of the record's own leverage within which it covers a step
_BIN_K = 4.0  # of outdoor temperature, for a model's mean errors
_UNSURE_FRAC = 0.3  # standard deviation of what rests on shares that no record tells: plants differ by about as much
_KWH_PER_W_H = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class PartSaved:
    """One part of the electricity.

    Attributes:
        name: which.
        was_kwh: measured.
        saved_kwh: estimated.
        low_kwh, high_kwh: 95 % interval.
        outside_frac: share of steps in which the features leave what the record covers.
        physical: whether its features say by physics what a set-point does.
    """

    name: str
    was_kwh: float
    saved_kwh: float
    low_kwh: float
    high_kwh: float
    outside_frac: float
    physical: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Savings:
    """What would have been saved; negative where more would have been used.

    Attributes:
        method: `physics` or `regression`.
        told: whether the record can tell at all.
        why_not: why not; "" where it can.
        steps_frac: share of steps in which everything is known, which are those that are added up.
        was_kwh: measured in these steps.
        saved_kwh: estimated.
        low_kwh, high_kwh: 95 % interval.
        half_68_kwh: half of the 68 % interval, as Guideline 14 has it.
        outside_frac: share of steps outside what the record covers, of any part.
        cv_rmse_frac: error of hourly sums on days that were not fitted on, as a share of their mean.
        nmbe_frac: their mean error, as a share of their mean.
        parts: by part.
        by_step_w: saved in each step; NaN where something is not known [steps].
    """

    method: str
    told: bool
    why_not: str
    steps_frac: float
    was_kwh: float
    saved_kwh: float
    low_kwh: float
    high_kwh: float
    half_68_kwh: float
    outside_frac: float
    cv_rmse_frac: float
    nmbe_frac: float
    parts: tuple[PartSaved, ...]
    by_step_w: Array

    @property
    def saved_frac(self) -> float:
        """As a share of what was used."""
        return self.saved_kwh / self.was_kwh if self.was_kwh else math.nan


def savings(run: Beside, air: Counterfactual | None) -> Savings:
    """Of a shadow run; `air` of a building with server zones."""
    parts = parts_of(run, air)
    known = run.judged & np.all([_known(part) for part in parts], axis=0)
    if not known.any():
        return _nothing("no step of the record has all that is needed: meters, air and set-points")
    day = run.day[known].astype(int)
    fits = [_Fit(part, known, day, np.floor(run.outdoor_c[known] / _BIN_K)) for part in parts]
    random = np.random.default_rng(_SEED)
    saved = np.array([fit.drawn_kwh(run.step_h, random) for fit in fits])  # [parts, draws]
    point = np.array([fit.saved_kwh(run.step_h) for fit in fits])
    total, outside = saved.sum(axis=0), np.array([fit.outside for fit in fits])
    cv_rmse, nmbe = _errors(fits, run, known)
    why = _why_not(run, air, parts, fits)
    return Savings(
        method="physics" if all(part.physical for part in parts) else "regression",
        told=not why,
        why_not=why,
        steps_frac=known_mean(known),
        was_kwh=sum(fit.was_kwh(run.step_h) for fit in fits),
        saved_kwh=float(point.sum()),
        low_kwh=float(np.quantile(total, 0.025)),
        high_kwh=float(np.quantile(total, 0.975)),
        half_68_kwh=float(np.quantile(total, 0.84) - np.quantile(total, 0.16)) / 2.0,
        outside_frac=known_mean(outside.any(axis=0)),
        cv_rmse_frac=cv_rmse,
        nmbe_frac=nmbe,
        parts=tuple(_part(fit, kwh, drawn, run.step_h) for fit, kwh, drawn in zip(fits, point, saved, strict=True)),
        by_step_w=_by_step_w(fits, known),
    )


def blocks_of_days(days: int, draws: int, length: int) -> Array:
    """How often each day is in each draw of whole blocks, the first day following on the last [draws, days]."""
    random, length = np.random.default_rng(_SEED), max(1, min(length, days))
    begins = random.integers(0, days, size=(draws, math.ceil(days / length)))
    drawn = (begins[:, :, np.newaxis] + np.arange(length, dtype=np.int64)).reshape(draws, -1)[:, :days] % days
    weights = np.zeros((draws, days))
    for row, days_drawn in zip(weights, drawn, strict=True):
        row += np.bincount(days_drawn, minlength=days)
    return weights


class _Fit:
    """One part, fitted; sums by day, so that a draw of days costs a small system of equations and no more."""

    def __init__(self, part: Part, known: Mask, day: NDArray[np.int64], weather: Array) -> None:
        self.part, self._day = part, day
        self.x, self.y, self._asked = part.stood[known], part.power_w[known], part.asked[known]
        self._days = int(day.max()) + 1
        self._change = self._by_day(self.x - self._asked)
        self._unsure = None if part.unsure is None else self._by_day(part.unsure[known])
        self._squares = self._by_day((self.x[:, :, np.newaxis] * self.x[:, np.newaxis, :]).reshape(len(self.x), -1))
        self._squares = self._squares.reshape(self._days, self.x.shape[1], self.x.shape[1])
        self._products = self._by_day(self.x * self.y[:, np.newaxis])
        self.beta = self.fitted(np.ones(self._days))
        bins = np.unique(weather, return_inverse=True)[1]
        self._wrong = np.bincount(bins, weights=self.y - self.x @ self.beta)
        self.outside = self._leverage(self._asked) > np.quantile(self._leverage(self.x), _COVERED)

    def fitted(self, weights: Array) -> Array:
        """Coefficients with so much weight on each day [features]."""
        squares, products = np.tensordot(weights, self._squares, 1), weights @ self._products
        return solved(squares, products, signed=self.part.signed)

    def saved_kwh(self, step_h: float) -> float:
        return float(self._change.sum(axis=0) @ self.beta) * step_h * _KWH_PER_W_H

    def saved_w(self) -> Array:
        """In each step that is known [steps]."""
        return np.asarray((self.x - self._asked) @ self.beta)

    def was_kwh(self, step_h: float) -> float:
        return known_sum(self.y) * step_h * _KWH_PER_W_H

    def drawn_kwh(self, step_h: float, random: np.random.Generator) -> Array:
        """Savings of each draw of days, and of what the model gets wrong [draws]."""
        weights = blocks_of_days(self._days, _DRAWS, min(_BLOCK_DAYS, self._days // _FEWEST_BLOCKS))
        betas = [self.fitted(w) for w in weights]
        drawn = np.array([(w @ self._change) @ beta for w, beta in zip(weights, betas, strict=True)])
        if self._unsure is not None:
            worth = np.array([(w @ self._unsure) @ beta for w, beta in zip(weights, betas, strict=True)])
            drawn += random.normal(scale=_UNSURE_FRAC, size=_DRAWS) * worth
        signs = random.choice((-1.0, 1.0), size=(_DRAWS, len(self._wrong)))
        return np.asarray((drawn + signs @ self._wrong) * step_h * _KWH_PER_W_H)

    def left_out_w(self) -> Array:
        """Predictions of the record, each day by a fit without its fold [steps]."""
        length = max(1, min(_BLOCK_DAYS, self._days // _FOLDS))
        fold = np.arange(self._days) // length % _FOLDS
        betas = np.array([self.fitted((fold != number).astype(float)) for number in range(_FOLDS)])
        return np.asarray(np.einsum("ij,ij->i", self.x, betas[fold[self._day]]))

    def _leverage(self, features: Array) -> Array:
        """How far features are from those of the record, in their own spread [steps]."""
        centre, spread = self.x.mean(axis=0), self.x.std(axis=0)
        varies = spread > 1e-9 * np.maximum(1.0, np.abs(centre))
        moved = np.any(np.abs(features[:, ~varies] - centre[~varies]) > 1e-3 * np.abs(centre[~varies]) + 1e-9, axis=1)
        if not varies.any():
            return np.where(moved, np.inf, 0.0)
        scaled = (self.x[:, varies] - centre[varies]) / spread[varies]
        inverse = np.linalg.inv(scaled.T @ scaled / len(scaled) + _RIDGE * np.eye(scaled.shape[1]))
        asked = (features[:, varies] - centre[varies]) / spread[varies]
        return np.where(moved, np.inf, np.einsum("ij,jk,ik->i", asked, inverse, asked))

    def _by_day(self, values: Array) -> Array:
        sums = np.zeros((self._days, values.shape[1]))
        np.add.at(sums, self._day, values)
        return sums


def solved(squares: Array, products: Array, *, signed: bool) -> Array:
    """Least squares by the normal equations [features]; without a sign, 0 or more.

    The feature whose coefficient is the most negative, in watts that it would take away, is left out until none is.
    """
    kept = list(range(len(products)))
    beta = np.zeros(len(products))
    while kept:
        chosen = squares[np.ix_(kept, kept)]
        scale = np.sqrt(np.maximum(np.diag(chosen), 1e-12))
        ridge = _RIDGE * np.eye(len(kept))
        found = np.linalg.solve(chosen / np.outer(scale, scale) + ridge, products[kept] / scale)
        if signed or (found >= 0.0).all():
            beta[kept] = found / scale
            return beta
        kept.pop(int(np.argmin(found)))
    return beta


def _by_step_w(fits: Sequence[_Fit], known: Mask) -> Array:
    found = np.full(len(known), np.nan)
    found[known] = np.sum([fit.saved_w() for fit in fits], axis=0)
    return found


def _known(part: Part) -> Mask:
    features = np.isfinite(part.stood).all(axis=1) & np.isfinite(part.asked).all(axis=1)
    return np.asarray(np.isfinite(part.power_w) & features)


def _part(fit: _Fit, kwh: float, drawn: Array, step_h: float) -> PartSaved:
    return PartSaved(
        name=fit.part.name,
        was_kwh=fit.was_kwh(step_h),
        saved_kwh=float(kwh),
        low_kwh=float(np.quantile(drawn, 0.025)),
        high_kwh=float(np.quantile(drawn, 0.975)),
        outside_frac=known_mean(fit.outside),
        physical=fit.part.physical,
    )


def _errors(fits: Sequence[_Fit], run: Beside, known: Mask) -> tuple[float, float]:
    """CV(RMSE) and NMBE of hourly sums on days that were not fitted on."""
    error = np.sum([fit.y - fit.left_out_w() for fit in fits], axis=0)
    power = np.sum([fit.y for fit in fits], axis=0)
    hour = np.unique(run.table.local_time[:-1][known].astype("datetime64[h]"), return_inverse=True)[1]
    count = np.bincount(hour)
    hourly_error, hourly_power = (np.bincount(hour, weights=values) / count for values in (error, power))
    mean = float(hourly_power.mean())
    return float(np.sqrt(np.mean(hourly_error**2))) / mean, float(hourly_error.mean()) / mean


def _why_not(run: Beside, air: Counterfactual | None, parts: Sequence[Part], fits: Sequence[_Fit]) -> str:
    """Why the record cannot tell; "" where it can."""
    if moved := unpriced(run, air):
        why = why_unknown(run, air.asked) if air and {CHILLED_SETPOINT, CONDENSER_SETPOINT} & set(moved) else ""
        return f"no model knows what these set-points change: {', '.join(moved)}" + (f" ({why})" if why else "")
    blind = [
        f"{part.name} ({known_mean(fit.outside):.0%} of steps)"
        for part, fit in zip(parts, fits, strict=True)
        if not part.physical and known_mean(fit.outside) > OUTSIDE_MOST_FRAC
    ]
    if blind:
        return f"the building's own control never moved its set-points as the controller would: {', '.join(blind)}"
    return ""


def _nothing(why: str) -> Savings:
    nan = math.nan
    return Savings(
        method="none",
        told=False,
        why_not=why,
        steps_frac=0.0,
        was_kwh=nan,
        saved_kwh=nan,
        low_kwh=nan,
        high_kwh=nan,
        half_68_kwh=nan,
        outside_frac=nan,
        cv_rmse_frac=nan,
        nmbe_frac=nan,
        parts=(),
        by_step_w=np.array([]),
    )
