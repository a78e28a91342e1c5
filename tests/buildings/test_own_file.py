"""A user's own building file wherever an id is accepted: paths beside it, edits seen, mistakes named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.points import Role
from airhandler.buildings.weather import find_weather
from airhandler.control.table import TickTable

from .own_models import HALL, hall, hall_idf

FILE = find_building("datacentre-dx").file


def own(folder: Path, model: str = "hall.idf", **changes: Any) -> Path:
    """`datacentre-dx` as a user's own file on a model file of theirs."""
    edits = [edit.model_dump() for edit in FILE.source.edits]
    raw = {**FILE.model_dump(mode="json"), "id": "hall", "source": {"file": model, "edits": edits}, **changes}
    path = folder / "hall.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return path


SETPOINT = next(i for i, p in enumerate(FILE.points) if p.role is Role.SETPOINT)
SETPOINT_NAME = find_building("datacentre-dx").setpoints[0].name


def other(section: str, *, at: int = 0, **changes: Any) -> dict[str, Any]:
    """A section of the file with one record changed."""
    records = FILE.model_dump(mode="json")[section]
    records[at] = {**records[at], **changes}
    return {section: records}


def test_a_file_of_ones_own_is_the_same_building_as_the_catalogue_has_on_the_same_model(tmp_path: Path) -> None:
    hall_idf(tmp_path)
    mine = find_building(str(own(tmp_path)))
    theirs = find_building("datacentre-dx")
    assert (mine.points, mine.actions, mine.observations) == (theirs.points, theirs.actions, theirs.observations)
    values = []
    for building in (mine, theirs):
        run = InstrumentedRun(building, find_weather("chicago"), Period(days=1))
        run.start()
        values.append(run.step(run.array(None)))
        run.close()
    assert values[0] is not None
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_paths_in_a_file_are_beside_it_wherever_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    own(tmp_path / "site", weather=["mine.epw", "chicago"])
    monkeypatch.chdir(tmp_path)
    file = find_building("site/hall.yaml").file
    assert file.source.file == str(tmp_path / "site" / "hall.idf")
    assert file.weather == (str(tmp_path / "site" / "mine.epw"), "chicago")


def test_a_run_is_of_the_model_as_it_is_now(tmp_path: Path) -> None:
    building, tree = find_building(str(own(tmp_path, "hall.epJSON"))), hall()
    for degrees in (0.0, 30.0):
        next(iter(tree["Building"].values()))["north_axis"] = degrees
        (tmp_path / "hall.epJSON").write_text(json.dumps(tree))
        run = InstrumentedRun(building, find_weather("chicago"), Period(days=1))
        simulated = json.loads(run._engine._model.read_text())
        run.close()
        assert next(iter(simulated["Building"].values()))["north_axis"] == degrees


def test_an_unchanged_file_is_one_building_and_an_edited_one_another(tmp_path: Path) -> None:
    path = own(tmp_path)
    before = find_building(str(path))
    assert find_building(os.path.relpath(path)) is before
    path.write_text(path.read_text().replace(f"title: {FILE.title}", "title: Mine"))
    os.utime(path, ns=(1, 1))
    assert find_building(str(path)).file.title == "Mine"


