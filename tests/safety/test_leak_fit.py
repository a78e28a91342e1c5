"""The recursive fit of leak and bias."""

from __future__ import annotations

import numpy as np
import pytest

from airhandler.safety.forecast import MOST_BIAS_K, MOST_LEAK_FRAC
from airhandler.safety.leak_fit import LeakFit


def fit(leak_frac: float = 0.05, bias_k: float = 0.0) -> LeakFit:
    return LeakFit(np.array([leak_frac]), np.array([bias_k]))


def shown(leak_fit: LeakFit, leak_frac: float, bias_k: float, rises_k: np.ndarray) -> LeakFit:
    for x_k in rises_k:
        leak_fit.learn(np.array([x_k]), np.array([leak_frac * x_k + bias_k]))
    return leak_fit


def test_leak_and_bias_are_found_from_air_that_varies() -> None:
    found = shown(fit(), 0.2, 0.4, np.random.default_rng(0).uniform(5, 15, 500))
    assert found.leak_frac == pytest.approx([0.2], abs=0.002)
    assert found.bias_k == pytest.approx([0.4], abs=0.02)


def test_a_leak_is_nearly_found_within_an_hour() -> None:
    found = shown(fit(), 0.2, 0.0, np.array([9.0, 10.0, 11.0, 10.0]))
    assert 10.0 * found.leak_frac[0] + found.bias_k[0] == pytest.approx(2.0, abs=0.1)


def test_what_changed_replaces_what_was_learned() -> None:
    rises_k = np.random.default_rng(1).uniform(5, 15, 600)
    found = shown(shown(fit(), 0.2, 0.0, rises_k), 0.1, 0.0, rises_k)
    assert found.leak_frac == pytest.approx([0.1], abs=0.005)


def test_air_that_never_varies_leaves_the_rest_to_the_start_values() -> None:
    # 0.05 of a rise of 10 K: 0.5 K. Shown 1 K for weeks, the sum must be 1 K, and neither part runs away.
    found = shown(fit(), 0.0, 1.0, np.full(3000, 10.0))
    assert 10.0 * found.leak_frac[0] + found.bias_k[0] == pytest.approx(1.0, abs=0.02)
    assert 0.05 < found.leak_frac[0] < 0.1
    assert 0.0 < found.bias_k[0] < 0.5


def test_air_that_never_varies_stays_tame_under_noise() -> None:
    noise = np.random.default_rng(2).normal(0.0, 0.1, 5000)
    leak_fit = fit()
    for y_k in 0.5 + noise:
        leak_fit.learn(np.array([10.0]), np.array([y_k]))
        assert 0.02 < leak_fit.leak_frac[0] < 0.08


@pytest.mark.parametrize("x_k", [np.nan, 10.0])
def test_what_is_no_number_teaches_that_zone_nothing(x_k: float) -> None:
    leak_fit = LeakFit(np.array([0.05, 0.05]), np.array([0.0, 0.0]))
    for _ in range(50):
        leak_fit.learn(np.array([x_k, 10.0]), np.array([np.nan, 2.0]))
    assert leak_fit.leak_frac[0] == pytest.approx(0.05)
    assert leak_fit.leak_frac[1] > 0.1


def test_absurd_air_ends_at_the_bounds() -> None:
    high = shown(fit(), 50.0, 100.0, np.array([1.0, 20.0] * 50))
    low = shown(fit(), -50.0, -100.0, np.array([1.0, 20.0] * 50))
    assert (high.leak_frac[0], high.bias_k[0]) == (MOST_LEAK_FRAC, MOST_BIAS_K)
    assert (low.leak_frac[0], low.bias_k[0]) == (0.0, -MOST_BIAS_K)


def test_first_reading_counts_against_the_start_values_as_worked_out_by_hand() -> None:
    # Start values weigh (0.2 / 0.05)^2 = 16 and (0.2 / 0.5)^2 = 0.16. With x = 10 and y = 1.5 the sums are
    # xx 116, x 10, n 1.16, xy 15.8, y 1.5: leak (15.8 * 1.16 - 10 * 1.5) / (116 * 1.16 - 10^2).
    found = fit()
    found.learn(np.array([10.0]), np.array([1.5]))
    assert found.leak_frac == pytest.approx([3.328 / 34.56])
    assert found.bias_k == pytest.approx([(1.5 - 33.28 / 34.56) / 1.16])
