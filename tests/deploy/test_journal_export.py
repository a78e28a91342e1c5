"""What other tools get of a journal: the same rows, and steps that really followed each other."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from airhandler.buildings.codec import Codec
from airhandler.buildings.errors import UserError
from airhandler.buildings.instrumentation import measured_points
from airhandler.buildings.points import Setpoints
from airhandler.buildings.reward import Reward
from airhandler.buildings.site import WriteFailed, Written
from airhandler.control.tick import Tick
from airhandler.deploy.connectors.recorded import read_recording
from airhandler.deploy.journal import Journal
from airhandler.deploy.journal_export import export_csv, export_parquet, export_recording
from airhandler.deploy.journal_minari import episodes, export_minari
from airhandler.deploy.journal_reading import rows
from airhandler.deploy.journal_ticks import building_of, start_payload, tick_payload
from tests.deploy.scenes import INLET, SUPPLY, building, reading, setpoints, tick


def written(number: int, **changes: object) -> Tick:
    return dataclasses.replace(tick(number), outcome=Written(), **changes)  # type: ignore[arg-type]


def kept(folder: Path, ticks: Sequence[Tick]) -> Path:
    journal = Journal(folder)
    journal.append("start", start_payload(building(), "fake"))
    for one in ticks:
        journal.append("tick", tick_payload(one), site_time=one.reading.time)
    journal.append("stop", {"why": "SIGTERM"})
    journal.close()
    return folder


def test_csv_and_parquet_have_every_row(tmp_path: Path) -> None:
    ticks = [written(n, reading=reading(n, **({INLET: None} if n == 2 else {}))) for n in range(5)]
    folder = kept(tmp_path / "journal", ticks)
    assert export_csv(folder, tmp_path / "j.csv") == export_parquet(folder, tmp_path / "j.parquet") == 7
    with (tmp_path / "j.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "j.parquet").to_pylist()
    for line, record, row in zip(lines, table, rows(folder), strict=True):
        assert int(line["seq"]) == record["seq"] == row.seq
        assert json.loads(line["payload"]) == json.loads(record["payload"]) == row.payload
        assert record["utc"] == row.utc
        assert line["hash"] == record["hash"] == row.hash.hex()
    assert [record["kind"] for record in table] == ["start", *["tick"] * 5, "stop"]
    assert [record[INLET] for record in table] == [None, *(t.reading.get(INLET) for t in ticks), None]
    assert [line[INLET] for line in lines[:3]] == ["", repr(ticks[0].reading.get(INLET)), repr(ticks[1].reading[INLET])]
    assert table[1][f"applied_{SUPPLY}"] == ticks[0].verdict.setpoints[SUPPLY]  # type: ignore[union-attr]
    assert (table[1]["stage"], table[1]["outcome"], table[0]["stage"]) == ("live", "written", None)


def test_recording_is_what_shadow_can_look_at(tmp_path: Path) -> None:
    ticks = [written(n, reading=reading(n, **({INLET: math.nan} if n == 1 else {}))) for n in range(4)]
    folder = kept(tmp_path / "journal", [*ticks, written(2), written(9)])
    assert export_recording(folder, tmp_path / "r.csv", building()) == 5
    recording = read_recording(tmp_path / "r.csv", building())
    (series,) = recording.series
    assert series.times_s.tolist() == [t.reading.time.timestamp() for t in [*ticks, written(9)]]
    inlet = series.values[:, series.names.index(INLET)]
    assert math.isnan(inlet[1])
    assert inlet[3] == ticks[3].reading[INLET]


def test_journal_says_whose_points_they_are(tmp_path: Path) -> None:
    assert building_of(kept(tmp_path / "a", [])) == "datacentre-dx"
    Journal(tmp_path / "b").append("event", {})
    with pytest.raises(UserError, match="name it with --building"):
        building_of(tmp_path / "b")


def test_episode_is_what_was_seen_done_and_what_it_cost() -> None:
    ticks = [written(n) for n in range(4)]
    (episode,) = episodes(ticks, building())
    codec, reward = Codec(building()), Reward(building(), measured_points(building()))
    assert np.array_equal(episode.observations, [codec.encode(t.reading) for t in ticks])
    wanted = [codec.encode_setpoints(setpoints(), t.reading) for t in ticks[:3]]
    assert np.array_equal(episode.actions, wanted)
    values = [[t.reading[p.name] for p in measured_points(building())] for t in ticks[1:]]
    assert episode.rewards == [reward(np.array(v)).reward for v in values]


def test_action_is_what_was_in_force() -> None:
    other, codec = setpoints(supply_c=18.0), Codec(building())
    shown = dataclasses.replace(tick(0), outcome=Written(in_force=other))
    (episode,) = episodes([shown, written(1)], building())
    assert np.array_equal(episode.actions[0], codec.encode_setpoints(other, shown.reading))
    own = dataclasses.replace(reading(0), incumbent=other)
    shadow = dataclasses.replace(tick(0, "shadow"), reading=own, outcome=None)
    (episode,) = episodes([shadow, written(1)], building())
    assert np.array_equal(episode.actions[0], codec.encode_setpoints(other, own))


@pytest.mark.parametrize(
    "odd",
    [
        written(2, reading=reading(2, east_inlet_temp_c=None)),
        dataclasses.replace(
            tick(2),
            outcome=WriteFailed(reason="no answer"),
            reading=dataclasses.replace(reading(2), incumbent=setpoints()),
        ),
        dataclasses.replace(tick(2), outcome=None),
        dataclasses.replace(tick(2), outcome=Written(in_force=Setpoints({SUPPLY: 20.0}))),
        written(2, reading=reading(7)),
        dataclasses.replace(written(2), number=0),
    ],
    ids=["absent", "not written", "not told", "in part", "late", "begun anew"],
)
def test_episode_ends_where_something_is_not_known(odd: Tick) -> None:
    found = episodes([written(0), written(1), odd, written(3), written(4), written(5)], building())
    assert sum(len(episode.rewards) for episode in found) < 5
    assert len(found) == 2
    for episode in found:
        assert len(episode.observations) == len(episode.actions) + 1 == len(episode.rewards) + 1
        assert np.isfinite(episode.observations).all()


def test_minari_reads_what_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    folder = kept(tmp_path / "journal", [written(n) for n in (0, 1, 2, 3, 7, 8)])
    assert export_minari(folder, "site/hall-v0", building()) == 4
    dataset = minari.load_dataset("site/hall-v0")
    first, second = dataset.iterate_episodes()
    assert (first.observations.shape[0], first.actions.shape[0], len(second.rewards)) == (4, 3, 1)
    assert list(first.truncations) == [False, False, True]
    assert not any(first.terminations)
    with pytest.raises(UserError, match="--minari site/hall-v0"):
        export_minari(folder, "site/hall-v0", building())


def test_journal_without_steps_makes_no_dataset(tmp_path: Path) -> None:
    folder = kept(tmp_path / "journal", [written(0)])
    with pytest.raises(UserError, match="no dataset"):
        export_minari(folder, "site/hall-v0", building())
    with pytest.raises(UserError, match="no tick was kept"):
        export_recording(kept(tmp_path / "other", []), tmp_path / "r.csv", building())


def _own(number: int, **changes: float | None) -> Tick:
    """A tick of a site that is only watched, and tells what its own control asks for."""
    told = dataclasses.replace(reading(number, **changes), incumbent=setpoints())
    return dataclasses.replace(tick(number, "shadow"), reading=told, outcome=None)


@pytest.mark.parametrize(
    ("ticks", "words"),
    [
        ([_own(0)], "it takes two ticks, one after the other"),
        ([_own(n, **{INLET: None}) for n in range(3)], f"in 2 of 2 steps no value of {INLET}"),
        ([_own(n, hvac_power_w=None) for n in range(3)], "in 2 of 2 steps no value of hvac_power_w"),
        ([_own(2 * n) for n in range(3)], "in 2 of 2 steps no tick one control step later"),
        (
            [dataclasses.replace(_own(n), reading=reading(n)) for n in range(2)],
            f"in 1 of 1 steps not told what was in force at {SUPPLY}",
        ),
        (
            [dataclasses.replace(_own(n), outcome=WriteFailed(reason="no answer")) for n in range(2)],
            "in 1 of 1 steps no write that the site confirmed",
        ),
        (
            [dataclasses.replace(tick(n), outcome=Written(in_force=Setpoints({SUPPLY: 20.0}))) for n in range(2)],
            "in 1 of 1 steps not told what was in force at east_supply_airflow_setpoint_kg_s",
        ),
        ([_own(0), _own(1, **{INLET: None}), _own(2), _own(4)], "in 1 of 3 steps no tick one control step later"),
    ],
)
def test_journal_without_a_step_to_learn_from_says_what_is_missing(
    tmp_path: Path, ticks: list[Tick], words: str
) -> None:
    folder = kept(tmp_path / "journal", ticks)
    with pytest.raises(UserError, match="no step to learn from, so no dataset: ") as caught:
        export_minari(folder, "site/hall-v0", building())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("late_s", "steps"), [(-400.0, 3), (0.02, 3), (400.0, 3), (500.0, 1), (-500.0, 1)])
def test_readings_of_a_real_site_are_not_a_step_apart_to_the_microsecond(late_s: float, steps: int) -> None:
    odd = dataclasses.replace(reading(2), time=reading(2).time + dt.timedelta(seconds=late_s))
    assert building().step_s == 900.0
    found = episodes([written(0), written(1), written(2, reading=odd), written(3)], building())
    assert sum(len(episode.rewards) for episode in found) == steps
