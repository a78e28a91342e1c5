"""A signal from a CSV: what it says, hour by hour; and what is wrong, by row and column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.signal_csv import read_series
from airhandler.buildings.signals import Series, Year

ZONE = timezone(timedelta(hours=-6))
YEAR = Year(number=1991, step_s=900, zone=ZONE)
NAME = "tariff_usd_per_kwh"
HOURS = 8760
Lines = list[str]


def hourly(begin: datetime, hours: int = HOURS, minutes: int = 60) -> Lines:
    """A CSV whose value is its row's number in thousandths of a thousandth."""
    rows = (f"{(begin + i * timedelta(minutes=minutes)).isoformat()},{i * 1e-6:.6f}" for i in range(hours))
    return [f"time,{NAME}", *rows]


def read(folder: Path, lines: Lines, year: Year = YEAR, **settings: object) -> Array:
    path = folder / "prices.csv"
    path.write_text("\n".join(lines) + "\n")
    return read_series(Series(kind="csv", file=str(path), **settings), NAME, (0.0, 1.0), year)  # type: ignore[arg-type]


def test_an_hour_holds_for_its_steps(tmp_path: Path) -> None:
    values = read(tmp_path, hourly(datetime(2023, 1, 1, tzinfo=ZONE)))
    assert values == pytest.approx(np.repeat(np.arange(HOURS) * 1e-6, 4))


def test_rows_shorter_than_steps_are_averaged(tmp_path: Path) -> None:
    year = Year(number=1991, step_s=3600, zone=ZONE)
    values = read(tmp_path, hourly(datetime(2023, 1, 1, tzinfo=ZONE), hours=HOURS * 2, minutes=30), year)
    assert values == pytest.approx(np.arange(HOURS) * 2e-6 + 0.5e-6)


def test_times_in_utc_are_put_at_local_standard_time(tmp_path: Path) -> None:
    values = read(tmp_path, hourly(datetime(2023, 1, 1, tzinfo=UTC)))
    assert values[0] == pytest.approx(6e-6)  # midnight local is 06:00 UTC, the seventh row
    assert values[-24:] == pytest.approx(np.repeat(np.arange(6) * 1e-6, 4))  # the year repeats itself


def test_a_wall_clock_with_summer_time_is_put_at_standard_time(tmp_path: Path) -> None:
    berlin, year = ZoneInfo("Europe/Berlin"), Year(number=1991, step_s=3600, zone=timezone(timedelta(hours=1)))
    begin = datetime(2023, 1, 1, tzinfo=berlin).astimezone(UTC)
    walls = [(begin + i * timedelta(hours=1)).astimezone(berlin).replace(tzinfo=None) for i in range(HOURS)]
    lines = [f"time,{NAME}", *(f"{wall.isoformat()},{i * 1e-6:.6f}" for i, wall in enumerate(walls))]
    assert len(set(walls)) == HOURS - 1, "an hour of October comes twice"
    assert read(tmp_path, lines, year, zone="Europe/Berlin") == pytest.approx(np.arange(HOURS) * 1e-6)
    with pytest.raises(UserError, match=r"row 2, column time: 2023-01-01T00:00:00 lacks its offset from UTC"):
        read(tmp_path, lines, year)


def test_the_29th_of_february_is_left_out_and_the_earlier_of_two_years_counts(tmp_path: Path) -> None:
    values = read(tmp_path, hourly(datetime(2024, 1, 1, tzinfo=ZONE), hours=HOURS + 2000))
    day = 24 * 4
    assert values[58 * day] == pytest.approx(58 * 24e-6)  # 28 February
    assert values[59 * day] == pytest.approx(60 * 24e-6)  # 1 March
    assert values[0] == 0.0
    later = read(tmp_path, hourly(datetime(2024, 1, 1, tzinfo=ZONE), hours=HOURS * 2 + 24), begin="2025-01-01")
    assert later[0] == pytest.approx(366 * 24e-6)


def test_another_column_and_scale_are_taken(tmp_path: Path) -> None:
    lines = hourly(datetime(2023, 1, 1, tzinfo=ZONE))
    lines = [
        "time,other,eur_per_mwh",
        *(f"{time},x,{i % 50}" for i, time in enumerate(t.split(",")[0] for t in lines[1:])),
    ]
    values = read(tmp_path, lines, column="eur_per_mwh", scale=0.0011)
    assert values[::4][:3] == pytest.approx([0.0, 0.0011, 0.0022])


