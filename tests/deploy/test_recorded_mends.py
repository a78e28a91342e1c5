"""Recordings as historians give them: what is wrong with them is mended, counted and told; nonsense is refused."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.deploy.connectors import recorded_file, recorded_rows, recorded_times
from airhandler.deploy.connectors.recorded import RecordedClock, RecordedSite, read_recording, watch_recorded
from airhandler.deploy.connectors.recorded_map import load_map
from airhandler.deploy.connectors.recorded_mends import mend_table
from airhandler.deploy.connectors.recording import Recording
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Proposal, Rejected
from tests.deploy import scenes
from tests.deploy.scenes import INLET, START, STEP, SUPPLY, building, reading, record

Cells = list[list[str]]


def _cells(path: Path) -> Cells:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def _write(path: Path, cells: Cells) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(cells)
    return path


def _edited(path: Path, edit: Callable[[Cells], object], steps: int = 8) -> Path:
    cells = _cells(record(path, steps))
    edit(cells)
    return _write(path, cells)


def _counts(recording: Recording) -> dict[str, int]:
    return {mend.what: mend.count for mend in recording.mends}


def _inlets(recording: Recording) -> list[float]:
    series = next(one for one in recording.series if INLET in one.names)
    found: list[float] = series.values[:, series.names.index(INLET)].tolist()
    return found


def _map(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_rows_out_of_order_are_sorted_and_counted(tmp_path: Path) -> None:
    path = _edited(tmp_path / "r.csv", lambda cells: cells.insert(1, cells.pop(5)))
    recording = read_recording(path, building())
    assert _inlets(recording) == [reading(n)[INLET] for n in range(8)]
    assert _counts(recording) == {recorded_rows.UNORDERED: 4}
    assert recording.mends[0].first == ("row 3", "row 4", "row 5")


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(8)))
def test_any_order_gives_the_same_recording(tmp_path_factory: pytest.TempPathFactory, order: Sequence[int]) -> None:
    path = tmp_path_factory.mktemp("any") / "r.csv"
    recording = read_recording(
        _edited(path, lambda cells: cells.__setitem__(slice(1, None), [cells[1 + n] for n in order])), building()
    )
    assert _inlets(recording) == [reading(n)[INLET] for n in range(8)]


def test_of_rows_with_one_time_the_last_stands(tmp_path: Path) -> None:
    def edit(cells: Cells) -> None:
        again = list(cells[3])
        again[cells[0].index(INLET)] = "25.5"
        cells.append(again)

    recording = read_recording(_edited(tmp_path / "r.csv", edit), building())
    assert _inlets(recording)[2] == 25.5
    assert _counts(recording) == {recorded_rows.UNORDERED: 1, recorded_rows.TWICE: 1}


@pytest.mark.parametrize("cell", ["warm", "nan", "inf", "-Infinity", "1e999"])
def test_cell_that_is_no_number_is_absent_and_named(tmp_path: Path, cell: str) -> None:
    path = _edited(tmp_path / "r.csv", lambda cells: cells[4].__setitem__(cells[0].index(INLET), cell))
    recording = read_recording(path, building())
    assert [n for n, value in enumerate(_inlets(recording)) if value != value] == [3]
    (mend,) = recording.mends
    assert mend.what == (recorded_rows.NO_NUMBER if cell == "warm" else recorded_rows.NOT_FINITE)
    assert mend.first == (f"row 5, column {INLET}: {cell!r}",)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda cells: cells[2].__setitem__(0, "soon"), recorded_rows.LEFT_OUT),
        (lambda cells: cells[2].__setitem__(0, ""), recorded_rows.LEFT_OUT),
        (lambda cells: cells[2].pop(), recorded_rows.SHORT),
    ],
)
def test_row_that_has_no_place_is_left_out(tmp_path: Path, edit: Callable[[Cells], object], what: str) -> None:
    recording = read_recording(_edited(tmp_path / "r.csv", edit), building())
    assert len(_inlets(recording)) == 7
    assert _counts(recording)[what] == 1


def test_gap_is_told_and_its_values_are_stale_for_the_shield(tmp_path: Path) -> None:
    path = _edited(tmp_path / "r.csv", lambda cells: cells.__delitem__(slice(4, 8)), 12)
    recording = read_recording(path, building())
    (mend,) = recording.mends
    assert (mend.what, mend.first) == (recorded_file.GAP, ("2026-07-01T00:30:00+00:00 for 1:15:00",))
    clock = RecordedClock(recording)
    site, shield, kinds = RecordedSite(building(), recording, clock), Shield(building()), []
    while True:
        seen = site.read()
        asked = Proposal(setpoints=scenes.setpoints(), time=seen.time, controller="fake")
        kinds.append(isinstance(shield.judge([seen], None, asked), Rejected))
        if not clock.sleep_until(clock.now() + STEP):
            break
    # 15 and 30 minutes are within the 1,800 s that the building file allows.
    assert [n for n, rejected in enumerate(kinds) if rejected] == [5, 6]


def test_file_of_which_most_rows_have_no_time_is_refused(tmp_path: Path) -> None:
    def edit(cells: Cells) -> None:
        for row in cells[1:6]:
            row[0] = "07/01/2026 00:15"

    with pytest.raises(UserError, match=r"5 of 8 rows have no place in time \(first: row 2, column time: "):
        read_recording(_edited(tmp_path / "r.csv", edit), building())


def test_point_of_which_most_values_are_nonsense_is_refused(tmp_path: Path) -> None:
    def edit(cells: Cells) -> None:
        for row in cells[1:6]:
            row[cells[0].index(INLET)] = "23,4"

    with pytest.raises(UserError, match=f"{INLET}: 5 of 8 values are no number .*'23,4'"):
        read_recording(_edited(tmp_path / "r.csv", edit), building())


def test_setpoints_are_what_the_buildings_own_control_asks_for(tmp_path: Path) -> None:
    def edit(cells: Cells) -> None:
        cells[0].append(SUPPLY)
        for number, row in enumerate(cells[1:]):
            row.append("" if number == 1 else "18.5")

    recording = read_recording(_edited(tmp_path / "r.csv", edit), building())
    clock = RecordedClock(recording)
    site = RecordedSite(building(), recording, clock)
    first = site.read()
    assert first.incumbent == Setpoints({SUPPLY: 18.5})
    assert SUPPLY not in first.values
    assert clock.sleep_until(START + STEP)
    assert site.read().incumbent is None


MAP = """
site: north-hall
time: Timestamp
time_zone: America/Chicago
points:
  OAT: {point: outdoor_air_temp_c, unit: degF}
  kW: {point: total_power_w, unit: kW}
