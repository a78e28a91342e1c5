"""A starting file: it loads, it runs, what it says is controllable is, and what it cannot do is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import find_building
from airhandler.buildings.epjson import Epjson
from airhandler.buildings.errors import SimulationError, UserError
from airhandler.buildings.inspection import inspect
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period, edited, prepare
from airhandler.buildings.model_file import read_model
from airhandler.buildings.points import Role
from airhandler.buildings.settings import Edit, Source, validate
from airhandler.buildings.starting import rounded, standard_time, start
from airhandler.buildings.starting_points import Raw, scheduled_setpoints, slug
from airhandler.buildings.starting_text import written
from airhandler.buildings.weather import find_weather

from .own_models import CRAC, hall, hall_idf, office_idf

pytestmark = pytest.mark.forks

CHICAGO = find_weather("chicago")


@pytest.fixture(autouse=True)
def _no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests import torch into this process; the engine would rightly refuse to fork."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)


def moved(building_file: Path, setpoint: str, value: float, shown_by: str) -> float:
    """Where a reading stands in July after a set-point was held for three hours."""
    building = find_building(str(building_file))
    run = InstrumentedRun(building, CHICAGO, Period(start=(7, 15), days=1))
    run.start()
    commands = np.array([value if p.name == setpoint else np.nan for p in building.setpoints])
    for _ in range(3 * building.file.timesteps_per_hour):
        values = run.step(commands)
        assert values is not None
    run.close()
    return float(values[[p.name for p in run.measured].index(shown_by)])


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, CRAC])
def test_a_hall_gets_supply_air_and_airflow_that_follow_commands(tmp_path: Path, name: str | None) -> None:
    model = hall_idf(tmp_path) if name is None else hall_idf(tmp_path, name)
    out = tmp_path / "my-hall.yaml"
    started = start(model, CHICAGO, out)
    out.write_text(started.text)
    building = find_building(str(out))
    assert building.kind == "data centre"
    assert [p.name for p in building.points] == [p.name for p in started.building.points]
    zone = next(iter(building.zones.values()))
    for value in (17.0, 21.0):
        assert moved(out, zone.supply_temp_setpoint, value, zone.supply_temp) == pytest.approx(value, abs=1.5)
    flow = building.point(zone.supply_flow_setpoint)
    assert moved(out, flow.name, flow.high, zone.supply_flow) == pytest.approx(flow.high, rel=0.02)
    # The chiller of the two-zone model serves nothing: a command to its water changes nothing, and is not offered.
    assert not [p.name for p in building.setpoints if "chilled_water" in p.name]


@pytest.mark.slow
def test_an_office_gets_thermostats_that_follow_commands(tmp_path: Path) -> None:
    out = tmp_path / "my-office.yaml"
    started = start(office_idf(tmp_path), CHICAGO, out)
    out.write_text(started.text)
    building = find_building(str(out))
    assert building.kind == "office"
    assert not {o.point for o in building.observations} & {p.name for p in building.points if p.role is Role.METER}
    assert set(building.comfort_zones) == {"core_zn", *(f"perimeter_zn_{n}" for n in range(1, 5))}
    assert "Attic" in " ".join(started.notes)
    prepared = prepare(building.file, CHICAGO, Period(days=1))
    assert "RunPeriodControl:DaylightSavingTime" not in prepared
    assert [p["use_weather_file_daylight_saving_period"] for p in prepared["RunPeriod"].values()] == ["No"]
    zone = building.comfort_zones["core_zn"]
    assert moved(out, zone.cooling_setpoint, 27.0, "core_zn_cooling_in_force_c") == 27.0
    workday = building.file.workday
    assert workday is not None
    assert 5.0 <= workday.begin_h <= 9.0 < 16.0 <= workday.end_h


def test_a_hall_whose_air_loop_serves_two_zones_is_refused_with_the_cause(tmp_path: Path) -> None:
    model = hall("5ZoneAutoDXVAV")
    donor = hall()
    servers = donor["ElectricEquipment:ITE:AirCooled"]["EastDataCenter_Equip"]
    model["ElectricEquipment:ITE:AirCooled"] = {
        "Rack": {**servers, "zone_or_space_name": "SPACE1-1", "watts_per_floor_area": 5}
    }
    model["ElectricEquipment:ITE:AirCooled"]["Rack"]["supply_air_node_name"] = "SPACE1-1 In Node"
    for kind in ("Curve:Biquadratic", "Curve:Quadratic"):
        model.setdefault(kind, {}).update(donor[kind])
    load = "Data Center CPU Loading Schedule"
    model["Schedule:Compact"][load] = donor["Schedule:Compact"][load]
    model.setdefault("Schedule:Constant", {}).update(donor["Schedule:Constant"])
    path = tmp_path / "mixed.epJSON"
    path.write_text(json.dumps(model))
    with pytest.raises(UserError, match=r"serves SPACE1-1.*air loop of its own"):
        start(path, CHICAGO, tmp_path / "mixed.yaml")


def test_a_building_without_people_or_servers_has_nothing_to_control(tmp_path: Path) -> None:
    model = hall()
    del model["ElectricEquipment:ITE:AirCooled"]
    path = tmp_path / "empty.epJSON"
    path.write_text(json.dumps(model))
    with pytest.raises(UserError, match="no zone has both people and a thermostat"):
        start(path, CHICAGO, tmp_path / "empty.yaml")


YEAR = {"begin_month": 1, "begin_day_of_month": 1, "end_month": 12, "end_day_of_month": 31}
SAVING = {"start_date": "2nd Sunday in March", "end_date": "1st Sunday in November"}


@pytest.mark.parametrize(
    "periods", [{}, {"P": YEAR}, {"P": {**YEAR, "use_weather_file_daylight_saving_period": "Yes"}}]
)
@pytest.mark.parametrize("saving", [{}, {"Saving": SAVING}])
def test_daylight_saving_time_is_taken_out(tmp_path: Path, periods: Raw, saving: Raw) -> None:
    model = hall()
    model |= {"RunPeriod": periods, "RunPeriodControl:DaylightSavingTime": saving}
    path = tmp_path / "model.epJSON"
    path.write_text(json.dumps({kind: named for kind, named in model.items() if named}))
    (edit,) = standard_time(read_model(path))
    source = Source(file=str(path), edits=(validate(edit, Edit, where="edit"),))
    done = edited(find_building("datacentre-dx").file.model_copy(update={"source": source, "servers": None}))
    assert "RunPeriodControl:DaylightSavingTime" not in done
    assert [p["use_weather_file_daylight_saving_period"] for p in done["RunPeriod"].values()] == ["No"]
    assert standard_time(done) == []


@pytest.mark.parametrize(("tried", "said"), [(True, "every set-point had an effect"), (False, "has not been seen")])
def test_the_file_says_whether_its_set_points_were_tried(tried: bool, said: str) -> None:
    text = written({"id": "hall"}, inspect(hall()), [], tried=tried)
    assert said in " ".join(text.replace("#", "").split())
    assert ("had an effect" in text) is tried


def scheduled(values: list[float], *, shared: bool) -> Epjson:
    """A model whose chilled water follows a schedule with these values."""
    model = hall()
    data = [{"field": "Through: 12/31"}, {"field": "For: AllDays"}]
    for value in values:
        data += [{"field": "Until: 24:00"}, {"field": value}]
    model["Schedule:Compact"]["CW Loop Temp Schedule"]["data"] = data
    if shared:
        model["Lights"]["East Zone Lights"]["schedule_name"] = "CW Loop Temp Schedule"
    return model


def test_a_schedule_behind_a_manager_becomes_a_set_point_around_its_values() -> None:
    model = scheduled([6.0, 8.0], shared=False)
    ((point, shown, rule),) = scheduled_setpoints(model, inspect(model), ())
    assert point["write"] == {
        "component": "Schedule:Compact",
        "control": "Schedule Value",
        "key": "CW Loop Temp Schedule",
    }
    assert (point["low"], point["high"]) == (6.0, 13.0)
    assert point["low"] <= rule["fallback"] <= point["high"]
    assert rule["shown_by"] == shown["name"]


def test_a_schedule_that_something_else_follows_too_is_left_alone() -> None:
    model = scheduled([6.0], shared=True)
    assert scheduled_setpoints(model, inspect(model), ()) == []


def test_an_untried_file_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    with pytest.raises(SimulationError, match="torch"):
        start(hall_idf(tmp_path), CHICAGO, tmp_path / "mine.yaml")


@given(slugged=st.text(min_size=1))
def test_a_slug_is_part_of_a_name_whatever_the_model_calls_a_thing(slugged: str) -> None:
    assert f"{slug(slugged)}_temp_c".isidentifier()


@given(value=st.floats(-1e9, 1e9))
def test_rounding_keeps_two_digits(value: float) -> None:
    assert rounded(value) == pytest.approx(value, rel=0.05, abs=1e-12)
