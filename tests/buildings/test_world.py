"""A World as declared, and the points and values that it gives."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from airhandler.buildings.catalog import expand, find_building, load_world, with_world, without_world
from airhandler.buildings.epw import FIRST_COLUMN, HEADER_LINES
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.outside import Outside, enter, held_out
from airhandler.buildings.points import Reading, Role
from airhandler.buildings.settings import validate
from airhandler.buildings.signals import Series
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.buildings.world import World

BUILDING = find_building("datacentre-dx")
CHICAGO = find_weather("chicago")
EVENT = {"start": "07-15 16:00", "hours": 2, "price_multiplier": 5, "cap_kw": 90}
FULL: dict[str, Any] = {
    "seed": 7,
    "draws": 3,
    "tariff_usd_per_kwh": {
        "kind": "time-of-use",
        "otherwise": 0.1,
        "bands": [{"value": 0.2, "hours": [8, 20], "days": "weekday"}],
    },
    "carbon_kg_per_kwh": {"kind": "synthetic"},
    "events": {"kind": "declared", "windows": [EVENT], "notice_h": 4},
    "forecasts": [
        {"of": "outdoor_air_temp_c", "leads_h": [1, 24], "model": "noisy"},
        {"of": "tariff_usd_per_kwh", "leads_h": [2, 6], "model": "published"},
        {"of": "event_active", "leads_h": [4], "model": "published"},
    ],
}
NAMES = [
    "tariff_usd_per_kwh",
    "carbon_kg_per_kwh",
    "event_active",
    "event_cap_kw",
    "outdoor_air_temp_in_1h_c",
    "outdoor_air_temp_in_24h_c",
    "tariff_in_2h_usd_per_kwh",
    "tariff_in_6h_usd_per_kwh",
    "event_active_in_4h",
]


def world(**changes: object) -> World:
    return validate({**FULL, **changes}, World, where="test")


def outside(made: World, draw: int = 0) -> Outside:
    return Outside(made, CHICAGO, BUILDING.step_s, draw)


def time(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(1991, month, day, hour, minute, tzinfo=CHICAGO.zone)


def value(of: Outside, name: str, when: datetime) -> float:
    return float(of.at(when)[of.names.index(name)])


def test_a_world_adds_its_signals_behind_the_buildings_own_points() -> None:
    placed = with_world(BUILDING, world())
    assert placed.points[: len(BUILDING.points)] == BUILDING.points
    added = placed.points[len(BUILDING.points) :]
    assert [p.name for p in added] == NAMES
    assert {p.role for p in added} == {Role.SIGNAL}
    assert placed.observations[: len(BUILDING.observations)] == BUILDING.observations
    assert [o.point for o in placed.observations[len(BUILDING.observations) :]] == NAMES
    for point, observed in zip(added, placed.observations[len(BUILDING.observations) :], strict=True):
        assert point.low <= observed.low < observed.high <= point.high


def test_a_world_takes_the_place_of_another_and_can_be_left() -> None:
    placed = with_world(BUILDING, world())
    flat = World(tariff_usd_per_kwh={"kind": "flat", "value": 0.1})  # type: ignore[arg-type]
    assert with_world(placed, flat).points == with_world(BUILDING, flat).points
    left = without_world(placed)
    assert (left.points, left.observations, left.world) == (BUILDING.points, BUILDING.observations, None)
    assert with_world(placed, None) is placed


def test_a_building_file_may_hold_a_world() -> None:
    file = BUILDING.file.model_copy(update={"world": world()})
    assert [p.name for p in expand(file).points[-len(NAMES) :]] == NAMES


def test_a_point_that_the_building_has_already_is_refused() -> None:
    taken = with_world(BUILDING, world())
    hiding = without_world(taken)
    object.__setattr__(hiding, "points", taken.points)
    with pytest.raises(UserError, match=r"has the points carbon_kg_per_kwh, .* of its own"):
        with_world(hiding, world())


def test_a_world_is_read_from_yaml_with_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(yaml.safe_dump({"tariff_usd_per_kwh": {"kind": "csv", "file": "p.csv"}}))
    declared = load_world(tmp_path / "world.yaml").tariff_usd_per_kwh
    assert isinstance(declared, Series)
    assert declared.file == str(tmp_path / "p.csv")
    assert World.model_validate_json(world().model_dump_json()) == world()


def test_a_world_is_known_by_its_file_and_told_from_another(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("seed: 1")
    (tmp_path / "two.yaml").write_text("seed: 1\nname: calm")
    one, two, other = load_world(tmp_path / "one.yaml"), load_world(tmp_path / "two.yaml"), world(seed=2)
    assert one.words == f"one.yaml ({World(seed=1).words})"
    assert two.words == f"calm ({World(seed=1).words})"
    assert World(seed=2).words != World(seed=1).words
    assert other.name is None


def test_the_example_in_the_documentation_is_a_world() -> None:
    text = (Path(__file__).parents[2] / "docs" / "buildings.md").read_text()
    example = text.split("```yaml\n")[1].split("```")[0]
    declared = validate(yaml.safe_load(example), World, where="docs/buildings.md")
    assert {p.name for p, _ in declared.signals()} >= {"outdoor_air_temp_in_3h_c", "event_cap_kw"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tarif": 1}, "tarif: is no field here"),
        ({"tariff_usd_per_kwh": {"kind": "cheap"}}, "tariff_usd_per_kwh: .*'flat', 'time-of-use', 'csv'"),
        ({"tariff_usd_per_kwh": {"kind": "flat", "value": "0.1"}}, "tariff_usd_per_kwh.flat.value: .*valid number"),
        ({"tariff_range": [1, 0]}, "tariff_range .*low must be below high"),
        ({"weather_variability": {"rain": {}}}, "rain: must be among outdoor_air_temp_c"),
        (
            {"weather_variability": {"outdoor_dew_point_temp_c": {}, "outdoor_humidity_percent": {}}},
            "each follows from the other",
        ),
        ({"carbon_kg_per_kwh": None, "reward": {"carbon_weight": 1.0}}, "carbon_weight: a carbon intensity is needed"),
        ({"reward": {"price_weight": 0.7, "carbon_weight": 0.7}}, "together at most 1"),
        ({"events": None}, "forecasts: of event_active, which this world does not have"),
        ({"events": {**FULL["events"], "notice_h": 3}}, "event_active is announced 3 h ahead, not 4"),
        ({"forecasts": [FULL["forecasts"][0]] * 2}, "name each quantity once"),
    ],
)
def test_what_does_not_hold_together_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=f"test: .*{words}"):
        world(**changes)


def test_the_tariff_in_an_event_is_multiplied_and_foretold_only_once_it_is_announced() -> None:
    of = outside(world())
    assert value(of, "tariff_usd_per_kwh", time(7, 15, 15, 45)) == pytest.approx(0.2)
    assert value(of, "tariff_usd_per_kwh", time(7, 15, 16)) == pytest.approx(1.0)
    assert value(of, "tariff_in_2h_usd_per_kwh", time(7, 15, 14)) == pytest.approx(1.0)
    assert value(of, "tariff_in_6h_usd_per_kwh", time(7, 15, 10)) == pytest.approx(0.2), (
        "6 h ahead, announced 4 h ahead"
    )
    assert value(of, "event_active_in_4h", time(7, 15, 12)) == 1.0
    assert value(of, "event_active_in_4h", time(7, 15, 11, 45)) == 0.0
    assert [value(of, "event_cap_kw", time(7, 15, hour)) for hour in (15, 16, 18)] == [180.0, 90.0, 180.0]


def test_a_tariff_that_an_event_lifts_out_of_its_range_is_refused() -> None:
    with pytest.raises(UserError, match=r"tariff in an event: 1 at 07-15 16:00 is outside its range 0 to 0.8"):
        outside(world(tariff_range=[0, 0.8]))


@pytest.mark.parametrize("draw", range(4))
def test_a_tariff_that_a_drawn_event_may_lift_out_of_its_range_is_refused_in_every_draw(draw: int) -> None:
    """0.3 x 4 is above 1: with one event a month few draws have it, and training would meet them after hours."""
    dear = {"value": 0.3, "hours": [18, 20], "days": "weekday", "months": [7]}
    tariff = {"kind": "time-of-use", "otherwise": 0.1, "bands": [dear]}
    events = {"kind": "drawn", "per_month": 1, "hours": 1, "between_hours": [12, 20], "price_multiplier": 4}
    with pytest.raises(UserError, match=r"tariff in an event: 1.2 at 07-01 18:00 is outside its range 0 to 1"):
        outside(world(tariff_usd_per_kwh=tariff, events=events, forecasts=[]), draw)
    for apart in ({"between_hours": [10, 18]}, {"months": [6, 8]}):
        outside(world(tariff_usd_per_kwh=tariff, events={**events, **apart}, forecasts=[]), draw)


def test_noise_of_synthetic_carbon_is_kept_to_its_range_and_its_shape_has_to_fit() -> None:
    dirty = {"kind": "synthetic", "mean": 0.9, "daily_frac": 0.2, "sigma_frac": 0.4}
    of = outside(world(carbon_kg_per_kwh=dirty))
    hours = [time(1, 1, 0) + timedelta(hours=i) for i in range(8760)]
    assert max(value(of, "carbon_kg_per_kwh", h) for h in hours) == 1.2
    with pytest.raises(UserError, match=r"carbon_kg_per_kwh: 1.3\d* at .* is outside its range 0 to 1.2"):
        outside(world(carbon_kg_per_kwh={**dirty, "mean": 1.1, "sigma_frac": 0.0}))


def test_signals_join_the_reading_of_their_time() -> None:
    of = outside(world())
    reading = Reading(time=time(7, 15, 16), values={"a": 1.0}, age_s={"a": 5.0})
    joined = of.join(reading)
    assert (joined.time, joined["a"], joined.age_s) == (reading.time, 1.0, {"a": 5.0})
    assert joined["tariff_usd_per_kwh"] == pytest.approx(1.0)
    assert set(joined.values) == {"a", *NAMES}


def test_draws_differ_in_what_is_random_alone_and_come_back_the_same() -> None:
    one, again, two = (outside(world(), draw=draw) for draw in (1, 1, 2))
    year = [time(1, 1, 0) + timedelta(hours=i) for i in range(0, 8760, 100)]
    tables = [np.array([of.at(when) for when in year]) for of in (one, again, two)]
    assert (tables[0] == tables[1]).all()
    random = [not (tables[0][:, i] == tables[2][:, i]).all() for i in range(len(NAMES))]
    assert [name for name, differs in zip(NAMES, random, strict=True) if differs] == [NAMES[1], NAMES[4], NAMES[5]]


def test_what_an_evaluation_draws_training_never_does() -> None:
    declared = world(draws=1000)
    assert all(held_out(seed) not in range(declared.draws) for seed in range(100))
    assert len({held_out(seed) for seed in range(100)}) == 100


def test_the_reward_follows_price_and_carbon_by_their_weights() -> None:
    assert outside(world()).priced(time(7, 15, 16)).factor == 1.0
    priced = outside(world(reward={"price_weight": 0.5, "carbon_weight": 0.25}))
    when = time(7, 15, 16)
    hours = [time(1, 1, 0) + timedelta(hours=i) for i in range(8760)]
    carbon = np.mean([value(priced, "carbon_kg_per_kwh", h) for h in hours])
    tariff = np.mean([0.2 if h.weekday() < 5 and 8 <= h.hour < 20 else 0.1 for h in hours])
    expected = 1 + 0.5 * (1.0 / tariff - 1) + 0.25 * (value(priced, "carbon_kg_per_kwh", when) / carbon - 1)
    assert priced.priced(when).factor == pytest.approx(expected)
    assert priced.priced(when).cap_kw == 90.0
    assert np.isinf(priced.priced(time(7, 15, 18)).cap_kw)


def test_entering_without_a_world_changes_nothing_and_twice_gives_the_same() -> None:
    assert enter(BUILDING, CHICAGO, 0) == (CHICAGO, None)
    placed = with_world(BUILDING, world())
    assert enter(placed, CHICAGO, 1)[1] is enter(with_world(BUILDING, world()), CHICAGO, 1)[1]


def leap_chicago(path: Path) -> str:
    """Chicago's file with a hot 29 February; its path."""
    lines = CHICAGO.path.read_text(encoding="latin-1").splitlines()
    march = HEADER_LINES + 59 * 24
    cells = [line.split(",") for line in lines[march - 24 : march]]
    leap_day = [",".join([*row[:2], "29", *row[3:FIRST_COLUMN], "33.3", *row[FIRST_COLUMN + 1 :]]) for row in cells]
    path.write_text("\n".join([*lines[:march], *leap_day, *lines[march:]]), encoding="latin-1")
    return str(path)


