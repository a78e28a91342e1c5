"""Runs that are put through something: what is kept of it, what a report says, training and the shield under it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.scenario import Scenario
from airhandler.control.compare import Cell, compare, load_evaluations, row, save_evaluation
from airhandler.control.summary import report_runs
from airhandler.control.train import TrainSettings, train
from airhandler.safety.wrapper import ShieldedEnv
from tests.deploy.scenes import trained_on_others

RANDOMISE = find_building("datacentre-dx").file.randomise
ROUGH = Scenario(faults=("east_inlet_temp_c:bias=1",), stress=1, randomise=RANDOMISE)


def cell(**changes: object) -> Cell:
    fields = {"controller": "stock", "building": "datacentre-dx", "weather": "chicago", "period": Period(days=1)}
    return Cell(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_run_is_kept_with_its_scenario_and_with_what_was_drawn_for_it(tmp_path: Path) -> None:
    cells = [cell(), cell(scenario=ROUGH), cell(scenario=ROUGH, seed=1)]
    done = compare(cells, processes=2)
    for one, result in zip(cells, done, strict=True):
        save_evaluation(tmp_path, one, result)
    calm, rough, other = done
    assert (calm.randomised, calm.seen) == ({}, None)
    assert rough.randomised.keys() == other.randomised.keys() >= {"leak_frac", "east_inlet_temp_c:bias"}
    assert rough.randomised != other.randomised
    assert len({d.kpis.total_kwh for d in done}) == 3
    kept = {(k.cell.scenario.words, k.cell.seed): k for k in load_evaluations(tmp_path)}
    assert kept[ROUGH.words, 1].cell.scenario == ROUGH
    assert kept[ROUGH.words, 1].done.randomised == other.randomised
    assert kept[ROUGH.words, 0].done.seen is not None
    assert row(cells[1], rough)["randomised"] == rough.randomised
    assert row(cells[1], rough)["through"] == "faults east_inlet_temp_c:bias=1; stress 1; randomised"


@pytest.mark.slow
def test_a_report_has_a_chapter_for_each_scenario_that_says_it(tmp_path: Path) -> None:
    for scenario in (Scenario(), Scenario(faults=("dead-fan-east@01-01T12:00",), randomise=RANDOMISE)):
        cells = [cell(controller=name, scenario=scenario) for name in ("stock", "constant")]
        for one, result in zip(cells, compare(cells, processes=1), strict=True):
            save_evaluation(tmp_path, one, result)
    page = report_runs(load_evaluations(tmp_path), tmp_path / "report.html", title="t", command="c").read_text()
    assert "<h2>chicago</h2>" in page
    assert "<h2>chicago; faults dead-fan-east@01-01T12:00; randomised; seed 0</h2>" in page
    assert "leak_frac 0." in page


def test_a_bundle_that_was_trained_otherwise_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = trained_on_others(tmp_path)
    late = Scenario(faults=("dead-fan-east@07-15T12:00",))
    with pytest.raises(UserError, match="outside the run"):
        compare([cell(controller=str(folder), scenario=late)], processes=1)
    assert caplog.messages == [f"bundle {folder}: trained with servers dense-a2; here volume-a2"]


def test_a_scenario_that_does_not_fit_is_said_before_anything_runs() -> None:
    with pytest.raises(UserError, match="outside the run of 1 day from"):
        compare([cell(scenario=Scenario(faults=("dead-fan-east@07-15T12:00",)))], processes=1)
    with pytest.raises(UserError, match="has: no equipment faults"):
        compare([cell(building="office-5zone", scenario=Scenario(faults=("dead-fan-east",)))], processes=1)


@pytest.mark.slow
def test_training_is_put_through_it_and_resumed_with_the_same(tmp_path: Path) -> None:
    settings = TrainSettings(
        building="datacentre-dx", weathers=("chicago",), out=tmp_path, steps=40, environments=1, days=1, scenario=ROUGH
    )
    bundle = train(settings, resume=False, command="a test").bundle
    made = json.loads((bundle / "card.json").read_text())["provenance"]["settings"]
    assert Scenario.from_dict(made["scenario"]) == ROUGH
    with pytest.raises(UserError, match="with another scenario"):
        train(replace(settings, scenario=replace(ROUGH, stress=2)), resume=True, command="a test")


def test_a_scenario_that_cannot_be_trained_on_leaves_no_folder(tmp_path: Path) -> None:
    settings = TrainSettings(
        building="datacentre-dx", weathers=("chicago",), out=tmp_path / "run", scenario=Scenario(faults=("nothing",))
    )
    with pytest.raises(UserError, match="datacentre-dx has: dead-fan-east"):
        train(settings, resume=False, command="a test")
    assert not (tmp_path / "run").exists()


def test_the_shield_in_training_sees_what_sensors_show() -> None:
    verdicts = {}
    for faults in ((), ("east_inlet_temp_c:nan",), ("outdoor_dew_point_temp_c:dropout",)):
        env = ShieldedEnv(BuildingEnv(start=(7, 15), days=1, faults=faults))
        env.reset(seed=0)
        infos = [env.step(np.zeros(4, np.float32))[4] for _ in range(3)]
        verdicts[faults] = [info["verdict"] for info in infos]
        assert all(np.isfinite(info["executed_action"]).all() for info in infos)
        if faults == ("east_inlet_temp_c:nan",):
            assert math.isnan(env.env.seen["east_inlet_temp_c"])
            assert math.isfinite(env.env.reading["east_inlet_temp_c"])
        env.close()
    sound, blind, unobserved = verdicts.values()
    assert "rejected" not in sound
    assert set(blind) == set(unobserved) == {"rejected"}
