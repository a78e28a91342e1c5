"""The benchmark of the engine: what it reports, from measures that are given; and once for real."""

from __future__ import annotations

import itertools
import sys

import pytest

from airhandler.buildings.errors import AirhandlerError
from airhandler.control import bench

KEYS = ("bare", "env", "sinergym_model", "sinergym")


def given(monkeypatch: pytest.MonkeyPatch, **measured: list[float]) -> list[str]:
    """Puts numbers in the place of the measures; returns the order in which they were asked for."""
    asked: list[str] = []

    def measure(name: str, values: list[float]) -> None:
        following = itertools.cycle(values)
        monkeypatch.setattr(bench, f"_{name}", lambda days: (asked.append(name), next(following))[1])

    for name, values in measured.items():
        measure(name, values)
    return asked


def test_medians_of_alternating_repetitions_are_compared_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = given(
        monkeypatch,
        bare=[10.0, 8.0, 9.0],
        env=[5.0, 6.0, 60.0],
        sinergym_model=[7.0, 7.5, 1.0],
        sinergym=[2.0, 2.5, 2.0],
    )
    result = bench.bench_speeds(days=1, repetitions=3, progress=lambda name, repetition: None)
    assert asked == list(KEYS) * 3
    assert [result[f"{key}_steps_per_s"] for key in KEYS] == [9.0, 6.0, 7.0, 2.0]
    assert result["env_to_bare"] == pytest.approx(6 / 9, abs=1e-3)
    assert result["env_to_sinergym"] == 3.5
    assert result["measured"]["env"] == [5.0, 6.0, 60.0]


def test_progress_is_told_before_each_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **{key: [1.0] for key in KEYS})
    told: list[tuple[str, int]] = []
    bench.bench_speeds(days=1, repetitions=2, progress=lambda name, repetition: told.append((name, repetition)))
    assert told == [(name, repetition) for repetition in range(2) for name in KEYS]


def test_sinergyms_failure_is_an_error_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AirhandlerError, match="Sinergym's environment did not run"):
        bench._sinergym(1)


def test_sinergyms_model_runs_on_our_engine() -> None:
    assert bench._sinergym_model(1) > 0


@pytest.mark.slow
def test_sinergyms_own_environment_is_timed() -> None:
    assert bench._sinergym(1) > 0
