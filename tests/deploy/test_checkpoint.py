"""A shadow run on a recording that was cut off goes on, and ends as if it had not been."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.control.table import TickTable
from airhandler.deploy import checkpoint
from airhandler.deploy.connectors.connect import watch
from airhandler.deploy.connectors.connection import StoppableClock, View
from airhandler.deploy.connectors.recorded import write_recording
from airhandler.deploy.run import SUMMARY_FILE, TICKS_FILE, Run
from airhandler.deploy.settings import RunSettings
from airhandler.deploy.shadow import run_shadow
from airhandler.deploy.stop import Stop
from tests.deploy.scenes import INLET, SUPPLY, building, reading, settings

STEPS = 60
STUCK = "west_zone_temp_c"
TIMING = "decide_s"


def _recording(path: Path) -> Path:
    """Half a day and more: inlets that come and go, a sensor that is absent for a while, and one that is stuck."""
    readings = [reading(n, **{INLET: 24.0 + 2.5 * math.sin(n / 5.0)}) for n in range(STEPS)]
    readings[20:24] = [reading(n, **{INLET: None}) for n in range(20, 24)]
    readings[38:55] = [reading(n, **{STUCK: 34.0}) for n in range(38, 55)]
    write_recording(path, building(), readings)
    return path


def _chosen(tmp_path: Path, out: str, **changes: object) -> RunSettings:
    path = tmp_path / "r.csv"
    return settings(
        tmp_path / out,
        **{"controller": "trim-respond", "site": str(path if path.exists() else _recording(path)), **changes},
    )


@dataclasses.dataclass
class _Cut:
    """A clock that asks for the end when so many steps are done."""

    clock: StoppableClock
    stop_it: Stop
    left: int

    def now(self) -> dt.datetime:
        return self.clock.now()

    def sleep_until(self, when: dt.datetime) -> bool:
        self.left -= 1
        if self.left == 0:
            self.stop_it.ask("SIGINT")
        return self.clock.sleep_until(when)

    def stop(self) -> None:
        self.clock.stop()


def _cut(chosen: RunSettings, steps: int) -> None:
    stop = Stop()

    def cut(chosen: RunSettings, of: Building) -> View:
        view = watch(chosen, of)
        return dataclasses.replace(view, clock=_Cut(view.clock, stop, steps))

    assert run_shadow(chosen, cut, stop=stop).ticks == steps


def _same(left: Path, right: Path) -> None:
    """All columns and reasons, to the last bit, but for how long decisions took."""
    a, b = (TickTable.load(path / TICKS_FILE, building()) for path in (left, right))
    assert len(a) == len(b) == STEPS
    for group in ("measured", "proposed", "applied", "incumbent"):
        for name, column in getattr(a, group).items():
            assert np.array_equal(column, getattr(b, group)[name], equal_nan=True), name
    assert a.time_s.tolist() == b.time_s.tolist()
    assert a.verdict.tolist() == b.verdict.tolist()
    assert {n: m.tolist() for n, m in a.rules.items()} == {n: m.tolist() for n, m in b.rules.items()}


@pytest.mark.parametrize("controller", ["trim-respond", "constant"])
@pytest.mark.parametrize("steps", [1, 7, 21, 48, 59])  # 21: on the ramp to the fallback; 48: the sensor is stuck
def test_run_that_goes_on_is_the_same_to_the_last_bit(tmp_path: Path, steps: int, controller: str) -> None:
    run_shadow(_chosen(tmp_path, "whole", controller=controller), watch)
    _cut(_chosen(tmp_path, "cut", controller=controller), steps)
    outcome = run_shadow(_chosen(tmp_path, "cut", controller=controller, resume=True), watch)
    assert (outcome.ticks, outcome.why) == (STEPS, "the site's time is over")
    _same(tmp_path / "whole", tmp_path / "cut")


def test_run_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_shadow(_chosen(tmp_path, "whole"), watch)
    monkeypatch.setattr(checkpoint, "EVERY", 16)
    with monkeypatch.context() as killed:
        killed.setattr(Run, "save", lambda *_, **__: pytest.fail("nothing is saved by who is killed"))
        with pytest.raises(pytest.fail.Exception):
            run_shadow(_chosen(tmp_path, "killed"), watch)
    assert len(TickTable.load(tmp_path / "killed" / TICKS_FILE, building())) == 48
    assert not (tmp_path / "killed" / SUMMARY_FILE).exists()
    with pytest.raises(UserError, match=r"a run that was cut off .*--resume goes on with it"):
        run_shadow(_chosen(tmp_path, "killed"), watch)
    run_shadow(_chosen(tmp_path, "killed", resume=True), watch)
    _same(tmp_path / "whole", tmp_path / "killed")


def test_run_that_is_over_has_nothing_left(tmp_path: Path) -> None:
    run_shadow(_chosen(tmp_path, "whole"), watch)
    with pytest.raises(UserError, match="nothing is left to do"):
        run_shadow(_chosen(tmp_path, "whole", resume=True), watch)
    assert len(TickTable.load(tmp_path / "whole" / TICKS_FILE, building())) == STEPS


def test_run_of_something_else_does_not_go_on(tmp_path: Path) -> None:
    _cut(_chosen(tmp_path, "cut"), 7)
    with pytest.raises(UserError, match="made with another controller_sha256:"):
        run_shadow(_chosen(tmp_path, "cut", controller="outdoor-reset", resume=True), watch)
    (tmp_path / "r.csv").write_text((tmp_path / "r.csv").read_text().replace("0.6", "0.7"))
    with pytest.raises(UserError, match="made with another recording_sha256:"):
        run_shadow(_chosen(tmp_path, "cut", resume=True), watch)
    (tmp_path / "operator.yaml").write_text(f"locks: [{SUPPLY}]\n")
    with pytest.raises(UserError, match="operator"):
        run_shadow(_chosen(tmp_path, "cut", operator=tmp_path / "operator.yaml", resume=True), watch)


def test_there_must_be_a_run_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run on a recording to go on with: name it with --out"):
        run_shadow(_chosen(tmp_path, "new", resume=True), watch)
    with pytest.raises(UserError, match="--resume: belongs to a recording"):
        settings(tmp_path, resume=True)


def test_first_days_of_a_recording_are_taken_and_the_rest_later(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    write_recording(path, building(), [reading(n) for n in range(200)])
    whole = run_shadow(_chosen(tmp_path, "whole", days=2), watch)
    assert (whole.ticks, whole.why) == (2 * 96 + 1, "the site's time is over")
    assert run_shadow(_chosen(tmp_path, "first", days=1), watch).ticks == 97
    with pytest.raises(UserError, match="beyond its --days"):
        run_shadow(_chosen(tmp_path, "first", days=1, resume=True), watch)
    assert run_shadow(_chosen(tmp_path, "first", resume=True), watch).ticks == 200
    assert run_shadow(_chosen(tmp_path, "more", days=30), watch).ticks == 200
