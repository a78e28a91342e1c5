"""Weather files: names, paths, and what is not one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.design_days import from_hours
from airhandler.buildings.errors import UserError
from airhandler.buildings.weather import NAMES, find_weather


@pytest.mark.parametrize("name", NAMES)
def test_every_short_name_is_a_weather_with_two_design_days(name: str) -> None:
    weather = find_weather(name)
    kinds = [day["day_type"] for day in weather.design_days.values()]
    assert sorted(kinds) == ["SummerDesignDay", "WinterDesignDay"]
    assert -90 <= weather.location["latitude"] <= 90
    assert len(weather.dry_bulb_c) >= 8760


def test_design_days_of_chicago_are_those_of_its_ddy_file() -> None:
    days = find_weather("chicago").design_days
    (winter,) = [d for d in days.values() if d["day_type"] == "WinterDesignDay"]
    assert winter["maximum_dry_bulb_temperature"] == -16.6
    assert winter["humidity_condition_type"] == "WetBulb"


def test_a_file_without_a_ddy_beside_it_is_sized_by_its_own_hours(tmp_path: Path) -> None:
    source = find_weather("chicago")
    path = tmp_path / "mine.epw"
    path.write_bytes(source.path.read_bytes())
    mine = find_weather(str(path))
    for kind in ("SummerDesignDay", "WinterDesignDay"):
        (own,) = [d for d in mine.design_days.values() if d["day_type"] == kind]
        (ddy,) = [d for d in source.design_days.values() if d["day_type"] == kind]
        for field in ("maximum_dry_bulb_temperature", "wetbulb_or_dewpoint_at_maximum_dry_bulb"):
            assert own[field] == pytest.approx(ddy[field], abs=2.0)


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "mine.epw"
    path.write_bytes(find_weather("chicago").path.read_bytes())
    mine = find_weather(str(path))
    assert find_weather(str(path)) is mine
    path.write_bytes(find_weather("tucson").path.read_bytes())
    assert find_weather(str(path)).place == find_weather("tucson").place != mine.place


def test_hours_of_the_south_are_hottest_in_january() -> None:
    hours = np.cos(np.linspace(0, 2 * np.pi, 8760)) * 10 + 20
    days = from_hours(hours, hours - 5, 101_325.0)
    (summer,) = [d for d in days.values() if d["day_type"] == "SummerDesignDay"]
    assert summer["month"] == 1


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean chicago"):
        find_weather("chicgo")


def test_a_path_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match="no such file"):
        find_weather("nowhere/x.epw")


@pytest.mark.parametrize("content", ["", "hello\n", "LOCATION,a,b,c,d,e,1,2,3,4\n" * 9])
def test_a_file_that_is_not_epw_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.epw"
    path.write_text(content)
    with pytest.raises(UserError, match=f"{re.escape(str(path))} is not a readable EPW file"):
        find_weather(str(path))
