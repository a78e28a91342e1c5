"""Speeds of buildings: relations to what was measured just before, their medians, and what is kept."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from airhandler.buildings import speeds
from airhandler.buildings.catalog import building_ids
from airhandler.buildings.errors import UserError
from airhandler.buildings.sinergym_config import find_sinergym
from airhandler.control import bench_buildings as bench

DEMO = "sinergym:Eplus-demo-v1"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where speeds are kept, away from the package's own."""
    monkeypatch.setattr(speeds, "FILE", tmp_path / "speeds.json")
    speeds._recorded.cache_clear()
    return tmp_path / "speeds.json"


def test_a_relation_is_the_median_of_rounds_and_is_kept(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = {speeds.REFERENCE: itertools.cycle([100.0, 10.0, 50.0]), DEMO: itertools.cycle([50.0, 30.0, 50.0])}
    monkeypatch.setattr(bench, "steps_per_s", lambda name, days: next(rounds[name]))
    result = bench.bench_buildings([DEMO], days=1, repetitions=3, keep=True)
    (row,) = result["buildings"]
    assert (row["relative_speed"], row["steps_per_s"]) == (1.0, 50.0)  # of 0.5, 3 and 1; of 50, 30 and 50
    assert speeds.relative_speed(find_sinergym(DEMO).config.building_file) == 1.0
    speeds.record(speeds.Speeds(reference=speeds.REFERENCE, days=1, relative={"another": 2.0}))
    assert speeds.relative_speed("5ZoneAutoDXVAV.epJSON") == 1.0
    speeds._recorded.cache_clear()


def test_nothing_is_kept_unless_asked_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "steps_per_s", lambda name, days: 1.0)
    bench.bench_buildings([DEMO], days=1, repetitions=1, keep=False)
    assert not file.exists()
    assert speeds.relative_speed(speeds.REFERENCE) is None
    speeds._recorded.cache_clear()


def test_every_building_is_ours_and_one_environment_of_each_model_of_sinergym() -> None:
    names = bench.every_building()
    assert set(building_ids()) < set(names)
    models = [bench.recorded_as(name) for name in names if name.startswith("sinergym:")]
    assert (len(models), len(set(models))) == (9, 9)
    assert DEMO not in names


def test_an_unknown_building_is_said_before_anything_is_measured() -> None:
    with pytest.raises(UserError, match="nearest"):
        bench.bench_buildings(["sinergym:Eplus-5zon"], days=1, repetitions=1, keep=False)


@pytest.mark.slow
def test_speeds_are_measured_for_real() -> None:
    result = bench.bench_buildings([DEMO], days=1, repetitions=1, keep=False)
    assert all(row["steps_per_s"] > 0 for row in result["buildings"])