"""


def _mapped(path: Path, more: str = "") -> Path:
    """A map of the names that `_historian` gives, all but two of them unchanged."""
    names = [n for n in reading().values if n not in ("outdoor_air_temp_c", "total_power_w")]
    return _map(path, MAP + "\n".join(f"  {name}: {name}" for name in names) + more)


def _historian(path: Path, times: Sequence[str]) -> Path:
    """A file with other names, units and naive times."""
    cells = _cells(record(path, len(times)))
    head = cells[0]
    outdoor, power = head.index("outdoor_air_temp_c"), head.index("total_power_w")
    head[0], head[outdoor], head[power] = "Timestamp", "OAT", "kW"
    head.append("Comment")
    for time, row in zip(times, cells[1:], strict=True):
        row[0], row[outdoor], row[power] = time, "77", "110.5"
        row.append("all well")
    return _write(path, cells)


def test_map_gives_names_units_zone_and_the_sites_name(tmp_path: Path) -> None:
    path = _historian(tmp_path / "r.csv", ["2026-07-01 00:00:00", "2026-07-01 00:15:00"])
    chosen = scenes.settings(tmp_path, site=str(path), map=_mapped(tmp_path / "map.yaml"))
    view = watch_recorded(chosen, building())
    seen = view.site.read()
    assert seen["outdoor_air_temp_c"] == pytest.approx(25.0)
    assert seen["total_power_w"] == 110_500.0
    assert seen.time.isoformat() == "2026-07-01T00:00:00-05:00"
    assert view.name == "north-hall"
    assert [(m.what, m.first) for m in view.mends] == [(recorded_rows.UNUSED, ("Comment",))]


def test_hour_that_occurs_twice_is_two_hours(tmp_path: Path) -> None:
    times = ["2026-11-01 00:30", "2026-11-01 01:00", "2026-11-01 01:30", "2026-11-01 01:00", "2026-11-01 01:30"]
    path = _historian(tmp_path / "r.csv", [*times, "2026-11-01 02:00"])
    recording = read_recording(path, building(), load_map(_mapped(tmp_path / "map.yaml"), building()))
    (series,) = recording.series
    assert [b - a for a, b in zip(series.times_s, series.times_s[1:], strict=False)] == [1800.0] * 5
    hours = [recording.local.at(time_s).isoformat() for time_s in series.times_s.tolist()]
    assert hours[2:4] == ["2026-11-01T01:30:00-05:00", "2026-11-01T01:00:00-06:00"]
    assert _counts(recording)[recorded_times.FOLD] == 4


def test_hour_that_does_not_occur_is_left_out_and_told(tmp_path: Path) -> None:
    times = ["2026-03-08 01:30", "2026-03-08 02:00", "2026-03-08 02:30", "2026-03-08 03:00", "2026-03-08 03:30"]
    path = _historian(tmp_path / "r.csv", times)
    recording = read_recording(path, building(), load_map(_mapped(tmp_path / "map.yaml"), building()))
    (series,) = recording.series
    assert [recording.local.at(t).strftime("%H:%M %z") for t in series.times_s.tolist()] == [
        "01:30 -0600",
        "03:00 -0500",
        "03:30 -0500",
    ]
    assert _counts(recording)[recorded_times.GAP_OF_ZONE] == 2


def test_steps_go_on_evenly_over_a_change_of_clocks(tmp_path: Path) -> None:
    path = _historian(tmp_path / "r.csv", ["2026-03-08 01:45", "2026-03-08 03:00", "2026-03-08 03:15"])
    recording = read_recording(path, building(), load_map(_mapped(tmp_path / "map.yaml"), building()))
    clock = RecordedClock(recording)
    begin, seen = clock.now(), []
    for number in range(3):
        assert clock.sleep_until(begin + number * STEP)
        seen.append(clock.now().isoformat())
    assert seen == ["2026-03-08T01:45:00-06:00", "2026-03-08T03:00:00-05:00", "2026-03-08T03:15:00-05:00"]


def _long(path: Path, steps: int = 3) -> Path:
    wide = _cells(record(path, steps))
    rows = [[row[0], name, cell] for row in wide[1:] for name, cell in zip(wide[0][1:], row[1:], strict=True)]
    return _write(path, [["time", "name", "value"], *rows])


def test_long_file_is_the_same_as_a_wide_one(tmp_path: Path) -> None:
    recording = read_recording(_long(tmp_path / "long.csv"), building())
    clock = RecordedClock(recording)
    site = RecordedSite(building(), recording, clock)
    for number in range(3):
        assert clock.sleep_until(START + number * STEP)
        assert dict(site.read().values) == reading(number).values


def test_each_point_of_a_long_file_has_its_own_age(tmp_path: Path) -> None:
    path = _long(tmp_path / "long.csv")
    kept = [row for row in _cells(path) if not (row[1] == INLET and row[0].endswith("00:30:00+00:00"))]
    recording = read_recording(_write(path, kept), building())
    clock = RecordedClock(recording)
    assert clock.sleep_until(START + 2 * STEP)
    seen = RecordedSite(building(), recording, clock).read()
    assert seen[INLET] == reading(1)[INLET]
    assert {name: age for name, age in seen.age_s.items() if age} == {INLET: STEP.total_seconds()}


def test_long_file_without_what_the_shield_rests_on_is_refused(tmp_path: Path) -> None:
    path = _long(tmp_path / "long.csv")
    with pytest.raises(UserError, match=f"the shield rests on it: {INLET}$"):
        read_recording(_write(path, [row for row in _cells(path) if row[1] != INLET]), building())
    kept = [row for row in _cells(_long(path)) if row[1] != "plant_power_w"]
    assert _counts(read_recording(_write(path, kept), building())) == {recorded_rows.LACKING: 1}


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    readings = [reading(n, **{INLET: None} if n == 1 else {}) for n in range(4)]
    columns = {"time": [r.time for r in readings]} | {
        name: [r.values[name] for r in readings] for name in readings[0].values
    }
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    recording = read_recording(tmp_path / "r.parquet", building())
    clock = RecordedClock(recording)
    site = RecordedSite(building(), recording, clock)
    for expected in readings:
        assert clock.sleep_until(expected.time)
        assert (site.read().time, dict(site.read().values)) == (expected.time, expected.values)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(UserError, match=r"bad\.parquet: cannot be read as Parquet"):
        read_recording(tmp_path / "bad.parquet", building())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time_zone: Mars/Olympus", "time_zone: 'Mars/Olympus' is no time zone"),
        ("points: {a: east_inlet}", r"points\.a\.point: .*no point 'east_inlet'; nearest: east_inlet"),
        (
            "points: {a: {point: east_inlet_temp_c, unit: psi}}",
            r"points\.a\.unit: unit 'psi' cannot be converted to degC",
        ),
        ("points: {a: total_power_w, b: total_power_w}", "total_power_w: two names for one point"),
        ("name: tag", "needs both 'name' and 'value'"),
        ("zone: here", "zone: is no field here"),
    ],
)
def test_wrong_map_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_map(_map(tmp_path / "map.yaml", text), building())


@pytest.mark.parametrize(
    ("form", "times"), [("epoch_ms", "1782864000000"), ("%d.%m.%Y %H:%M %z", "01.07.2026 00:00 +0000")]
)
def test_times_in_another_form_are_read(tmp_path: Path, form: str, times: str) -> None:
    path = _map(tmp_path / "map.yaml", f'time_format: "{form}"\n')
    recording = read_recording(
        _edited(tmp_path / "r.csv", lambda cells: cells[1].__setitem__(0, times), 1),
        building(),
        load_map(path, building()),
    )
    assert recording.local.at(recording.begin_s) == dt.datetime(2026, 7, 1, tzinfo=dt.UTC)


def test_table_says_what_how_many_and_where(tmp_path: Path) -> None:
    path = _edited(tmp_path / "r.csv", lambda cells: cells[2].__setitem__(0, "soon"))
    assert mend_table(()) == ""
    lines = mend_table(read_recording(path, building()).mends).splitlines()
    assert lines[0].split() == ["mended", "how", "many", "first"]
    assert "row without a time: left out" in lines[1]
    assert "1  row 3, column time: Invalid isoformat string: 'soon'" in lines[1]
