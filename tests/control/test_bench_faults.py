"""The bench of faults: every fault is tried, what came of it is of the truth, and what was unavoidable is marked."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.faults import read_fault
from airhandler.buildings.model import Period
from airhandler.buildings.points import Reading
from airhandler.control import fault_run
from airhandler.control.bench_faults import bench_faults, count_of
from airhandler.control.display_shield import faults_table
from airhandler.control.fault_cases import MISMATCHES, FaultCase, fault_cases, mismatch
from airhandler.control.fault_run import Exceeded, Outcome, Stretch, full_cooling, run_case
from airhandler.safety.sensors import needed_points
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Proposal, Verdict

DX, CW = find_building("datacentre-dx"), find_building("datacentre-cw")
HOT = Stretch(
    building="datacentre-dx", weather="tokyo", period=Period(start=(8, 2), days=2), controller="outdoor-reset"
)


def case(fault: str, *, mismatch_frac: float = 0.0, begin_h: int = 24) -> FaultCase:
    return FaultCase(fault=fault, kind=fault, point="", begin_h=begin_h, mismatch_frac=mismatch_frac)


def test_every_fault_of_equipment_and_of_each_sensor_that_the_shield_rests_on_is_tried() -> None:
    for building in (DX, CW):
        cases = fault_cases(building)
        faults = {c.fault for c in cases if c.fault}
        assert set(building.faults) <= faults
        for point in needed_points(building):
            kinds = {f.partition(":")[2].partition("=")[0] for f in faults if f.startswith(f"{point}:")}
            always = {"bias", "drift", "noise", "delay", "dropout", "stuck", "nan", "absurd"}
            assert always <= kinds, point
        for c in cases:
            texts = c.scenario(building, HOT.period).faults
            assert [read_fault(text, building).begin for text in texts] == [(8, 3, c.begin_h - 24, 0)] * len(texts)
    assert {c.mismatch_frac for c in fault_cases(DX)} == set(MISMATCHES)


def test_a_worse_model_leaks_and_heats_more_and_cools_less() -> None:
    worse, better = mismatch(DX, 0.2), mismatch(DX, -0.2)
    assert mismatch(DX, 0.0) is None
    assert worse is not None
    assert better is not None
    drawn = {q.parameter: q.choice[0] / DX.file.parameters[q.parameter or ""] for q in worse.quantities}
    assert drawn == pytest.approx({"leak_frac": 1.2, "it_w_per_m2": 1.2, "coil_capacity_w": 0.8})
    assert [q.choice[0] for q in better.quantities] == pytest.approx([0.04, 160.0, 120_000.0])
    fouled = mismatch(CW, 0.2)
    assert fouled is not None
    assert [(q.drive, q.choice) for q in fouled.quantities if q.drive] == [("{zone}_coil_fouling_frac", (0.2,))]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"building": "office-5zone"}, "no server zones"),
        ({"controller": "stock"}, "no shield to try"),
        ({"only": "flood"}, "no such fault"),
        ({"period": Period(start=(8, 2), days=1)}, "give more days"),
    ],
)
def test_what_cannot_be_tried_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        count_of(replace(HOT, **change))


def test_full_cooling_is_the_coolest_air_in_proportion_to_what_the_servers_draw() -> None:
    names = {roles.server_flow: 3.0 for roles in DX.zones.values()}
    truth = Reading(time=datetime(2026, 8, 3, tzinfo=UTC), values=names)
    cooled = full_cooling(DX, 1.1, truth)
    assert cooled["east_supply_air_temp_setpoint_c"] == DX.point("east_supply_air_temp_setpoint_c").low
    assert cooled["west_supply_airflow_setpoint_kg_s"] == pytest.approx(3.3)
    most = full_cooling(DX, float("inf"), truth)
    assert most["west_supply_airflow_setpoint_kg_s"] == DX.point("west_supply_airflow_setpoint_kg_s").high


def test_only_what_is_above_full_cooling_was_avoidable() -> None:
    def outcome(met_kh: float, unavoidable_kh: float) -> Outcome:
        met, least = (
            Exceeded(above_recommended_kh=9.0, above_allowable_kh=kh, inlet_max_c=40.0)
            for kh in (met_kh, unavoidable_kh)
        )
        return Outcome(
            case=case("x"), met=met, unavoidable=least, rejected_min=None, fallback_min=None, handover_min=None
        )

    assert outcome(3.0, 3.0).avoidable_kh == 0.0
    assert outcome(3.0, 1.0).avoidable_kh == 2.0
    assert outcome(3.0, 1.0).row()["unavoidable_above_allowable_kh"] == 1.0


def test_the_table_shows_of_each_fault_the_run_that_could_have_avoided_most() -> None:
    def row(share: float, avoidable_kh: float, worst_c: float) -> dict[str, Any]:
        least = Exceeded(above_recommended_kh=1.0, above_allowable_kh=1.0, inlet_max_c=30.0)
        met = replace(least, above_allowable_kh=1.0 + avoidable_kh, inlet_max_c=worst_c)
        none = {"rejected_min": None, "fallback_min": None, "handover_min": 45.0}
        return Outcome(case=case("dead-fan-east", mismatch_frac=share), met=met, unavoidable=least, **none).row()

    rows = [row(0.0, 0.0, 40.0), row(0.2, 2.0, 35.0), row(-0.2, 0.0, 33.0)]
    told = {"building": "b", "weather": "w", "start": "08-02", "days": 3, "controller": "c", "cases": 3, "avoidable": 1}
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(faults_table(told | {"rows": rows}))
    text = console.export_text()
    assert "+20%" in text
    assert "3.00 (1.00)" in text
    assert "-20%" not in text
    assert "1 of 3 runs" in text


@pytest.fixture
def can_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)


@pytest.mark.slow
@pytest.mark.usefixtures("can_branch")
class TestRuns:
    def test_a_sensor_that_says_nothing_is_rejected_at_once_and_authority_goes_back_at_the_third(self) -> None:
        done = run_case(HOT, case("east_inlet_temp_c:nan"))
        assert (done.rejected_min, done.fallback_min, done.handover_min) == (0.0, 30.0, 30.0)
        assert done.met.above_recommended_kh == 0.0

    def test_nothing_wrong_is_no_rejection(self) -> None:
        done = run_case(HOT, case(""))
        assert (done.rejected_min, done.fallback_min, done.handover_min) == (None, None, None)
        assert 24.0 < done.unavoidable.inlet_max_c < done.met.inlet_max_c < 27.0

    def test_full_cooling_is_the_same_whatever_a_sensor_shows(self) -> None:
        branched = case("west_zone_temp_c:drift=-0.1", mismatch_frac=0.2)
        taken_over = replace(branched, point="west_zone_temp_c")
        assert run_case(HOT, branched).unavoidable == run_case(HOT, taken_over).unavoidable

    def test_what_a_dead_fan_does_is_marked_as_unavoidable(self) -> None:
        done = run_case(HOT, case("dead-fan-east", begin_h=26))
        assert done.met.above_allowable_kh > 5.0
        assert done.unavoidable.above_allowable_kh == pytest.approx(done.met.above_allowable_kh, rel=0.01)

    def test_what_is_counted_is_the_truth_and_not_what_the_sensor_shows(self) -> None:
        done = run_case(HOT, case("east_inlet_temp_c:bias=30"))
        assert done.met.inlet_max_c < 30.0

    def test_a_shield_that_sleeps_is_told_from_one_that_works(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def judge(self: Shield, history: object, in_force: object, proposal: Proposal, **_: object) -> Verdict:
            return Allowed(setpoints=proposal.setpoints)

        lying = case("east_server_airflow_kg_s:bias=-2.0")
        works = run_case(HOT, lying)
        monkeypatch.setattr(fault_run.Shield, "judge", judge)
        sleeps = run_case(HOT, lying)
        assert sleeps.avoidable_kh > works.avoidable_kh
        assert sleeps.avoidable_kh > 1.0

    def test_the_bench_gives_one_row_for_each_case_in_order(self) -> None:
        stretch = replace(HOT, only="it_load_frac:nan")
        told: list[int] = []
        result = bench_faults(stretch, processes=2, progress=lambda: told.append(1))
        assert [row["mismatch_frac"] for row in result["rows"]] == list(MISMATCHES)
        assert (result["cases"], len(told), result["avoidable"]) == (3, 3, 0)
