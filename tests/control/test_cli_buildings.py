"""`airhandler buildings inspect` and `new` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from airhandler.buildings.errors import UserError
from airhandler.control.cli_buildings import app
from tests.buildings.own_models import hall, hall_idf


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, words, catch_exceptions=True)


def mistake(*words: str) -> str:
    """What is said of a user's mistake."""
    error = typed(*words).exception
    assert isinstance(error, UserError), error
    return str(error)


def test_an_inspection_as_json_has_all_that_was_asked_for(tmp_path: Path) -> None:
    done = typed("inspect", str(hall_idf(tmp_path)), "--actuators", "fan air", "--variables", "zone air temp", "--json")
    row = json.loads(done.stdout)
    assert row["kind"] == "data centre"
    assert row["run_error"] == ""
    assert {a["key"] for a in row["actuators"]} == {"EAST ZONE SUPPLY FAN", "WEST ZONE SUPPLY FAN"}
    assert row["actuator_count"] > len(row["actuators"])
    assert {v["variable"] for v in row["variables"]} == {"Zone Air Temperature"}
    assert {z["name"] for z in row["zones"]} == set(hall()["Zone"])
    assert {"where", "what", "remedy"} == set(row["traps"][0])


def test_an_inspection_is_a_page_with_zones_and_traps(tmp_path: Path) -> None:
    page = typed("inspect", str(hall_idf(tmp_path))).stdout
    for words in ("data centre, 4 zones", "East Zone Air System", "SingleZone:Cooling", "6.7 % per kelvin"):
        assert words in page


def test_a_model_that_does_not_run_is_listed_all_the_same(tmp_path: Path) -> None:
    model = hall()
    del model["Schedule:Compact"]["Cooling Setpoints"]
    path = tmp_path / "broken.epJSON"
    path.write_text(json.dumps(model))
    page = typed("inspect", str(path)).stdout
    assert "The model does not run" in page
    assert "East Zone Air System" in page


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    out.write_text("precious")
    said = mistake("new", str(hall_idf(tmp_path)), "--weather", "chicago", "--out", str(out))
    assert "--force" in said
    assert out.read_text() == "precious"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "hall.idf", "--weather", "chicago", "--out", "mine.txt"], "ends in .yaml"),
        (["new", "nowhere.idf", "--weather", "chicago", "--out", "mine.yaml"], "nowhere.idf: No such file"),
        (["new", "nowhere.idf", "--weather", "chicgo", "--out", "mine.yaml"], "did you mean chicago"),
        (["new", "nowhere.idf", "--weather", "chicago", "--out", "Office_medium.yaml"], "one of the catalogue's"),
        (["inspect", "nowhere.idf"], "nowhere.idf: No such file"),
        (["trap", "datacentre-dx", "--low", "28", "--high", "27"], "--low 28: must not be above --high 27"),
    ],
)
def test_a_mistake_says_what_to_do(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in mistake(*words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("building", "controller", "said"),
    [
        ("datacentre-dx", "outdor-reset", "did you mean outdoor-reset"),
        ("office-5zone", "outdoor-reset", "does not fit office-5zone"),
    ],
)
def test_every_controller_is_known_before_the_first_one_runs(building: str, controller: str, said: str) -> None:
    done = typed("warnings", building, "--days", "1", "--controllers", f"stock,{controller}")
    assert said in str(done.exception)
    assert "days of" not in done.output
