"""Reading a user's IDF or epJSON: what loads is what EnergyPlus reads, and what does not load is said in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.energyplus import engine_version
from airhandler.buildings.errors import UserError
from airhandler.buildings.model_file import _of_idf, read_model

from .own_models import hall, hall_idf

VERSION = f"Version,{engine_version()};\n"
LEAST = VERSION + "Building,B;\nGlobalGeometryRules,UpperLeftCorner,Counterclockwise,World;\n"


def written(folder: Path, text: str, name: str = "mine.idf") -> Path:
    path = folder / name
    path.write_bytes(text.encode("latin-1"))
    return path


def test_an_idf_holds_the_objects_of_the_epjson_that_it_was_made_from(tmp_path: Path) -> None:
    original, read = hall(), read_model(hall_idf(tmp_path))
    assert read.keys() == original.keys()
    for kind in ("Zone", "Fan:VariableVolume", "AirLoopHVAC", "Schedule:Compact", "ElectricEquipment:ITE:AirCooled"):
        assert read[kind] == original[kind]


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    path = written(tmp_path, LEAST + "Zone,First;\n")
    assert list(read_model(path)["Zone"]) == ["First"]
    path.write_text(LEAST + "Zone,Second;\n")
    assert list(read_model(path)["Zone"]) == ["Second"]


def test_changing_what_was_read_does_not_change_what_is_read_next(tmp_path: Path) -> None:
    path = written(tmp_path, LEAST + "Zone,First;\n")
    read_model(path)["Zone"].clear()
    assert list(read_model(path)["Zone"]) == ["First"]


def test_names_in_an_older_encoding_are_kept(tmp_path: Path) -> None:
    assert list(read_model(written(tmp_path, LEAST + "Zone,Café;\n"))["Zone"]) == ["Café"]


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("Version,9.2;\nZone,A;\n", "old.idf", "is for EnergyPlus 9.2.*IDFVersionUpdater"),
        ('{"Version": {"V": {"version_identifier": "22.1"}}}', "old.epJSON", "is for EnergyPlus 22.1"),
        ("Zone,A;\n", "none.idf", "does not say which EnergyPlus"),
        ("! Version,9.2;\nZone,A;\n", "commented.idf", "does not say which EnergyPlus"),
        (VERSION + "HVACTemplate:Thermostat,T,,20,,24;\n", "template.idf", "HVACTemplate:Thermostat.*ExpandObjects"),
        (VERSION + "Zone,A,north;\n", "broken.idf", "direction_of_relative_north"),
        (VERSION + "Zoone,A;\n", "unknown.idf", "Zoone.*not a valid Object Type"),
        ("{", "broken.epJSON", "cannot be read as JSON"),
        ("[1, 2]", "list.epJSON", "not epJSON"),
        ("Zone,A;\n", "model.txt", r"must be an IDF \(.idf\) or epJSON"),
    ],
)
def test_a_file_that_does_not_load_says_why(tmp_path: Path, text: str, name: str, words: str) -> None:
    with pytest.raises(UserError, match=rf"(?s){words}"):
        read_model(written(tmp_path, text, name))


def test_a_broken_epjson_is_refused_in_the_words_of_the_schema(tmp_path: Path) -> None:
    model = hall()
    model["Zone"]["East Zone"]["multiplier"] = "two"
    with pytest.raises(UserError, match="multiplier"):
        read_model(written(tmp_path, json.dumps(model), "mine.epJSON"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.idf: No such file"):
        read_model(tmp_path / "nothing.idf")


@given(
    version=st.tuples(st.integers(1, 99), st.integers(0, 9)).map(lambda parts: f"{parts[0]}.{parts[1]}"),
    spaces=st.sampled_from(["", " ", "\t", "  "]),
    before=st.lists(st.sampled_from(["! Version,1.0;", "Zone,A;", "", "!- version , 3.0 ;"]), max_size=4),
)
def test_the_version_is_found_wherever_it_stands(version: str, spaces: str, before: list[str]) -> None:
    text = "\n".join([*before, f"{spaces}VERSION{spaces},{spaces}{version}{spaces}; !- identifier"])
    assert _of_idf(text) == (version, None)
