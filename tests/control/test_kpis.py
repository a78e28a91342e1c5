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

from airhandler.buildings.catalog import with_world
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import WriteFailed
from airhandler.buildings.world import World
from airhandler.control.kpis import Kpis, above_k, below_k, kpis, windowed_change_k
from airhandler.control.table import TickTable
from tests.control.test_table import BUILDING, START, setpoints, table_of, tick, verdict

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
    # Heat 3 (22 - 20) = 6 before the servers, 2 (30 - 20) = 20 removed; R = 2 / 10, so 2.4 of 3 kg/s are supply air,
    # more than there is: what the inlets and the flows say does not fit, and bypass ends at 0.
    assert (k.shi, k.rhi, k.rti) == (_approx(6.0 / 26.0), _approx(20.0 / 26.0), _approx(150.0))
    assert (k.recirculation_frac, k.bypass_frac) == (_approx(0.2), 0.0)


def test_recirculation_and_bypass_are_those_of_the_worst_zone() -> None:
    # East: R = 1 / 10, 1.8 kg/s of its 2.5 reach a server; west: R = 2 / 10, 1.6 of 2.0.
    rows = {
        EAST: {"supply_temp": 20.0, "inlet_temp": 21.0, "zone_temp": 30.0, "supply_flow": 2.5, "server_flow": 2.0},
        WEST: {"supply_temp": 20.0, "inlet_temp": 22.0, "zone_temp": 30.0, "supply_flow": 2.0, "server_flow": 2.0},
    }
    k = kpis(_table({getattr(z, p): [value] * 5 for z, parts in rows.items() for p, value in parts.items()}))
    assert (k.recirculation_frac, k.bypass_frac) == (_approx(0.2), _approx(0.28))


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


def _in_world(columns: Mapping[str, Sequence[float | None]], cap_kw: float = 40.0) -> TickTable:
    """The five ticks of `_table`, 11.25 kWh a step, in a world; its signals as given."""
    table = _table(columns)
    world = World.model_validate_json(
        '{"tariff_usd_per_kwh": {"kind": "flat", "value": 0.1}, "carbon_kg_per_kwh": {"kind": "flat", "value": 0.4},'
        f' "events": {{"kind": "declared", "windows": [{{"start": "01-01 00:00", "hours": 1, "cap_kw": {cap_kw}}}]}}}}'
    )
    placed = TickTable(with_world(BUILDING, world))
    for n in range(len(table)):
        values = {name: float(table.measured[name][n]) for name in table.measured}
        values = {name: value for name, value in values.items() if value == value}
        placed.add(tick(n, values | {name: column[n] for name, column in columns.items()}))
    return placed


SIGNALS = {
    "tariff_usd_per_kwh": [0.1, 0.1, 0.2, 0.4, 99.0],
    "carbon_kg_per_kwh": [0.5, 0.3, 0.3, 0.3, 99.0],
    "event_active": [0.0, 1.0, 1.0, 0.0, 1.0],
    "event_cap_kw": [80.0, 40.0, 50.0, 80.0, 40.0],
}


def test_cost_carbon_and_events_are_by_the_signal_at_the_begin_of_each_step() -> None:
    k = kpis(_in_world(SIGNALS))
    assert k.total_kwh == _approx(45.0)
    assert k.cost_usd == _approx(11.25 * (0.1 + 0.1 + 0.2 + 0.4))
    assert k.carbon_kg == _approx(11.25 * (0.5 + 0.3 + 0.3 + 0.3))
    assert k.event_kwh == _approx(22.5)
    assert k.over_cap_kwh == _approx(11.25 - 40.0 / 4)


def test_an_event_by_price_alone_has_no_cap_that_energy_could_be_over() -> None:
    """45 kW through one event with a cap of 10 kW and one without, in which the signal reads twice the highest cap."""
    caps = {**SIGNALS, "event_cap_kw": [20.0, 10.0, 20.0, 20.0, 20.0]}
    assert kpis(_in_world(caps, cap_kw=10.0)).over_cap_kwh == _approx(11.25 - 10.0 / 4)


def test_a_step_without_a_price_makes_the_cost_unknown_and_without_energy_does_not() -> None:
    assert math.isnan(kpis(_in_world({**SIGNALS, "tariff_usd_per_kwh": [0.1, None, 0.1, 0.1, 0.1]})).cost_usd)
    k = kpis(_in_world({**SIGNALS, METERS.hvac: [0.0, 4000.0, None, 4000.0, 4000.0]}))
    assert k.cost_usd == _approx(11.25 * (0.1 + 0.2 + 0.4))


def test_without_a_world_there_is_no_cost() -> None:
    k = kpis(_table({}))
    assert [k.to_dict()[name] for name in ("cost_usd", "carbon_kg", "event_kwh", "over_cap_kwh")] == [None] * 4
