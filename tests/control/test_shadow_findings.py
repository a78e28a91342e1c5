"""What a shadow run shows: agreement, inlets, known ground, the checklist and the files."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading, Role, Setpoints
from airhandler.control.agreement import agreed_frac, agreements
from airhandler.control.beside import beside
from airhandler.control.cli import app
from airhandler.control.counterfactual import counterfactual
from airhandler.control.known_ground import known_ground
from airhandler.control.promotion import PROMOTION_FILE, Check, read_promotion
from airhandler.control.promotion_checks import judge
from airhandler.control.shadow_findings import shadow_findings
from airhandler.control.shadow_report import SHADOW_FILE, report_shadow
from airhandler.control.table import TickTable
from airhandler.control.tick import Tick
from airhandler.control.would_be_inlets import would_be
from airhandler.safety.verdict import Allowed
from tests.control.shadow_scenes import (
    BEGIN,
    BUILDING,
    Hall,
    adjusted,
    load,
    own_control,
    rejected,
    save_run,
    shadow_table,
    weather_c,
)
from tests.fakes import healthy

SUPPLY = "east_supply_air_temp_setpoint_c"


def _check(folder: Path, name: str) -> Check:
    return next(check for check in judge(shadow_findings(folder)).checks if check.name == name)


def test_agreement_is_counted_within_a_tolerance() -> None:
    def near(step: int, outdoor_c: float) -> tuple[float, float]:
        return (18.3 if step % 4 else 17.0), own_control(step, outdoor_c)[1]

    run = beside(shadow_table(controller=near, days=2))
    found = next(a for a in agreements(run) if a.setpoint == SUPPLY)
    assert found.tolerance == pytest.approx(0.47)
    assert found.agreed_frac == pytest.approx(0.75)
    assert found.difference == pytest.approx(0.75 * 0.3 - 0.25 * 1.0)
    assert found.apart == pytest.approx(0.75 * 0.3 + 0.25 * 1.0)
    assert agreed_frac(run) <= 0.75


def test_situations_part_the_steps_and_say_where_the_two_differ() -> None:
    def by_weather(step: int, outdoor_c: float) -> tuple[float, float]:
        return (24.0 if outdoor_c > 20.0 else 18.0), own_control(step, outdoor_c)[1]

    run = beside(shadow_table(controller=by_weather))
    found = next(a for a in agreements(run) if a.setpoint == SUPPLY)
    outdoors = [s for s in found.situations if s.words.startswith("outdoors")]
    assert sum(s.steps for s in outdoors) == len(run.outdoor_c)
    assert outdoors[0].difference == pytest.approx(0.0, abs=1e-9)
    assert outdoors[-1].difference == pytest.approx(6.0, abs=0.5)


def test_inlets_are_predicted_as_the_hall_would_have_them() -> None:
    def warm(step: int, outdoor_c: float) -> tuple[float, float]:
        return 27.0, 1.0

    run = beside(shadow_table(controller=warm))
    air = counterfactual(run)
    true = np.array([Hall(weather_c(n), load(n), *warm(n, 0.0)).inlet_c for n in range(len(run.outdoor_c))])
    assert air.asked[0].inlet_c[500:] == pytest.approx(true[500:], abs=0.1)
    assert air.asked[0].flow_kg_s.mean() > 1.03 * run.asked["east_supply_airflow_setpoint_kg_s"].mean()
    found = would_be(run, air)
    assert found.above_recommended_frac > 0.95
    assert found.above_allowable_frac == 0.0
    assert found.covered_frac > 0.9


def test_a_controller_that_would_be_too_warm_is_found_out(tmp_path: Path) -> None:
    def hot(step: int, outdoor_c: float) -> tuple[float, float]:
        return 27.0, (1.0 if step % 10 else 0.4)

    folder = save_run(tmp_path / "run", shadow_table(controller=hot))
    found = shadow_findings(folder)
    assert found.inlets is not None
    assert found.inlets.above_allowable_frac == pytest.approx(0.1, abs=0.02)
    assert found.inlets.above_recommended_frac > 0.9
    assert not _check(folder, "above allowable").passed
    assert not _check(folder, "above recommended").passed


def test_a_good_run_passes_every_line(tmp_path: Path) -> None:
    found = judge(shadow_findings(save_run(tmp_path / "run", shadow_table())))
    assert [check.name for check in found.failed] == []
    assert found.passed
    assert (found.site, found.controller) == ("north-hall", "outdoor-reset")


def test_a_short_run_does_not_pass(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "run", shadow_table(days=6))
    assert [check.name for check in judge(shadow_findings(folder)).failed] == ["length"]


def test_a_record_with_holes_does_not_pass(tmp_path: Path) -> None:
    def lose(step: int, values: dict[str, float | None]) -> None:
        if step % 10 == 0:
            values["east_inlet_temp_c"] = None

    assert not _check(save_run(tmp_path / "run", shadow_table(change=lose)), "missing").passed


def test_rejections_are_counted_and_their_rows(tmp_path: Path) -> None:
    table = shadow_table(verdict=lambda n, s: rejected(s) if 100 <= n < 104 or n % 50 == 0 else adjusted(s))
    found = shadow_findings(save_run(tmp_path / "run", table))
    assert found.handovers == 1
    assert found.verdicts["rejected"] == pytest.approx((4 + 1344 // 50) / 1345, abs=0.001)
    failed = {check.name: check.evidence for check in judge(found).failed}
    assert "rejected" in failed
    assert failed["handovers"].startswith("1 times")


def test_one_handover_is_enough_where_rejections_are_few(tmp_path: Path) -> None:
    table = shadow_table(verdict=lambda n, s: rejected(s) if 100 <= n < 103 else adjusted(s))
    found = judge(shadow_findings(save_run(tmp_path / "run", table)))
    assert [check.name for check in found.failed] == ["handovers"]


def test_lines_that_rest_on_a_few_steps_do_not_pass(tmp_path: Path) -> None:
    def lose(step: int, values: dict[str, float | None]) -> None:
        if step % 96 < 12:
            values["east_zone_temp_c"] = None  # neither an inlet nor a meter: nothing is missing

    checks = judge(shadow_findings(save_run(tmp_path / "run", shadow_table(change=lose)))).checks
    assert {check.name: check.passed for check in checks} == {check.name: check.name != "coverage" for check in checks}
    evidence = next(check.evidence for check in checks if check.name == "coverage")
    assert evidence.replace("\u00a0", " ") == (
        "of steps: own set-points known 100.0 %, savings estimated 87.5 %, inlets predicted 87.5 %"
    )


def test_saving_that_is_not_sure_does_not_pass(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "run", shadow_table(controller=own_control, noise_w=20_000.0))
    assert not _check(folder, "savings").passed
    assert not _check(folder, "uncertainty of the savings").passed


def test_what_has_changed_since_the_run_does_not_pass(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "run", shadow_table(days=8), controller_sha256="0" * 64)
    check = _check(folder, "identity")
    assert not check.passed
    assert "gone or changed since the run" in check.evidence
    assert not _check(folder, "known ground").passed
    assert not _check(save_run(tmp_path / "other", shadow_table(days=8), building_sha256="1"), "identity").passed


class _Unsure:
    """A policy that is sure of half of the readings."""

    name = "unsure"

    def reset(self) -> None:
        pass

    def propose(self, reading: Reading) -> Setpoints:
        raise AssertionError("nobody asks")

    def confidence(self, reading: Reading) -> float | None:
        return 0.2 if reading.time.hour < 12 else 0.9


class _Blind(_Unsure):
    """One that can look at every second reading."""

    def confidence(self, reading: Reading) -> float | None:
        return 1.0 if reading.time.minute in (0, 30) else None


@pytest.mark.parametrize(("policy", "passed"), [(_Unsure(), True), (_Blind(), False)])
def test_policy_that_could_not_look_is_not_covered(tmp_path: Path, policy: _Unsure, passed: bool) -> None:
    table = shadow_table(days=2)
    found = shadow_findings(save_run(tmp_path / "run", table))
    checks = judge(replace(found, ground=known_ground(table, policy))).checks
    assert next(check.passed for check in checks if check.name == "coverage") is passed


def test_known_ground_counts_what_is_outside() -> None:
    table = shadow_table(days=2)
    found = known_ground(table, _Unsure())
    assert found.outside_frac == pytest.approx(0.5, abs=0.01)
    assert found.beyond_frac == 1.0
    assert found.confidence == pytest.approx(0.55, abs=0.01)
    rule = known_ground(table, object())
    assert (rule.learned, math.isnan(rule.outside_frac)) == (False, True)


def test_report_writes_page_findings_and_promotion(tmp_path: Path) -> None:
    mended = [{"what": "row out of order: sorted", "count": 3, "first": ["row <7>"]}]
    folder = save_run(tmp_path / "run", shadow_table(), mended=mended)
    told = report_shadow(folder, folder / "shadow.html", command="airhandler report --shadow run")
    page = (folder / "shadow.html").read_text()
    assert "Shadow: outdoor-reset beside north-hall" in page
    assert "row &lt;7&gt;" in page
    assert "http" not in page.split("</style>")[1].replace("http://www.w3.org", "")
    kept = json.loads((folder / SHADOW_FILE).read_text())
    assert kept["savings"]["saved_kwh"] > 0.0
    assert kept["agreements"][0]["setpoint"] == SUPPLY
    promotion = read_promotion(folder / PROMOTION_FILE)
    assert promotion.passed
    assert told["promotion"] == str(folder / PROMOTION_FILE)
    assert "promotion passes" in str(told["words"])


def test_an_office_whose_own_control_stands_still_cannot_be_told(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "run", _office_table(), controller="setback")
    found = shadow_findings(folder)
    assert found.inlets is None
    assert (found.savings.told, found.savings.method) == (False, "regression")
    assert "the building's own control never moved its set-points as the controller would" in found.savings.why_not
    promotion = judge(found)
    assert {"limits", "savings", "uncertainty of the savings"} <= {check.name for check in promotion.failed}
    report_shadow(folder, folder / "shadow.html")
    page = (folder / "shadow.html").read_text()
    assert "cannot be told from this record, and what people would have felt is not predicted." in page


def _office_table() -> TickTable:
    """Eight days of an office that holds its set-points, beside a controller that lets them go."""
    building, random = find_building("office-5zone"), np.random.default_rng(5)
    table = TickTable(building)
    own = Setpoints({p.name: 0.5 * (p.low + p.high) for p in building.setpoints})
    asked = Setpoints({p.name: p.low + 0.9 * (p.high - p.low) for p in building.setpoints})
    for step in range(8 * building.file.timesteps_per_hour * 24):
        values = {
            p.name: p.low + (p.high - p.low) * (0.4 + 0.1 * float(random.random()))
            for p in building.points
            if p.role is not Role.SETPOINT
        }
        time = BEGIN + step * timedelta(seconds=building.step_s)
        table.add(
            Tick(
                number=step,
                stage="shadow",
                reading=Reading(time=time, values=values, incumbent=own),
                proposal=None,
                verdict=Allowed(setpoints=asked),
                outcome=None,
                decide_s=0.001,
                write_s=0.0,
            )
        )
    return table


def test_command_writes_the_report_and_says_what_it_found(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "run", shadow_table(days=8))
    done = CliRunner().invoke(app, ["report", "--shadow", str(folder)])
    assert done.exit_code == 0, done.output
    assert "pass  length: 8.0 days" in done.output
    assert f"report in {folder / 'shadow.html'}" in done.output
    told = json.loads(CliRunner().invoke(app, ["report", "--shadow", str(folder), "--json"]).output)
    assert (told["site"], told["passed"]) == ("north-hall", True)
    refused = CliRunner().invoke(app, ["report", "--truth", str(folder)])
    assert isinstance(refused.exception, UserError)


def test_truth_of_what_was_not_simulated_cannot_be_had(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "run", shadow_table(days=2))
    with pytest.raises(UserError, match="--truth: north-hall was not simulated here"):
        shadow_findings(folder, with_truth=True)


def test_a_folder_that_is_no_shadow_run_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no finished run"):
        shadow_findings(tmp_path)
    folder = save_run(tmp_path / "run", shadow_table(days=2))
    (folder / "summary.json").write_text("{}")
    with pytest.raises(UserError, match="not the summary of a shadow run"):
        shadow_findings(folder)
    with pytest.raises(UserError, match="too short for a shadow report"):
        shadow_findings(save_run(tmp_path / "short", _hours()))


def _hours() -> TickTable:
    table = TickTable(BUILDING)
    asked = Setpoints({p.name: p.low for p in BUILDING.setpoints})
    for number in range(10):
        table.add(
            Tick(
                number=number,
                stage="shadow",
                reading=healthy(number),
                proposal=None,
                verdict=Allowed(setpoints=asked),
                outcome=None,
                decide_s=0.0,
                write_s=0.0,
            )
        )
    return table
