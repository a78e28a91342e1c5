"""Building files and declared edits: what does not fit is said, with the nearest name."""

from __future__ import annotations

from typing import Any

import pytest

from airhandler.buildings.catalog import building_ids, expand, find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.settings import BuildingFile, validate
from airhandler.buildings.templates import fill
from airhandler.buildings.weather import find_weather

FILE = find_building("datacentre-dx").file


def changed(**changes: Any) -> BuildingFile:
    return validate({**FILE.model_dump(), **changes}, BuildingFile, where="test")


def edited(edit: dict[str, Any]) -> BuildingFile:
    source = {"sinergym": FILE.source.sinergym, "edits": [{"why": "a test", **edit}]}
    return changed(source=source)


@pytest.mark.parametrize("name", building_ids())
def test_every_building_file_is_valid_and_named_as_its_file(name: str) -> None:
    assert find_building(name).id == name


def test_an_unknown_building_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean datacentre-dx"):
        find_building("datacenter-dx")


def test_a_wrong_field_is_named_with_its_path() -> None:
    with pytest.raises(UserError, match=r"shield\.inlet_margin_k.*greater than or equal to 0"):
        changed(shield={**FILE.shield.model_dump(), "inlet_margin_k": -1.0})


def test_a_point_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match="nowhere_temp_c"):
        expand(changed(outdoor_temp="nowhere_temp_c"))


def test_a_setpoint_without_an_action_is_refused() -> None:
    with pytest.raises(UserError, match="every set-point once"):
        expand(changed(actions=()))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"remove": {"Outptu:Constructions": []}}, "Output:Constructions"),
        ({"set": {"Zone": {"East Zne": {"multiplier": 2}}}}, "East Zone"),
        ({"add": {"Zone": {"East Zone": {}}}}, "already in the source model"),
    ],
)
def test_an_edit_that_does_not_fit_names_what_is_nearest(edit: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        prepare(edited(edit), find_weather("chicago"), Period())


def test_templates_are_written_out_for_every_zone_and_parameters_put_in() -> None:
    tree = {"{zone}_a": {"key": "{Zone}", "value": "$leak_frac", "text": "SET r = $leak_frac"}}
    assert fill(tree, FILE) == {
        "east_a": {"key": "East", "value": 0.05, "text": "SET r = 0.05"},
        "west_a": {"key": "West", "value": 0.05, "text": "SET r = 0.05"},
    }


def test_an_undeclared_parameter_is_named() -> None:
    with pytest.raises(UserError, match=r"\$nothing"):
        fill("$nothing", FILE)


@pytest.mark.parametrize(
    ("start", "days", "words"), [((2, 30), 1, "02-30"), ((12, 31), 2, "1 to 1"), ((1, 1), 0, "days 0")]
)
def test_a_period_outside_the_year_is_refused(start: tuple[int, int], days: int, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Period(start=start, days=days)