def test_a_leap_years_forecasts_leave_out_29_february_as_energyplus_does(tmp_path: Path) -> None:
    made = world(forecasts=[{"of": "outdoor_air_temp_c", "leads_h": [1], "model": "perfect-for-debugging"}])
    placed, leap = with_world(BUILDING, made), find_weather(leap_chicago(tmp_path / "leap.epw"))
    assert len(leap.dry_bulb_c) == 8784
    site = SimulatedSite(placed, leap, Period(start=(3, 1), days=1))
    readings = [site.read()]
    while site.advance():
        readings.append(site.read())
    site.close()
    foreseen = [r["outdoor_air_temp_in_1h_c"] for r in readings]
    assert foreseen[:-4] == pytest.approx([r["outdoor_air_temp_c"] for r in readings[4:]], abs=1e-3)


def test_a_file_with_more_than_one_row_an_hour_is_refused(tmp_path: Path) -> None:
    text = CHICAGO.path.read_text(encoding="latin-1")
    path = tmp_path / "fine.epw"
    path.write_text(text.replace("DATA PERIODS,1,1", "DATA PERIODS,1,4"), encoding="latin-1")
    with pytest.raises(UserError, match=r"fine\.epw: has 4 rows an hour: noise and forecasts need a file with one"):
        Outside(world(), find_weather(str(path)), BUILDING.step_s, 0)


