"""What a policy's training was like."""

from __future__ import annotations

import numpy as np
import pytest

from airhandler.buildings.errors import UserError
from airhandler.control.familiar import Familiar, familiar_with


def together(count: int = 20_000) -> np.ndarray:
    """Two observations that go together, and one that never changes."""
    normal = np.random.default_rng(0).normal(size=(count, 2))
    warm = 0.3 * normal[:, 0]
    return np.stack([warm, warm + 0.03 * normal[:, 1], np.full(count, 0.5)], axis=1).astype(np.float32)


def familiar() -> Familiar:
    made = familiar_with(together())
    assert made is not None
    return made


def test_distance_is_in_standard_deviations_along_what_goes_together() -> None:
    # Half a deviation of the second alone is 0.03 / sqrt(2) across the line of both, and its spread there is as great.
    one = familiar()
    assert one.distance(np.array([0.3, 0.3, 0.5], np.float32)) == pytest.approx(1.0, abs=0.05)
    assert one.distance(np.array([0.3, 0.0, 0.5], np.float32)) == pytest.approx(10.0, rel=0.05)


def test_what_never_changed_in_training_has_the_least_spread() -> None:
    assert familiar().distance(np.array([0.0, 0.0, 0.6], np.float32)) == pytest.approx(5.0, rel=0.02)


def test_nearly_all_of_training_is_sure_and_twice_as_far_nothing_is() -> None:
    one, rows = familiar(), together()
    sure = np.array([one.confidence(row) for row in rows[:5000]])
    assert np.mean(sure == 1.0) > 0.99
    direction = np.array([1.0, 1.0, 0.0], np.float32)
    unit = one.limit / (one.distance(one.mean + direction))
    assert one.confidence(one.mean + np.float32(1.5 * unit) * direction) == pytest.approx(0.5, abs=1e-3)
    assert one.confidence(one.mean + np.float32(2.1 * unit) * direction) == 0.0


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_no_observation_leaves_nothing_sure(odd: float) -> None:
    with np.errstate(all="ignore"):
        assert familiar().confidence(np.array([odd, 0.0, 0.5], np.float32)) == 0.0


def test_too_few_observations_say_nothing() -> None:
    assert familiar_with(together(99)) is None
    assert familiar_with(together(100)) is not None


def test_arrays_come_back_and_others_are_refused() -> None:
    one = familiar()
    again = Familiar.of_arrays(one.arrays(), 3, where="bundle x")
    assert again.confidence(one.mean) == one.confidence(one.mean) == 1.0
    for wrong in (
        {**one.arrays(), "mean": one.mean[:2]},
        {**one.arrays(), "limit": np.array([np.nan], np.float32)},
        {**one.arrays(), "limit": np.array([0.0], np.float32)},
        {"mean": one.mean},
    ):
        with pytest.raises(UserError, match="bundle x: what it says of its training does not hold together"):
            Familiar.of_arrays(wrong, 3, where="bundle x")
