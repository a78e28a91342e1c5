"""Runs in a world, from evaluation to what a folder keeps, and training in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airhandler.buildings.catalog import find_building, with_world
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.world import World
from airhandler.control.compare import Cell, compare, load_evaluations, row, save_evaluation
from airhandler.control.display import evaluation_table
from airhandler.control.policy import load_policy
from airhandler.control.summary import report_runs
from airhandler.control.train import TrainSettings, train

WORLD = World.model_validate_json(
    """{"draws": 4, "weather_variability": {"outdoor_air_temp_c": {"sigma": 2.0}},
    "tariff_usd_per_kwh": {"kind": "flat", "value": 0.25}, "carbon_kg_per_kwh": {"kind": "synthetic"},
    "forecasts": [{"of": "outdoor_air_temp_c", "leads_h": [3], "model": "noisy"}], "reward": {"price_weight": 0.5}}"""
)


def cell(**changes: object) -> Cell:
    fields = {"controller": "stock", "building": "datacentre-dx", "weather": "chicago", "period": Period(days=1)}
    return Cell(**{**fields, "world": WORLD, **changes})  # type: ignore[arg-type]


@pytest.mark.slow
def test_runs_in_a_world_are_kept_with_it_and_differ_by_seed(tmp_path: Path) -> None:
    cells = [cell(), cell(seed=1), cell(world=None)]
    done = compare(cells, processes=1)
    for one, result in zip(cells, done, strict=True):
        save_evaluation(tmp_path, one, result)
        assert row(one, result)["world"] == (one.world and one.world.words)
        assert evaluation_table([row(one, result)]).title == (
            "datacentre-dx, chicago, 1 day from 01-01" + (f"; world {WORLD.words}" if one.world else "")
        )
        assert (result.kpis.cost_usd == pytest.approx(0.25 * result.kpis.total_kwh)) == (one.world is not None)
    assert done[0].kpis.total_kwh != done[1].kpis.total_kwh
    kept = load_evaluations(tmp_path)
    assert {(k.cell.seed, k.cell.world) for k in kept if k.cell.world is None} == {(0, None)}
    assert sorted(k.cell.seed for k in kept if k.cell.world == WORLD) == [0, 1]
    for one in kept:
        assert one.done.table.building.world == one.cell.world
    page = report_runs(kept, tmp_path / "report.html", title="t", command="c").read_text()
    assert [
        words in page for words in ("cost_usd", f"world {WORLD.words}; seed 0", f"world {WORLD.words}; seed 1")
    ] == [True] * 3, "a chapter for each world and seed"


def test_a_file_that_is_missing_is_said_before_anything_runs(tmp_path: Path) -> None:
    lost = World.model_validate({"tariff_usd_per_kwh": {"kind": "csv", "file": str(tmp_path / "lost.csv")}})
    with pytest.raises(UserError, match=r"lost\.csv: cannot be read"):
        compare([cell(world=lost), cell(world=lost, controller="constant")], processes=2)


@pytest.mark.slow
def test_an_agent_that_was_trained_in_a_world_is_a_bundle_of_it(tmp_path: Path) -> None:
    settings = TrainSettings(
        building="datacentre-dx", weathers=("chicago",), out=tmp_path, steps=40, environments=1, days=1, world=WORLD
    )
    bundle = train(settings, resume=False, command="a test").bundle
    building = find_building("datacentre-dx")
    card = load_policy(bundle, with_world(building, WORLD)).card
    assert card is not None
    assert card.world == WORLD
    with pytest.raises(UserError, match="--world FILE"):
        load_policy(bundle, building)
    calm = replace(settings, world=WORLD.model_copy(update={"draws": 1}))
    with pytest.raises(UserError, match="with another world"):
        train(calm, resume=True, command="a test")
