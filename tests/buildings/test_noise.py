"""Mean-reverting noise: its spread, its memory, and that one purpose does not move another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from airhandler.buildings.noise import generator, ornstein_uhlenbeck


@pytest.mark.parametrize("tau", [1.0, 6.0, 48.0])
def test_noise_has_unit_spread_from_its_first_sample_on_and_forgets_in_tau(tau: float) -> None:
    runs = ornstein_uhlenbeck(200, 4000, tau, np.random.default_rng(0))
    for sample in (0, 1, 199):
        assert runs[sample].mean() == pytest.approx(0.0, abs=0.06)
        assert runs[sample].std() == pytest.approx(1.0, abs=0.05)
    lag = int(tau)
    assert float(np.mean(runs[:-lag] * runs[lag:])) == pytest.approx(math.exp(-1.0), abs=0.03)


def test_processes_of_one_call_are_independent() -> None:
    a, b = ornstein_uhlenbeck(50_000, 2, 3.0, np.random.default_rng(1)).T
    assert float(np.mean(a * b)) == pytest.approx(0.0, abs=0.05)


def test_generators_differ_by_seed_draw_and_purpose_and_only_by_them() -> None:
    keys = [(0, 0, "a"), (1, 0, "a"), (0, 1, "a"), (0, -1, "a"), (0, 0, "b")]
    first = [generator(seed, draw, purpose).random() for seed, draw, purpose in keys]
    assert len(set(first)) == len(keys)
    assert first == [generator(seed, draw, purpose).random() for seed, draw, purpose in keys]
