"""Forecasts: the error is as large as declared, has no bias, remembers itself, and is 0 now."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from airhandler.buildings.forecasts import DEFAULT_ERRORS, Forecast, ForecastError, errors_by_lead, forecast, with_error

ERROR = ForecastError(first_sigma=1.0, hourly_correlation=0.9, hourly_sigma=0.5, issue_tau_h=2.0)
TRUTH = 15.0 + 8.0 * np.sin(np.arange(8760 * 4) / 96 * 2 * np.pi) + np.arange(8760 * 4) / 4000


def test_the_error_has_the_declared_spread_at_each_lead_and_no_bias() -> None:
    leads = (1, 2, 6, 24, 100)
    errors = errors_by_lead(ERROR, leads, 40_000, np.random.default_rng(0))
    for i, lead in enumerate(leads):
        assert errors[:, i].std() == pytest.approx(ERROR.sigma(lead), rel=0.04)
        assert errors[:, i].mean() == pytest.approx(0.0, abs=0.06)


def test_sigma_follows_the_recursion_from_nothing_to_its_limit() -> None:
    variance = ERROR.first_sigma**2
    assert (ERROR.sigma(0), ERROR.sigma(1)) == (0.0, 1.0)
    for lead in range(2, 50):
        variance = ERROR.hourly_correlation**2 * variance + ERROR.hourly_sigma**2
        assert ERROR.sigma(lead) == pytest.approx(variance**0.5)


def test_errors_at_two_leads_covary_as_an_ar1_process_does() -> None:
    errors = errors_by_lead(ERROR, (2, 5), 40_000, np.random.default_rng(1))
    assert float(np.mean(errors[:, 0] * errors[:, 1])) == pytest.approx(0.9**3 * ERROR.sigma(2) ** 2, rel=0.05)


def test_a_forecast_and_its_successor_share_their_error_for_issue_tau() -> None:
    errors = errors_by_lead(ERROR, (6,), 40_000, np.random.default_rng(2))[:, 0]
    assert float(np.mean(errors[:-2] * errors[2:]) / np.var(errors)) == pytest.approx(np.exp(-1.0), abs=0.04)


def test_default_errors_of_temperature_grow_from_one_to_two_kelvins() -> None:
    error = DEFAULT_ERRORS["outdoor_air_temp_c"]
    sigmas = [error.sigma(lead) for lead in (1, 6, 24, 48)]
    assert sigmas == sorted(sigmas)
    assert (sigmas[0], sigmas[-1]) == pytest.approx((1.2, 1.63), abs=0.01)
    assert DEFAULT_ERRORS["carbon_kg_per_kwh"].sigma(48) == pytest.approx(0.071 * (np.pi / 2) ** 0.5, abs=0.002)


def made(
    model: str, leads: tuple[int, ...], *, of: str = "outdoor_air_temp_c", relative: bool = False
) -> dict[int, np.ndarray]:
    declared = Forecast(of=of, leads_h=leads, model=model)  # type: ignore[arg-type]
    return forecast(declared, TRUTH, 4, np.random.default_rng(3), relative=relative)


def test_persistence_is_now_and_yesterday_is_what_was_seen_at_that_hour() -> None:
    assert (made("persistence", (6,))[6] == TRUTH).all()
    yesterday = made("yesterday", (3, 24, 30))
    t = 96 * 40
    assert yesterday[3][t] == TRUTH[t + 12 - 96]
    assert yesterday[24][t] == TRUTH[t]
    assert yesterday[30][t] == TRUTH[t + 120 - 192]
    for lead, values in yesterday.items():
        assert all(values[t] in TRUTH[: t + 1] for t in range(96 * 10, 96 * 11)), f"lead {lead} h sees the future"


def test_perfect_and_published_are_the_truth_to_come() -> None:
    assert made("perfect-for-debugging", (6,))[6][100] == TRUTH[124]
    assert made("published", (6,), of="carbon_kg_per_kwh")[6][100] == TRUTH[124]


def test_a_noisy_forecast_differs_from_the_truth_by_its_error() -> None:
    noisy = made("noisy", (1, 24))
    for lead in (1, 24):
        error = noisy[lead] - np.roll(TRUTH, -4 * lead)
        assert error.std() == pytest.approx(DEFAULT_ERRORS["outdoor_air_temp_c"].sigma(lead), rel=0.1)
        assert abs(error.mean()) < 0.1
        assert (error.reshape(-1, 4).round(9) == error.reshape(-1, 4)[:, :1].round(9)).all(), "one issue an hour"


def test_a_relative_error_leaves_nothing_nothing() -> None:
    truth, error = np.array([0.0, 2.0, 2.0]), np.array([0.5, 0.5, -3.0])
    assert with_error(truth, error, relative=True).tolist() == [0.0, 3.0, 0.0]
    assert with_error(truth, error, relative=False).tolist() == [0.5, 2.5, -1.0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"of": "moon", "leads_h": (1,), "model": "noisy"}, "'moon' must be one of outdoor_air_temp_c"),
        ({"of": "outdoor_air_temp_c", "leads_h": (6, 1), "model": "noisy"}, "must ascend"),
        ({"of": "outdoor_air_temp_c", "leads_h": (0,), "model": "noisy"}, "greater than or equal to 1"),
        ({"of": "outdoor_air_temp_c", "leads_h": (1,), "model": "perfect"}, "perfect-for-debugging"),
        ({"of": "outdoor_air_temp_c", "leads_h": (1,), "model": "published"}, "nobody publishes the weather"),
        ({"of": "outdoor_air_temp_c", "leads_h": (1,), "model": "yesterday", "error": ERROR}, "has none"),
        ({"of": "tariff_usd_per_kwh", "leads_h": (1,), "model": "noisy"}, "no default is known for tariff"),
        ({"of": "event_active", "leads_h": (1,), "model": "persistence"}, "an event is announced"),
    ],
)
def test_a_forecast_that_cannot_be_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Forecast.model_validate(fields)
