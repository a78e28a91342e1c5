"""The servers' load: what patterns are made of, where a trace's rows go, and that EnergyPlus follows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.known import Array
from airhandler.buildings.load import it_load
from airhandler.buildings.load_pattern import PATTERNS, LoadPattern, pattern_load
from airhandler.buildings.load_trace import Repeat, placed_load, read_trace
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather

DX, HALL = find_building("datacentre-dx"), find_building("data-hall-4")
WEEKS = 0.25 * np.arange(4 * 24 * 7 * 8, dtype=float)  # eight weeks of quarters of an hour [h]


def made(pattern: LoadPattern, zones: int = 1, seed: int = 0, first_weekday: int = 0, hours: Array = WEEKS) -> Array:
    return pattern_load(
        pattern, hours=hours, first_weekday=first_weekday, zones=zones, generator=np.random.default_rng(seed)
    )


def test_days_peak_at_their_hour_and_weekends_are_lower() -> None:
    # Wednesday first, so that days 3 and 4 are a weekend: 0.5 + 0.2 cos(0), less 0.1
    load = made(LoadPattern(base_frac=0.5, daily_frac=0.2, peak_hour=14.0, weekend_frac=0.1), first_weekday=2)
    days = load[:, 0].reshape(-1, 96)
    assert set(days.argmax(axis=1)) == {14 * 4}
    np.testing.assert_allclose(days.max(axis=1)[:7], [0.7, 0.7, 0.7, 0.6, 0.6, 0.7, 0.7])
    np.testing.assert_allclose(days.min(axis=1)[:3], 0.3)


def test_noise_has_its_size_and_its_memory() -> None:
    noise = made(LoadPattern(base_frac=0.5, noise_frac=0.05, noise_h=2.0), zones=40) - 0.5
    assert noise.std() == pytest.approx(0.05, rel=0.1)
    # Correlation after 2 h, eight steps: exp(-1)
    after = np.corrcoef(noise[:-8].ravel(), noise[8:].ravel())[0, 1]
    assert after == pytest.approx(np.exp(-1.0), abs=0.1)


def test_bursts_come_as_often_as_high_and_as_long_as_said() -> None:
    # 100 zones, 56 days: 0.5 a day make 2,800, of 0.15 in the mean for 1.5 h (and half a step, rounded up)
    load = made(LoadPattern(base_frac=0.0, bursts_per_day=0.5, burst_frac=0.2), zones=100)
    begins = (np.diff(load, axis=0) > 0.05).sum()
    assert begins == pytest.approx(2800, rel=0.1)
    assert load.mean() == pytest.approx(2800 * 0.15 * 1.625 / (56 * 24 * 100), rel=0.1)


def test_zones_are_uneven_about_the_mean() -> None:
    load = made(LoadPattern(base_frac=0.5, uneven_frac=0.2), zones=3)
    np.testing.assert_allclose(load[0], [0.4, 0.5, 0.6])
    np.testing.assert_allclose(made(LoadPattern(base_frac=0.5, uneven_frac=0.2)), 0.5)


def test_work_that_moves_leaves_the_halls_load_where_it_is() -> None:
    load = made(LoadPattern(base_frac=0.5, moving_frac=0.1), zones=4)
    np.testing.assert_allclose(load.mean(axis=1), 0.5)
    assert load.std(axis=0).min() > 0.05


@settings(deadline=None)
@given(st.sampled_from(sorted(PATTERNS)), st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_a_pattern_is_a_share_and_the_same_for_a_seed(name: str, seed: int, zones: int) -> None:
    day = WEEKS[:96]
    load = made(PATTERNS[name], zones, seed, hours=day)
    assert load.shape == (len(day), zones)
    assert (load >= 0.0).all()
    assert (load <= 1.0).all()
    np.testing.assert_array_equal(load, made(PATTERNS[name], zones, seed, hours=day))


def test_another_seed_is_another_load() -> None:
    assert (made(PATTERNS["bursty"], seed=1) != made(PATTERNS["bursty"], seed=2)).any()


def test_a_day_has_the_same_load_in_every_period() -> None:
    year = it_load(HALL, "bursty", Period(), seed=3)
    july = it_load(HALL, "bursty", Period(start=(7, 1), days=2), seed=3)
    assert list(july) == [f"bay{n:02d}_it_load_frac" for n in (1, 2, 3, 4)]
    begin = (31 + 28 + 31 + 30 + 31 + 30) * 96
    for name, load in july.items():
        np.testing.assert_array_equal(load, year[name][begin : begin + 2 * 96])


def test_zones_that_share_a_drive_get_their_mean(tmp_path: Path) -> None:
    trace = written(tmp_path, "time,west,east\n2024-01-01,0.2,0.6\n2024-01-01T12:00,0.4,0.8\n2024-01-02,0.4,0.8\n")
    load = it_load(DX, str(trace), Period(days=1), seed=0)
    assert list(load) == ["it_load_frac"]
    np.testing.assert_allclose(load["it_load_frac"], np.repeat([0.4, 0.6], 48))


def written(folder: Path, text: str) -> Path:
    path = folder / "trace.csv"
    path.write_text(text)
    return path


def placed(
    path: Path, repeat: Repeat = "yearly", first: str = "2001-01-01", steps: int = 8, step_h: float = 1.0
) -> Array:
    trace = read_trace(path, ["a"])
    return placed_load(trace, repeat, first=dt.date.fromisoformat(first), steps=steps, step_s=step_h * 3600.0)[:, 0]


def test_rows_within_a_step_are_averaged(tmp_path: Path) -> None:
    rows = [f"2024-01-01T{h:02d}:{m:02d},{(h + m / 60) / 10:.6f}" for h in range(9) for m in (0, 15, 30, 45)]
    path = written(tmp_path, "time,load\n" + "\n".join(rows))
    # h, h + 0.25, h + 0.5, h + 0.75 tenths
    np.testing.assert_allclose(placed(path), (np.arange(8) + 0.375) / 10, atol=1e-6)


def test_a_coarser_row_holds_until_the_next(tmp_path: Path) -> None:
    path = written(
        tmp_path, "time,load\n2024-01-01,0.1\n2024-01-01T02:00,0.3\n2024-01-01T04:00,0.5\n2024-01-01T06:00,1\n"
    )
    np.testing.assert_allclose(placed(path), [0.1, 0.1, 0.3, 0.3, 0.5, 0.5, 1.0, 1.0])


def test_a_week_repeats_by_weekday(tmp_path: Path) -> None:
    # 2024-01-03 is a Wednesday; a row a day, 0.3 on Wednesday, 0.4 on Thursday, ... 0.2 on Tuesday
    days = [dt.date(2024, 1, 3) + dt.timedelta(days=n) for n in range(7)]
    rows = [f"{day}T00:00:00+09:00,{0.1 * (day.weekday() + 1)}" for day in days]
    path = written(tmp_path, "time,load\n" + "\n".join(rows))
    # 1991-01-01 was a Tuesday
    load = placed(path, "weekly", first="1991-01-01", steps=10, step_h=24.0)
    np.testing.assert_allclose(load, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.1, 0.2, 0.3, 0.4])


def test_a_year_is_placed_by_its_day_and_a_leap_day_is_left_out(tmp_path: Path) -> None:
    rows = [f"2024-02-{day},0.{day}" for day in (27, 28, 29)] + ["2024-03-01,0.5", "2024-03-02,0.6"]
    path = written(tmp_path, "time,load\n" + "\n".join(rows))
    load = placed(path, first="1991-02-27", steps=4, step_h=24.0)
    np.testing.assert_allclose(load, [0.27, 0.28, 0.5, 0.6])


def test_the_last_row_of_the_year_holds_on_new_years_day(tmp_path: Path) -> None:
    path = written(tmp_path, "time,load\n2024-01-01T01:00,0.1\n2024-12-31T22:00,0.8\n2024-12-31T23:00,0.9\n")
    np.testing.assert_allclose(placed(path, steps=2), [0.9, 0.1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: must be 'time,load' or 'time,a', not ''"),
        ("time,cpu\n", "line 1: must be 'time,load' or 'time,a', not 'time,cpu'"),
        ("time,load\nyesterday,0.5\n", "line 2: time 'yesterday': must be ISO 8601"),
        ("time,load\n2024-01-01,0.5\n2024-01-01,0.5\n", "line 3: time '2024-01-01': must be later"),
        ("time,load\n2024-01-01,55\n", "line 2: load '55': must be a share, 0 to 1"),
        ("time,load\n2024-01-01,nan\n", "line 2: load 'nan': must be a share"),
        ("time,load\n2024-01-01\n", "line 2: load '': must be a share"),
        ("time,load\n2024-01-01,0.5\n", "must have two rows or more, has 1"),
        ("time,load\n2024-01-01,0.5\n2025-06-01,0.5\n", r"holds 517\.0 days: more than one cycle \(yearly\)"),
        (
            "time,load\n2024-01-01,0.5\n2024-01-01T01:00,0.5\n",
            "has nothing for day 1 of its 365, 04:00, and 150 minutes before; "
            r"it covers 01-01 00:00 to 01-01 01:00: .*\.csv:weekly repeats it",
        ),
    ],
)
def test_what_is_wrong_with_a_trace_is_said_where_it_is(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        placed(written(tmp_path, text))


def test_a_trace_longer_than_a_week_is_no_week(tmp_path: Path) -> None:
    rows = "\n".join(f"2024-01-{day:02d},0.5" for day in range(1, 10))
    with pytest.raises(UserError, match=r"holds 8\.0 days: more than one cycle \(weekly\)"):
        placed(written(tmp_path, f"time,load\n{rows}"), "weekly")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_trace_or_a_users_mistake(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("trace") / "trace.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError):
        placed(path)


def test_what_is_neither_pattern_nor_file_is_named() -> None:
    with pytest.raises(UserError, match=r"load 'dayly': neither daily nor bursty nor a file"):
        it_load(DX, "dayly", Period(days=1), seed=0)


@pytest.mark.parametrize("name", ["datacentre-dx", "datacentre-cw", "datacentre-crac", "data-hall-4"])
def test_energyplus_draws_what_the_load_commands(name: str) -> None:
    building = find_building(name)
    drives = it_load(building, "bursty", Period(start=(3, 1), days=1), seed=1)
    run = InstrumentedRun(building, find_weather("chicago"), Period(start=(3, 1), days=1), drives)
    run.start()
    fallback = np.array([rule.fallback for rule in building.rules])
    loads, powers_w = [], []
    for _ in range(48):
        values = run.step(fallback)
        assert values is not None
        reading = run.reading(values)
        loads.append([reading[drive] for drive in drives])
        powers_w.append(reading["cpu_power_w"])
    run.close()
    np.testing.assert_allclose(loads, np.column_stack(list(drives.values()))[:48])
    assert np.corrcoef(np.mean(loads, axis=1), powers_w)[0, 1] > 0.95