def test_a_kept_table_finds_its_building_again(tmp_path: Path) -> None:
    building = find_building(str(own(tmp_path)))
    TickTable(building).save(tmp_path / "run.npz")
    assert TickTable.load(tmp_path / "run.npz").building is building


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "datacentre-dx"}, "id 'datacentre-dx' is one of the catalogue's"),
        ({"source": {"edits": []}}, "source: .*give either 'sinergym' or 'file'"),
        ({"source": {"file": "a.idf", "sinergym": "b.epJSON"}}, "source: .*give either 'sinergym' or 'file'"),
        ({"timesteps_per_hour": 61}, "timesteps_per_hour: .*less than or equal to 60"),
        ({"timesteps_per_hour": 7}, "timesteps_per_hour: .*must divide 60"),
        ({"id": "a/b"}, "id: .*should match pattern"),
        ({"weather": []}, "weather: .*at least 1 item"),
        (other("observations", low=5.0, high=5.0), r"observations\.0: .*low 5 must be below high 5"),
        (other("actions", low=27.0, high=17.0), r"actions\.0: .*low 27 must be below high 17"),
        (other("points", at=SETPOINT, write=None), r"points\.\d+: .*_setpoint_c: a set-point needs 'write'"),
        (other("points", read=None), r"points\.0: .*: a sensor needs either 'read' or 'sum_of'"),
        (other("points", sum_of=["hvac_power_w"]), r"points\.0: .*: a sensor needs either 'read' or 'sum_of'"),
    ],
)
def test_a_wrong_file_is_named_with_the_field(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = own(tmp_path, **changes)
    with pytest.raises(UserError, match=rf"hall\.yaml: .*{words}"):
        find_building(str(path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"read": None, "sum_of": ["it_power_w"]}, "points.outdoor_air_temp_c.sum_of: it_power_w: must be a"),
        ({"read": None, "sum_of": [SETPOINT_NAME]}, f"points.outdoor_air_temp_c.sum_of: {SETPOINT_NAME}: must be a"),
        ({"read": None, "sum_of": ["nothing"]}, "points.outdoor_air_temp_c.sum_of: nothing: not among the points"),
    ],
)
def test_a_sum_is_of_points_that_are_read(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=f"hall: .*{words}"):
        find_building(str(own(tmp_path, **other("points", **changes))))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (other("observations", point=SETPOINT_NAME), f"observations: {SETPOINT_NAME}: must be measured"),
        ({"outdoor_temp": SETPOINT_NAME}, f"outdoor_temp: {SETPOINT_NAME}: must be measured"),
        ({"outdoor_temp": "nothing"}, "outdoor_temp: nothing: not among the points"),
        (
            {"zone_roles": {**FILE.model_dump()["zone_roles"], "supply_temp_setpoint": "outdoor_air_temp_c"}},
            "zone_roles.supply_temp_setpoint: outdoor_air_temp_c: must be a set-point",
        ),
    ],
)
def test_a_point_plays_a_part_that_it_can_play(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=f"hall: {words}"):
        find_building(str(own(tmp_path, **changes)))


def test_a_base_may_be_one_of_a_family(tmp_path: Path) -> None:
    (tmp_path / "hall.yaml").write_text("{base: data-hall-5, id: hall, title: Mine}")
    building = find_building(str(tmp_path / "hall.yaml"))
    assert (building.id, len(building.zones)) == ("hall", 5)


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("nonsense", "'nonsense' is not known"),
        ("data-hall", "'data-hall' is not known: did you mean data-hall-"),
        ("datacentre-dx-4", "'datacentre-dx-4' is not known: did you mean datacentre-dx"),
        ("part/economiser", "'part/economiser' is not known: did you mean parts/economiser"),
        ("data-hall-1000", "must have 2 to 256 zones"),
    ],
)
def test_a_base_that_is_not_known_is_said(tmp_path: Path, base: str, words: str) -> None:
    (tmp_path / "hall.yaml").write_text(f"{{base: {base}, id: hall}}")
    with pytest.raises(UserError, match=words):
        find_building(str(tmp_path / "hall.yaml"))


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml': No such file"):
        find_building("nowhere.yaml")


def test_a_model_that_is_not_there_is_said_when_it_is_needed(tmp_path: Path) -> None:
    building = find_building(str(own(tmp_path, model="gone.idf")))
    with pytest.raises(UserError, match=r"gone\.idf: No such file"):
        prepare(building.file, find_weather("chicago"), Period(days=1))


def test_a_model_keeps_its_own_design_days_where_the_weather_has_none(tmp_path: Path) -> None:
    hall_idf(tmp_path)
    chicago = find_weather("chicago")
    shutil.copy(chicago.path, tmp_path / "mine.epw")
    building = find_building(str(own(tmp_path)))
    kept = prepare(building.file, find_weather(str(tmp_path / "mine.epw")), Period(days=1))
    assert kept["SizingPeriod:DesignDay"] == hall(HALL)["SizingPeriod:DesignDay"]
    taken = prepare(building.file, chicago, Period(days=1))
    assert taken["SizingPeriod:DesignDay"] == chicago.design_days
