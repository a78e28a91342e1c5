"""The files in examples/ fit the buildings that the README uses them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import find_building, load_world, with_world
from airhandler.buildings.faults import check_within, load_faults, read_faults
from airhandler.buildings.load import it_load
from airhandler.buildings.model import Period
from airhandler.buildings.outside import enter, held_out
from airhandler.buildings.weather import find_weather
from airhandler.deploy.site_file import load_site
from airhandler.safety.operator_limits import load_operator_file
from airhandler.safety.sensors import needed_points

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
BUILDING = find_building("datacentre-dx")


def test_the_readme_names_every_example() -> None:
    text = (ROOT / "README.md").read_text()
    assert [path.name for path in sorted(EXAMPLES.iterdir()) if f"examples/{path.name}" not in text] == []


def test_the_world_surrounds_the_building() -> None:
    world = load_world(EXAMPLES / "world.yaml")
    placed = with_world(BUILDING, world)
    enter(placed, find_weather("chicago"), held_out(0))
    parts = (world.tariff_usd_per_kwh, world.carbon_kg_per_kwh, world.events, *world.forecasts)
    assert None not in parts
    assert len(parts) == 5


def test_the_trace_is_a_week_that_repeats() -> None:
    loads = it_load(BUILDING, f"{EXAMPLES / 'it_load.csv'}:weekly", Period(days=14), seed=0)
    for load in loads.values():
        week = len(load) // 2
        np.testing.assert_array_equal(load[:week], load[week:])
        assert np.ptp(load) > 0.1


def test_the_faults_are_of_the_building_and_within_the_day_that_the_readme_runs() -> None:
    faults = read_faults(load_faults(EXAMPLES / "faults.yaml"), BUILDING)
    check_within(faults, BUILDING, Period(start=(7, 15), days=1))
    assert {fault.equipment is None for fault in faults} == {True, False}


def test_the_site_reads_what_the_shield_needs_and_can_write_nothing() -> None:
    site = load_site(EXAMPLES / "site.yaml")
    assert needed_points(site.building) <= set(site.places)
    assert {p.name for p in site.building.setpoints} <= set(site.places)
    assert (site.file.stage, site.file.write) == ("shadow", ())


def test_the_operators_limits_are_within_the_buildings() -> None:
    assert load_operator_file(EXAMPLES / "operator.yaml", BUILDING).locks
