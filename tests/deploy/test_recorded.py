"""A recorded site: what is read comes back, mistakes are named by row and column, time passes as recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airhandler.buildings.catalog import with_world
from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Reading
from airhandler.buildings.world import World
from airhandler.deploy.connectors.connection import ReadOnly
from airhandler.deploy.connectors.recorded import (
    RecordedClock,
    RecordedSite,
    read_recording,
    watch_recorded,
    write_recording,
)
from airhandler.deploy.connectors.recording import Recording, recording_of
from tests.deploy import scenes
from tests.deploy.scenes import INLET, START, STEP, building, reading, record


def _edited(path: Path, edit: Callable[[list[list[str]]], None]) -> Path:
    """A recording whose cells [row][column] were changed by hand."""
    cells = [line.split(",") for line in record(path, 5).read_text().splitlines()]
    edit(cells)
    path.write_text("\n".join(",".join(row) for row in cells) + "\n")
    return path


def _rows(recording: Recording) -> list[dict[str, float | None]]:
    """The values of a wide recording, row by row."""
    (series,) = recording.series
    rows = series.values.tolist()
    return [{n: None if v != v else v for n, v in zip(series.names, row, strict=True)} for row in rows]


def _times(recording: Recording) -> list[dt.datetime]:
    (series,) = recording.series
    return [recording.local.at(time_s) for time_s in series.times_s.tolist()]


def _mistake(path: Path) -> str:
    with pytest.raises(UserError) as error:
        read_recording(path, building())
    return str(error.value)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    readings = [reading(0), reading(1, **{INLET: None}), reading(2)]
    write_recording(tmp_path / "r.csv", building(), readings)
    recording = read_recording(tmp_path / "r.csv", building())
    assert _times(recording) == [r.time for r in readings]
    assert _rows(recording) == [r.values for r in readings]
    assert recording.mends == ()


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=1, max_size=5),
    st.timezones(),
)
def test_any_number_and_any_offset_come_back(
    tmp_path_factory: pytest.TempPathFactory, inlets: list[float | None], zone: dt.tzinfo
) -> None:
    path = tmp_path_factory.mktemp("any") / "r.csv"
    readings = [
        Reading(time=r.time.astimezone(zone), values=r.values)
        for r in (reading(n, **{INLET: value}) for n, value in enumerate(inlets))
    ]
    write_recording(path, building(), readings)
    recording = read_recording(path, building())
    assert _times(recording) == [r.time for r in readings]
    assert [time.utcoffset() for time in _times(recording)] == [r.time.utcoffset() for r in readings]
    assert [row[INLET] for row in _rows(recording)] == inlets


def test_setpoints_may_be_recorded_and_a_mark_of_excel_is_no_mistake(tmp_path: Path) -> None:
    path = _edited(tmp_path / "r.csv", lambda cells: [row.append("18") for row in cells[1:]] and None)
    text = path.read_text().replace(f"{INLET},", f"{INLET},", 1)
    head, rest = text.split("\n", 1)
    path.write_text(f"\ufeff{head},{scenes.SUPPLY}\n\n{rest}")
    assert _rows(read_recording(path, building()))[0][scenes.SUPPLY] == 18.0


@pytest.mark.parametrize("time", ["2026-07-01T00:15:00"])
def test_time_without_its_offset_is_named(tmp_path: Path, time: str) -> None:
    message = _mistake(_edited(tmp_path / "r.csv", lambda cells: cells[2].__setitem__(0, time)))
    assert f"row 3, column time: {time} lacks its offset from UTC" in message


def test_missing_columns_are_all_listed(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        for name in (INLET, "it_load_frac"):
            column = cells[0].index(name)
            for row in cells:
                del row[column]

    message = _mistake(_edited(tmp_path / "r.csv", edit))
    assert "missing columns: it_load_frac, east_inlet_temp_c (" in message


def test_missing_time_is_listed(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        for row in cells:
            del row[0]

    assert "missing columns: time (" in _mistake(_edited(tmp_path / "r.csv", edit))


def test_unknown_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        cells[0][2] = "east_inlet_temp"

    message = _mistake(_edited(tmp_path / "r.csv", edit))
    assert "row 1, column 3: 'east_inlet_temp' is no point of datacentre-dx; nearest: east_inlet_temp_c" in message


def test_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        cells[0][2] = cells[0][1]

    assert f"row 1, column 3: {'outdoor_air_temp_c'} stands twice" in _mistake(_edited(tmp_path / "r.csv", edit))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'time,"never closed\n'])
def test_file_that_is_no_csv_is_a_users_mistake(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    assert str(path) in _mistake(path)


def test_file_that_is_not_there_and_one_without_rows_are_users_mistakes(tmp_path: Path) -> None:
    assert "cannot be read as CSV: " in _mistake(tmp_path / "nowhere.csv")
    assert "has no row" in _mistake(_edited(tmp_path / "r.csv", lambda cells: cells.__delitem__(slice(1, None))))


def _site(*numbers: int) -> tuple[RecordedSite, RecordedClock]:
    rows = [reading(n) for n in numbers]
    recording = recording_of(rows)
    clock = RecordedClock(recording)
    return RecordedSite(building(), recording, clock), clock


def test_site_steps_through_the_rows_until_they_end() -> None:
    site, clock = _site(0, 1, 2)
    seen = [site.read()]
    while clock.sleep_until(clock.now() + STEP):
        seen.append(site.read())
    assert [r.time for r in seen] == [START, START + STEP, START + 2 * STEP]
    assert [r[INLET] for r in seen] == [reading(n)[INLET] for n in range(3)]
    assert seen[1].age_s.get(INLET, 0.0) == 0.0


def test_gap_makes_values_old_and_does_not_end_the_run() -> None:
    site, clock = _site(0, 4)
    assert clock.sleep_until(START + 3 * STEP)
    seen = site.read()
    assert (seen.time, seen[INLET], seen.age_s[INLET]) == (START + 3 * STEP, reading(0)[INLET], 2700.0)


def test_clock_ends_at_a_stop_even_while_it_sleeps() -> None:
    _, clock = _site(0, 1)
    clock.stop()
    assert not clock.sleep_until(START + STEP)
    assert clock.now() == START


def test_clock_keeps_a_pace_and_never_goes_back() -> None:
    rows = [reading(n) for n in range(3)]
    recording = recording_of(rows)
    clock = RecordedClock(recording, speed=1e9)
    assert clock.sleep_until(START + STEP)
    assert clock.sleep_until(START)
    assert clock.now() == START + STEP


def test_closed_site_cannot_be_read() -> None:
    site, _ = _site(0)
    site.close()
    with pytest.raises(SiteError, match="closed"):
        site.read()


def test_read_only_site_passes_the_reading_on_and_nothing_else() -> None:
    site, _ = _site(0)
    seen = ReadOnly(site)
    assert (seen.read(), seen.points) == (site.read(), site.points)
    assert {name for name in dir(seen) if not name.startswith("_")} == {"points", "read", "close"}


def test_view_counts_its_steps(tmp_path: Path) -> None:
    path = record(tmp_path / "r.csv", 7)
    assert watch_recorded(scenes.settings(tmp_path, site=str(path)), building()).ticks == 7


def test_a_recording_without_a_signal_of_the_world_is_refused(tmp_path: Path) -> None:
    world = World.model_validate_json('{"tariff_usd_per_kwh": {"kind": "flat", "value": 0.1}}')
    placed = with_world(building(), world)
    with pytest.raises(UserError, match="missing columns: tariff_usd_per_kwh"):
        read_recording(record(tmp_path / "bare.csv"), placed)
    write_recording(tmp_path / "with.csv", placed, [reading(n, tariff_usd_per_kwh=0.2) for n in range(3)])
    assert _rows(read_recording(tmp_path / "with.csv", placed))[2]["tariff_usd_per_kwh"] == 0.2
