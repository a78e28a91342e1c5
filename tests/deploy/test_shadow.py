"""Shadow: the same loop, and nothing to write with."""

from __future__ import annotations

import ast
import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from airhandler.buildings.site import WriteOutcome
from airhandler.buildings.world import World
from airhandler.control.loop import Loop
from airhandler.control.table import TickTable
from airhandler.deploy import shadow
from airhandler.deploy.cli import describe
from airhandler.deploy.connectors import rehearsal
from airhandler.deploy.connectors.connect import watch
from airhandler.deploy.connectors.connection import View
from airhandler.deploy.live import run_live
from airhandler.deploy.run import SUMMARY_FILE, TICKS_FILE, RunOutcome
from airhandler.deploy.shadow import run_shadow
from airhandler.deploy.stop import Stop
from tests.deploy.scenes import (
    FakeController,
    FakeWriter,
    building,
    connection,
    reading,
    record,
    settings,
    trained_on_others,
    view,
)

WRITING = ("write", "writer", "relinquish", "command", "authority")


def test_proposals_are_judged_and_nothing_is_written(
    fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="airhandler")
    outcome = run_shadow(settings(tmp_path), lambda *_: view([reading(n) for n in range(12)]))
    assert (outcome.stage, outcome.ticks, outcome.given_back, outcome.handover) == ("shadow", 12, None, None)
    assert sum(outcome.verdicts.values()) == 12
    assert set(TickTable.load(tmp_path / TICKS_FILE, building()).stage) == {"shadow"}
    assert "authority" not in caplog.text


def test_view_has_nothing_to_write_with() -> None:
    told = ["about", "randomised", "name", "mends", "sha256"]
    assert [f.name for f in dataclasses.fields(View)] == ["site", "clock", "ticks", *told]
    for made in (view([reading()]), view([reading()]).site):
        assert not [name for name in dir(made) if not name.startswith("_") and name in WRITING]


def test_source_names_no_writer_but_the_one_that_is_not_there() -> None:
    tree = ast.parse(Path(shadow.__file__).read_text())
    named = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    named |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    named |= {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    given = [k.value for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "writer"]
    assert not [name for name in named if any(word in name.lower() for word in WRITING)]
    assert [ast.unparse(value) for value in given] == ["None"]


def test_loop_gets_no_writer(fake: FakeController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loops = list[Loop]()

    def run(loop: Loop) -> None:
        loops.append(loop)

    monkeypatch.setattr(Loop, "run", run)
    run_shadow(settings(tmp_path), lambda *_: view([reading(0), reading(1)]))
    (loop,) = loops
    assert loop.writer is None
    assert loop.stage == "shadow"


def test_no_writer_is_made_for_a_recording(
    fake: FakeController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> WriteOutcome:
        raise AssertionError("a writer was made")

    monkeypatch.setattr(rehearsal.RehearsalWriter, "__init__", refuse)
    run_shadow(settings(tmp_path / "out", site=str(record(tmp_path / "r.csv"))), watch)
    assert not (tmp_path / "out" / rehearsal.FILE).exists()


@pytest.mark.slow
def test_no_writer_is_made_for_a_simulated_building_and_it_keeps_its_own_control(
    fake: FakeController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airhandler.buildings.simulated import SimulatedSite

    def refuse(*_: object) -> None:
        raise AssertionError("something was written")

    monkeypatch.setattr(SimulatedSite, "writer", refuse)
    monkeypatch.setattr(SimulatedSite, "command", refuse)
    outcome = run_shadow(settings(tmp_path, days=1), watch)
    assert outcome.ticks == 97
    stock = run_shadow(settings(tmp_path / "stock", controller="stock", days=1), watch)
    assert outcome.kpis is not None
    assert stock.kpis is not None
    assert outcome.kpis.total_kwh == stock.kpis.total_kwh


@pytest.mark.parametrize("run", [run_shadow, run_live])
def test_a_bundle_that_was_trained_otherwise_is_told(
    run: Callable[..., RunOutcome], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = trained_on_others(tmp_path / "bundle")
    readings = [reading(0), reading(1)]
    there = view(readings) if run is run_shadow else connection(readings, FakeWriter())
    run(settings(tmp_path / "out", controller=str(folder)), lambda *_: there)
    assert f"bundle {folder}: trained with servers dense-a2; here volume-a2" in caplog.messages


def test_the_world_is_in_the_summary(tmp_path: Path) -> None:
    around = World.model_validate_json('{"name": "dear", "tariff_usd_per_kwh": {"kind": "flat", "value": 0.25}}')
    chosen = settings(tmp_path, controller="stock", world=around)
    outcome = run_shadow(chosen, lambda *_: view([reading(0), reading(1)]))
    assert json.loads((tmp_path / SUMMARY_FILE).read_text())["world"] == around.words
    assert f"put through: world dear ({World(**around.model_dump(exclude={'name'})).words})" in describe(outcome)


def test_stock_only_observes(tmp_path: Path) -> None:
    outcome = run_shadow(settings(tmp_path, controller="stock"), lambda *_: view([reading(0), reading(1)]))
    assert (outcome.stage, outcome.controller, sum(outcome.verdicts.values())) == ("observe", "stock", 0)


def test_stop_ends_it(fake: FakeController, tmp_path: Path) -> None:
    stop = Stop()
    stop.ask("SIGINT")
    outcome = run_shadow(settings(tmp_path), lambda *_: view([reading(0), reading(1)]), stop=stop)
    assert (outcome.why, outcome.ticks) == ("SIGINT", 0)