def test_an_edited_file_is_entered_anew(tmp_path: Path) -> None:
    file, seen = tmp_path / "prices.csv", []
    priced = world(tariff_usd_per_kwh={"kind": "csv", "file": str(file)}, events=None, forecasts=[])
    for price in (0.1, 0.25):
        rows = [f"{time(1, 1, 0) + timedelta(hours=i):%Y-%m-%dT%H:%M}-06:00,{price}" for i in range(8760)]
        file.write_text("\n".join(["time,tariff_usd_per_kwh", *rows]))
        _, entered = enter(with_world(BUILDING, priced), CHICAGO, 0)
        assert entered is not None
        seen.append(value(entered, "tariff_usd_per_kwh", time(7, 15, 12)))
    assert seen == [0.1, 0.25]


def test_a_forecast_of_weather_with_a_missing_hour_is_refused(tmp_path: Path) -> None:
    lines = CHICAGO.path.read_text(encoding="latin-1").splitlines()
    cells = lines[8 + 40].split(",")
    cells[21] = "999"
    lines[8 + 40] = ",".join(cells)
    (tmp_path / "gap.epw").write_text("\n".join(lines), encoding="latin-1")
    windy = world(forecasts=[{"of": "wind_speed_m_s", "leads_h": [1], "model": "persistence"}])
    with pytest.raises(UserError, match="Wind Speed is missing in row 41"):
        Outside(windy, find_weather(str(tmp_path / "gap.epw")), BUILDING.step_s, 0)
