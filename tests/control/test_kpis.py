"""Kpis: hand-computed values, and what must hold for any run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import WriteFailed
from airhandler.control.kpis import Kpis, above_k, below_k, kpis, rci_hi, rci_lo, rti, shi, windowed_change_k
from airhandler.control.table import TickTable
from tests.control.test_table import BUILDING, START, setpoints, table_of, tick, verdict

A1 = THERMAL_CLASSES["A1"]
EAST, WEST = BUILDING.zones["east"], BUILDING.zones["west"]
METERS = BUILDING.file.meters


def _table(columns: Mapping[str, Sequence[float | None]], ticks: int = 5) -> TickTable:
    """Ticks with the given columns, and the same quiet values in every other point."""
    quiet = {METERS.hvac: 4000.0, METERS.it: 40000.0, METERS.other: 1000.0, METERS.total: 45000.0}
    quiet |= {zone.inlet_temp: 24.0 for zone in (EAST, WEST)}
    rows = [quiet | {name: column[n] for name, column in columns.items()} for n in range(ticks)]
    return table_of([tick(n, row) for n, row in enumerate(rows)])


def _approx(value: float) -> object:
    return pytest.approx(value, rel=1e-12)


def test_energy_of_an_hour() -> None:
    k = kpis(_table({METERS.hvac: [9e9, 4000.0, 8000.0, 4000.0, 4000.0], METERS.water: [1e-5] * 5}))
    assert (k.steps, k.missing_frac) == (4, 0.0)
    assert (k.hvac_kwh, k.it_kwh, k.other_kwh) == (_approx(5.0), _approx(40.0), _approx(1.0))
    assert k.total_kwh == _approx(46.0)
    assert k.unaccounted_kwh == _approx(-1.0)
    assert k.pue == _approx(1.15)
    assert k.peak_kw == _approx(49.0)
    assert k.water_m3 == _approx(0.036)
    assert k.wue_l_per_kwh == _approx(0.9)


def test_meters_that_are_not_there_are_not_zero() -> None:
    k = kpis(_table({}))
    assert math.isnan(k.fans_kwh)
    assert math.isnan(k.water_m3)
    assert k.to_dict()["fans_kwh"] is None


def test_warm_inlets() -> None:
    k = kpis(_table({EAST.inlet_temp: [26.0, 26.0, 28.0, 33.0, 31.0]}))
    assert (k.inlet_max_c, k.inlet_min_c) == (33.0, 24.0)
    assert (k.above_recommended_frac, k.above_allowable_frac) == (0.75, 0.25)
    assert (k.above_recommended_kh, k.above_allowable_kh) == (_approx(2.75), _approx(0.25))
    assert (k.below_recommended_frac, k.below_allowable_frac, k.below_recommended_kh) == (0.0, 0.0, 0.0)
    assert (k.inlet_change_15min_k, k.inlet_change_60min_k) == (5.0, 7.0)
    assert (k.rci_hi, k.rci_lo) == (_approx(72.5), 100.0)


def test_cold_inlets_of_the_other_zone() -> None:
    k = kpis(_table({WEST.inlet_temp: [24.0, 17.0, 14.0, 24.0, 24.0]}))
    assert (k.below_recommended_frac, k.below_allowable_frac) == (0.5, 0.25)
    assert k.below_recommended_kh == _approx(1.25)
    assert k.rci_lo == _approx(100.0 * (1.0 - 5.0 / 8.0 / 3.0))


def test_limits_themselves_are_inside() -> None:
    k = kpis(_table({EAST.inlet_temp: [27.0] * 5, WEST.inlet_temp: [18.0] * 5}))
    assert (k.above_recommended_frac, k.below_recommended_frac) == (0.0, 0.0)


def test_dew_points() -> None:
    k = kpis(_table({EAST.inlet_dew_point: [0.0, 16.0, 18.0, 15.0, 5.0], WEST.inlet_dew_point: [0.0] * 5}))
    assert (k.dew_point_above_recommended_frac, k.dew_point_above_allowable_frac) == (0.5, 0.25)


def test_missing_zone_is_unknown_unless_another_is_outside() -> None:
    k = kpis(_table({EAST.inlet_temp: [None] * 5, WEST.inlet_temp: [24.0, 28.0, 24.0, 24.0, 24.0]}))
    assert k.above_recommended_frac == 1.0
    assert k.missing_frac == 1.0


def test_missing_energy_is_left_out_and_told() -> None:
    k = kpis(_table({METERS.hvac: [0.0, 4000.0, None, 4000.0, 4000.0]}))
    assert k.missing_frac == 0.25
    assert k.it_kwh == _approx(30.0)
    assert k.total_kwh == k.hvac_kwh + k.it_kwh + k.other_kwh


def test_steps_that_were_never_recorded_are_missing() -> None:
    row = _table({}, ticks=2)
    assert kpis(row).missing_frac == 0.0
    values = {name: float(column[0]) for name, column in row.measured.items() if np.isfinite(column[0])}
    gap = table_of([tick(0, values), tick(1, values, time=START + timedelta(hours=1))])
    assert kpis(gap).missing_frac == 0.75


def test_air_distribution() -> None:
    parts = {
        "supply_temp": 20.0,
        "inlet_temp": 22.0,
        "zone_temp": 30.0,
        "supply_flow": 2.0,
        "server_flow": 3.0,
    }
    k = kpis(_table({getattr(z, p): [value] * 5 for z in (EAST, WEST) for p, value in parts.items()}))
    assert (k.shi, k.rti) == (_approx(6.0 / 26.0), _approx(150.0))


def _shielded() -> TickTable:
    """Four decisions of each kind, and a fifth that has no effect."""
    half = setpoints(0.5)
    judged = [
        verdict("allowed", half),
        verdict("adjusted", setpoints(0.4), ["ramp"]),
        verdict("rejected", setpoints(0.2), ["stale", "ramp"]),
        verdict("allowed", half, ["remark"]),
        verdict("adjusted", setpoints(0.0), ["last"]),
    ]
    return table_of([tick(n, proposed=half, judged=v, decide_s=(n + 1) / 1000.0) for n, v in enumerate(judged)])


def test_shield() -> None:
    k = kpis(_shielded())
    assert (k.shield_adjusted_frac, k.shield_rejected_frac) == (0.25, 0.25)
    assert k.shield_mean_correction_frac == _approx(0.2)
    assert k.shield_by_rule == {"ramp": 0.5, "stale": 0.25}
    assert k.fallback_minutes == 15.0
    assert (k.decide_p50_ms, k.decide_p99_ms) == (_approx(2.5), _approx(3.97))


def test_without_verdicts_the_shield_is_not_known() -> None:
    k = kpis(_table({}))
    assert math.isnan(k.shield_adjusted_frac)
    assert k.shield_by_rule == {}
    assert k.fallback_minutes == 0.0
    assert math.isnan(k.actuator_travel_per_h)


def test_fallback_counts_where_it_was_in_force() -> None:
    rejected = verdict("rejected", setpoints(0.2), ["stale"])
    rows = [
        tick(0, judged=rejected),
        tick(1, judged=rejected, outcome=WriteFailed(reason="no")),
        tick(2, judged=rejected, stage="shadow"),
        tick(3, judged=rejected, stage="fallback"),
        tick(4),
    ]
    assert kpis(table_of(rows)).fallback_minutes == 15.0


def test_verdicts_after_authority_went_back_are_not_counted() -> None:
    half = setpoints(0.5)
    rejected = verdict("rejected", setpoints(0.2), ["stale"])
    rows = [tick(0, proposed=half, judged=verdict("adjusted", setpoints(0.4), ["ramp", "watch"]))]
    rows += [tick(n, proposed=half, judged=rejected, stage="fallback") for n in (1, 2)]
    k = kpis(table_of([*rows, tick(3)]))
    assert (k.shield_adjusted_frac, k.shield_rejected_frac) == (1.0, 0.0)
    assert k.shield_mean_correction_frac == _approx(0.1)
    assert k.shield_by_rule == {"ramp": 1.0}


def test_travel_in_spans_per_hour() -> None:
    one = BUILDING.setpoints[0]
    moves = (0.0, 0.5, 0.25, 0.25, 1.0)
    given_ = [Setpoints({**setpoints(0.5), one.name: one.low + share * (one.high - one.low)}) for share in moves]
    k = kpis(table_of([tick(n, judged=verdict("allowed", s)) for n, s in enumerate(given_)]))
    assert k.travel_per_h[one.name] == _approx(0.75)
    assert k.actuator_travel_per_h == _approx(0.75 / len(BUILDING.setpoints))


@pytest.mark.parametrize("ticks", [0, 1])
def test_a_run_needs_a_step(ticks: int) -> None:
    with pytest.raises(UserError, match=f"^{ticks} ticks"):
        kpis(_table({}, ticks))


def test_to_dict_is_json_with_every_field() -> None:
    found = kpis(_shielded()).to_dict()
    assert set(found) == {f.name for f in fields(Kpis)}
    assert json.loads(json.dumps(found, allow_nan=False))["shield_by_rule"] == {"ramp": 0.5, "stale": 0.25}
    assert found["total_kwh"] is None


def test_every_field_says_unit_and_meaning() -> None:
    assert all(set(f.metadata) == {"unit", "words"} for f in fields(Kpis))


def test_functions_on_small_arrays() -> None:
    inlets = np.array([[26.0, 28.0], [29.0, math.nan], [20.0, math.nan], [math.nan, math.nan]])
    np.testing.assert_array_equal(above_k(inlets, 27.0), [1.0, 2.0, math.nan, math.nan])
    np.testing.assert_array_equal(below_k(inlets, 27.0), [1.0, math.nan, 7.0, math.nan])
    assert windowed_change_k(inlets, 1) == 9.0
    assert windowed_change_k(inlets, 100) == 9.0
    assert math.isnan(windowed_change_k(np.full((3, 1), math.nan), 1))
    assert rci_hi(np.full((3, 2), 32.0), A1) == _approx(0.0)
    assert rci_lo(np.full((3, 2), 16.5), A1) == _approx(50.0)
    ones = np.ones((2, 1))
    assert rti(2.0 * ones, ones) == _approx(50.0)
    assert shi(ones, ones, 2.0 * ones, ones, ones) == 0.0
    assert math.isnan(rti(0.0 * ones, ones))


_power = st.one_of(st.none(), st.floats(0.0, 1e6))
_temperature = st.one_of(st.none(), st.floats(-20.0, 80.0))


@given(st.lists(st.tuples(_power, _power, _power, _temperature, _temperature), min_size=2, max_size=12))
def test_for_any_run(rows: list[tuple[float | None, ...]]) -> None:
    names = (METERS.hvac, METERS.it, METERS.other, EAST.inlet_temp, WEST.inlet_temp)
    table = table_of([tick(n, dict(zip(names, row, strict=True))) for n, row in enumerate(rows)])
    k = kpis(table)
    total = k.hvac_kwh + k.it_kwh + k.other_kwh
    assert k.total_kwh == total or (math.isnan(k.total_kwh) and math.isnan(total))
    assert 0.0 <= k.missing_frac <= 1.0
    shares = [getattr(k, f.name) for f in fields(Kpis) if f.name.endswith("_frac")]
    assert all(math.isnan(share) or 0.0 <= share <= 1.0 for share in shares)
    assert not k.above_allowable_frac > k.above_recommended_frac
    assert not k.inlet_change_15min_k > k.inlet_change_60min_k
    json.dumps(k.to_dict(), allow_nan=False)
