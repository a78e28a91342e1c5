"""TickTable: what goes in comes out, as columns and from disk."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from airhandler.buildings.catalog import Building, find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading, Role, Setpoints
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written
from airhandler.control.table import TickTable, replacing
from airhandler.control.tick import Stage, Tick
from airhandler.safety.verdict import Adjusted, Allowed, Proposal, Reason, Rejected, Verdict

BUILDING = find_building("datacentre-dx")
START = datetime(2025, 6, 30, 22, 0, tzinfo=timezone(timedelta(hours=-6)))
EAST = BUILDING.zones["east"]
INLET, TEMP = EAST.inlet_temp, EAST.supply_temp_setpoint

type Kind = Literal["allowed", "adjusted", "rejected"]


def setpoints(share: float, **others: object) -> Setpoints:
    """Every set-point at a share of the way from low to high, but for those that are named."""
    values: dict[str, Any] = {p.name: p.low + share * (p.high - p.low) for p in BUILDING.setpoints}
    return Setpoints(values | others)


def verdict(kind: Kind, applied: Setpoints, rules: Sequence[str] = ()) -> Verdict:
    reasons = tuple(Reason(rule=rule, words="") for rule in rules)
    return {"allowed": Allowed, "adjusted": Adjusted, "rejected": Rejected}[kind](setpoints=applied, reasons=reasons)


def tick(
    number: int,
    values: Mapping[str, float | None] | None = None,
    *,
    proposed: Setpoints | None = None,
    judged: Verdict | None = None,
    stage: Stage = "live",
    decide_s: float = 0.001,
    time: datetime | None = None,
    outcome: WriteOutcome | None = None,
) -> Tick:
    """One Tick of a table, fifteen minutes after the one before; in `live` the site confirms what was judged."""
    time = time or START + number * timedelta(seconds=BUILDING.step_s)
    proposal = Proposal(setpoints=proposed, time=time, controller="test") if proposed is not None else None
    return Tick(
        number=number,
        stage=stage,
        reading=Reading(time=time, values=values or {}),
        proposal=proposal,
        verdict=judged,
        outcome=outcome or (Written() if judged is not None and stage == "live" else None),
        decide_s=decide_s,
        write_s=0.0,
    )


def table_of(ticks: Sequence[Tick], building: Building = BUILDING) -> TickTable:
    table = TickTable(building)
    for one in ticks:
        table.add(one)
    return table


def _same(one: TickTable, other: TickTable) -> bool:
    return one.frame().equals(other.frame()) and one.frame().index.equals(other.frame().index)


def _sample() -> TickTable:
    return table_of(
        [
            tick(0, {INLET: 24.0}, proposed=setpoints(0.5), judged=verdict("allowed", setpoints(0.5))),
            tick(
                1,
                {INLET: None},
                proposed=setpoints(1.0),
                judged=verdict("adjusted", setpoints(0.75), ["ramp"]),
            ),
            tick(2, {INLET: 26.5}, judged=verdict("rejected", setpoints(0.0), ["stale", "ramp", "stale"])),
            tick(3, {INLET: 25.0}, stage="observe", decide_s=0.25),
        ]
    )


def test_columns_hold_what_was_added() -> None:
    table = _sample()
    assert len(table) == 4
    np.testing.assert_array_equal(table.measured[INLET], [24.0, math.nan, 26.5, 25.0])
    assert np.isnan(table.measured[BUILDING.file.outdoor_temp]).all()
    asked, given = [setpoints(s)[TEMP] for s in (0.5, 1.0)], [setpoints(s)[TEMP] for s in (0.5, 0.75, 0.0)]
    np.testing.assert_array_equal(table.proposed[TEMP], [*asked, math.nan, math.nan])
    np.testing.assert_array_equal(table.applied[TEMP], [*given, math.nan])
    assert table.verdict.tolist() == ["allowed", "adjusted", "rejected", "none"]
    assert table.stage.tolist() == ["live", "live", "live", "observe"]
    assert table.decide_s.tolist() == [0.001, 0.001, 0.001, 0.25]


def test_measured_are_all_points_but_the_setpoints() -> None:
    names = [p.name for p in BUILDING.points if p.role is not Role.SETPOINT]
    assert list(_sample().measured) == names
    assert list(_sample().applied) == [p.name for p in BUILDING.setpoints]
    with pytest.raises(KeyError):
        _sample().measured[TEMP]


def test_rules_are_found_as_they_come() -> None:
    rules = _sample().rules
    assert {name: mask.tolist() for name, mask in rules.items()} == {
        "ramp": [False, True, True, False],
        "stale": [False, False, True, False],
    }


def test_correction_is_a_share_of_the_ranges() -> None:
    np.testing.assert_allclose(_sample().correction, [0.0, 0.25, math.nan, math.nan])


def test_time_keeps_the_first_offset() -> None:
    table = _sample()
    assert table.time[1] == START + timedelta(minutes=15)
    assert table.time[1].utcoffset() == timedelta(hours=-6)
    assert str(table.local_time[0]) == "2025-06-30T22:00:00.000"
    assert table.time_s[0] == START.timestamp()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, None, "hot", "24", True, 10**400, [1.0], object()])
def test_hostile_proposal_is_kept_out(value: object) -> None:
    judged = verdict("rejected", setpoints(0.0))
    table = table_of([tick(0, {INLET: 24.0}, proposed=setpoints(0.5, **{TEMP: value}), judged=judged)])
    assert len(table) == 1
    assert table.measured[INLET].tolist() == [24.0]
    assert np.isnan(table.correction[0])
    assert not np.isfinite(table.proposed[TEMP][0])


def test_written_is_what_the_site_confirmed() -> None:
    judged = verdict("rejected", setpoints(0.0))
    table = table_of([tick(0, judged=judged), tick(1, judged=judged, outcome=WriteFailed(reason="no")), tick(2)])
    assert table.written.tolist() == [True, False, False]


def test_interventions_are_no_remarks_and_end_with_authority() -> None:
    adjusted = verdict("adjusted", setpoints(0.75), ["ramp", "watch"])
    rows = [
        tick(0, judged=adjusted),
        tick(1, judged=verdict("allowed", setpoints(0.5), ["watch"])),
        tick(2, judged=adjusted, stage="shadow"),
        tick(3, judged=adjusted, stage="fallback"),
    ]
    table = table_of(rows)
    assert table.judged.tolist() == [True, True, True, False]
    assert table.intervened.tolist() == [True, False, True, False]
    assert {rule: mask.tolist() for rule, mask in table.interventions.items()} == {"ramp": [True, False, True, False]}
    assert "watch" in table.rules


def test_column_is_a_copy_and_rows_can_grow() -> None:
    table = _sample()
    column = table.measured[INLET]
    table.add(tick(4, {INLET: 20.0}))
    column[:] = 0.0
    assert table.measured[INLET][[0, -1]].tolist() == [24.0, 20.0]


def test_empty_table_has_empty_columns() -> None:
    table = TickTable(BUILDING)
    assert len(table) == len(table.time) == len(table.measured[INLET]) == len(table.verdict) == 0
    assert table.frame().empty


def test_frame_has_every_column_and_aware_time() -> None:
    frame = _sample().frame()
    assert frame.index[0] == START
    assert frame[f"applied_{TEMP}"].iloc[2] == setpoints(0.0)[TEMP]
    assert frame["rule_stale"].tolist() == [False, False, True, False]
    assert {"stage", "verdict", "decide_s", "correction", INLET, f"proposed_{TEMP}"} <= set(frame.columns)


@pytest.mark.parametrize("table", [_sample(), TickTable(BUILDING)], ids=["sample", "empty"])
def test_saved_table_comes_back(table: TickTable, tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.npz"
    table.save(path)
    assert _same(TickTable.load(path), table)
    assert [p.name for p in path.parent.iterdir()] == ["run.npz"]


def test_loaded_table_can_grow(tmp_path: Path) -> None:
    _sample().save(tmp_path / "run.npz")
    table = TickTable.load(tmp_path / "run.npz", BUILDING)
    table.add(tick(4, judged=verdict("adjusted", setpoints(0.1), ["ramp", "new"])))
    assert table.rules["ramp"].tolist() == [False, True, True, False, True]
    assert table.rules["new"].tolist() == [False, False, False, False, True]


def test_load_needs_no_pickle(tmp_path: Path) -> None:
    _sample().save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


@pytest.mark.parametrize("content", [b"", b"no table", b"PK\x03\x04 cut off"])
def test_load_refuses_what_is_no_table(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.npz"):
        TickTable.load(path)


def test_load_refuses_a_damaged_file(tmp_path: Path) -> None:
    """Whatever byte is wrong, it is said in one line; some of them only the decompression finds."""
    path = tmp_path / "run.npz"
    _sample().save(path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with contextlib.suppress(UserError):  # a byte that nobody reads harms nobody
            TickTable.load(path)


def test_load_refuses_the_format_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airhandler.control.table._FORMAT", 1)
    _sample().save(tmp_path / "run.npz")
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"run\.npz: written by another version"):
        TickTable.load(tmp_path / "run.npz")


def test_load_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.npz"):
        TickTable.load(tmp_path / "none.npz")


def test_load_refuses_other_points(tmp_path: Path) -> None:
    _sample().save(tmp_path / "run.npz")
    fewer = Building(**{**vars(BUILDING), "points": BUILDING.points[1:]})
    with pytest.raises(UserError, match=BUILDING.points[0].name):
        TickTable.load(tmp_path / "run.npz", fewer)


def _write_half(path: Path) -> None:
    path.write_text("half of the ne")
    raise RuntimeError("power cut")


def test_replacing_leaves_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="power cut"), replacing(path) as temporary:
        _write_half(temporary)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_names_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/run\.npz"):
        _sample().save(tmp_path / "file" / "run.npz")