def test_a_short_gap_is_filled_only_if_that_is_declared(tmp_path: Path) -> None:
    lines = hourly(datetime(2023, 1, 1, tzinfo=ZONE))
    del lines[11:13]  # rows 12 and 13: hours 10 and 11
    lines[20] = lines[20].split(",")[0] + ","  # an empty cell is missing, too
    with pytest.raises(
        UserError, match=r"before row 12: 2 hours are missing from 2023-01-01T16:00:00\+00:00 .*fill_h: 2"
    ):
        read(tmp_path, lines)
    values = read(tmp_path, lines, fill_h=2)[::4]
    assert values[9:13] == pytest.approx([9e-6, 9e-6, 9e-6, 12e-6])


WRONG: list[tuple[str, Callable[[Lines], None], str]] = [
    (
        "header",
        lambda t: t.__setitem__(0, "time,tarif"),
        "row 1: column 'tariff_usd_per_kwh' is not among time, tarif; n",
    ),
    ("twice", lambda t: t.__setitem__(0, f"time,time,{NAME}"), "row 1: column 'time' is twice among"),
    ("cells", lambda t: t.__setitem__(5, "2023-01-01T04:00:00-06:00"), "row 6: 1 cells, too few"),
    ("time", lambda t: t.__setitem__(5, "yesterday,0.1"), "row 6, column time: 'yesterday' is no time"),
    ("order", lambda t: t.__setitem__(5, t[4]), "row 6, column time: .* is not later than the row before it"),
    ("number", lambda t: t.__setitem__(5, t[5].split(",")[0] + ",cheap"), "row 6, column tariff.*'cheap' is no number"),
    ("nan", lambda t: t.__setitem__(5, t[5].split(",")[0] + ",nan"), "row 6, column tariff.*'nan' is no number"),
    (
        "unit",
        lambda t: t.__setitem__(5, t[5].split(",")[0] + ",85.2"),
        "row 6, .*85.2 is outside the signal's range 0 to 1",
    ),
    ("grid", lambda t: t.__setitem__(5, "2023-01-01T04:07:00-06:00,0.1"), "row 6: .* is not on the grid of 60 minutes"),
    (
        "short",
        lambda t: t.__delitem__(slice(2000, None)),
        "nothing for 03-25 07:00 local standard time, 77% of the year",
    ),
    ("none", lambda t: t.__delitem__(slice(1, None)), "0 rows with a value are no series"),
]


@pytest.mark.parametrize(("change", "words"), [(c, w) for _, c, w in WRONG], ids=[name for name, _, _ in WRONG])
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[Lines], None], words: str) -> None:
    lines = hourly(datetime(2023, 1, 1, tzinfo=ZONE))
    change(lines)
    with pytest.raises(UserError, match=r"prices\.csv: " + words):
        read(tmp_path, lines)


def test_an_hour_that_clocks_skip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="row 3, column time: 2023-03-26T02:30:00 does not exist in Europe/Berlin"):
        read(tmp_path, [f"time,{NAME}", "2023-03-26T01:30:00,0.1", "2023-03-26T02:30:00,0.1"], zone="Europe/Berlin")


def test_a_time_before_all_calendars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="row 2, column time: '0001-01-01T00:00:00' is no time"):
        read(tmp_path, [f"time,{NAME}", "0001-01-01T00:00:00,0.1"], zone="Europe/Berlin")


def test_unknown_zones_files_and_days_are_refused(tmp_path: Path) -> None:
    lines = hourly(datetime(2023, 1, 1, tzinfo=ZONE))
    with pytest.raises(UserError, match="zone 'Europe/Atlantis' is not known"):
        read(tmp_path, lines, zone="Europe/Atlantis")
    with pytest.raises(UserError, match="begin '2023-02-31' is not a day"):
        read(tmp_path, lines, begin="2023-02-31")
    with pytest.raises(UserError, match="cannot be read as CSV"):
        read_series(Series(kind="csv", file=str(tmp_path / "none.csv")), NAME, (0, 1), YEAR)


def test_an_interval_that_does_not_go_with_the_steps_is_refused(tmp_path: Path) -> None:
    lines = hourly(datetime(2023, 1, 1, tzinfo=ZONE), minutes=40)
    with pytest.raises(
        UserError, match="rows are 40 minutes apart, which does not go with control steps of 15 minutes"
    ):
        read(tmp_path, lines)


@given(st.text(alphabet='0123456789-:T+Z,.\n\r"time naé\x00', max_size=200))
def test_no_text_gives_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(f"time,{NAME}\n{text}", newline="")
    with pytest.raises(UserError, match=r"any\.csv"):
        read_series(Series(kind="csv", file=str(path)), NAME, (0, 1), YEAR)
