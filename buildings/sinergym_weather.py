"""Noise on a weather file, as Sinergym's stochastic environments add it: an Ornstein-Uhlenbeck process each hour.

x[i+1] = x[i] - (x[i] - mu) / tau + sigma sqrt(2 / tau) N(0, 1), from x[0] = 0, with tau in hours. Draws come in
Sinergym's own order, so that the same seed gives the same file.
Source: Sinergym 3.12.2, `ornstein_uhlenbeck_process` in `utils/common.py`; ModelJSON.apply_weather_variability.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from .epw import COLUMNS, HEADER_LINES, column_index
from .errors import UserError

# sigma, mu, tau, each a number or the [low, high] that it is drawn from; then, if given, the limits of the sum.
Parameters = Sequence[float | Sequence[float]]


def write_noisy(source: Path, target: Path, noise: Mapping[str, Parameters], rng: np.random.Generator) -> None:
    """Writes a weather file with noise on the named columns. Raises UserError for a column that there is not."""
    if unknown := sorted(set(noise) - set(COLUMNS)):
        raise UserError(f"weather_variability: {', '.join(unknown)}: must be among {', '.join(COLUMNS)}")
    rng.choice([source.name])  # Sinergym draws a weather first, among one
    lines = source.read_text(encoding="latin-1").splitlines()
    head, rows = lines[:HEADER_LINES], [line.split(",") for line in lines[HEADER_LINES:] if line]
    drawn = {name: ([_draw(p, rng) for p in given[:3]], given[3:]) for name, given in noise.items()}
    for name, ((sigma, mu, tau), limits) in drawn.items():
        column = column_index(name)
        low, high = limits[0] if limits and isinstance(limits[0], Sequence) else (-math.inf, math.inf)
        for row, added in zip(rows, _process(len(rows), sigma, mu, tau, rng), strict=True):
            row[column] = repr(min(max(float(row[column]) + added, low), high))
    target.write_text("\n".join([*head, *(",".join(row) for row in rows), ""]), encoding="latin-1")


def _draw(parameter: float | Sequence[float], rng: np.random.Generator) -> float:
    if isinstance(parameter, Sequence):
        return float(rng.uniform(parameter[0], parameter[1]))
    return float(parameter)


def _process(count: int, sigma: float, mu: float, tau: float, rng: np.random.Generator) -> Iterator[float]:
    x, scale = 0.0, sigma * math.sqrt(2.0 / tau)
    yield x
    for normal in rng.standard_normal(count - 1).tolist():
        x = x + -(x - mu) / tau + scale * normal
        yield x
