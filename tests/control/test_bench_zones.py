"""The cost of a step against the number of zones: what is compared, how it is drawn, and the command once for real."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from airhandler.buildings.errors import UserError
from airhandler.control import bench_zones as bench
from airhandler.control.cli_bench import app


def test_medians_of_each_hall_and_what_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, env = itertools.cycle([1.0, 9.0, 2.0]), itertools.cycle([4.0, 5.0, 30.0])
    order: list[str] = []
    monkeypatch.setattr(bench, "_bare_ms", lambda hall, days: (order.append(hall.id), next(engine))[1])
    monkeypatch.setattr(bench, "_env_ms", lambda hall, days: (order.append(hall.id), next(env))[1])
    told = itertools.count()
    result = bench.bench_zones([4], days=1, repetitions=3, measured=lambda: next(told))
    (row,) = result["zones"]
    assert (row["zones"], row["actions"], row["engine_ms"], row["env_ms"], row["ours_ms"]) == (4, 10, 2.0, 5.0, 3.0)
    assert row["engine_frac"] == 0.4
    assert order == ["data-hall-4"] * 6
    assert next(told) == 6


def test_halls_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    for name in ("_bare_ms", "_env_ms"):
        monkeypatch.setattr(bench, name, lambda hall, days, name=name: (order.append(hall.id + name), 1.0)[1])
    bench.bench_zones([2, 4], days=1, repetitions=2)
    one = [f"data-hall-{count}{name}" for count in (2, 4) for name in ("_bare_ms", "_env_ms")]
    assert order == one * 2


def test_a_hall_that_the_family_does_not_have_is_refused_before_anything_is_measured() -> None:
    with pytest.raises(UserError, match="data-hall-1"):
        bench.bench_zones([2, 1], days=1, repetitions=1)


@pytest.mark.slow
def test_the_command_measures_and_draws(tmp_path: Path) -> None:
    figure = tmp_path / "zones.svg"
    done = CliRunner().invoke(
        app, ["zones", "--zones", "3,2", "--days", "1", "--repetitions", "1", "--json", "--figure", str(figure)]
    )
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [row["zones"] for row in result["zones"]] == [2, 3]
    for row in result["zones"]:
        assert row["engine_ms"] > 0
        assert row["env_ms"] > 0
    assert "A step takes [ms]" in figure.read_text()


def test_numbers_of_zones_that_are_none_are_said() -> None:
    done = CliRunner().invoke(app, ["zones", "--zones", "4,many"])
    assert isinstance(done.exception, UserError)
    assert "4,many" in str(done.exception)
