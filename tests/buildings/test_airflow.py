"""The balances of the air, against tables worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings import airflow
from airhandler.buildings.catalog import find_building
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather

A1 = THERMAL_CLASSES["A1"]
LEAK = 0.05

leaks = st.floats(0.0, 0.9)
flows = st.floats(0.1, 20.0)


# supply and servers [kg/s], R, B. Of 3 kg/s that servers draw, (1 - R) 3 are supply air.
@pytest.mark.parametrize(
    ("supply_kg_s", "server_kg_s", "recirculated", "bypassed"),
    [
        (4.0, 3.0, 0.05, 1 - 2.85 / 4),  # more than enough: the leak alone; 2.85 of 4 kg/s reach a server
        (3.0, 3.0, 0.05, 0.05),  # even: what leaks in is left over
        (1.5, 3.0, 0.525, 0.05),  # half: 1 - 0.95 / 2; 1.425 of 1.5 are taken
        (0.0, 3.0, 1.0, 0.0),  # no supply: all from the hot side
        (0.2, 0.5, 0.62, 0.05),  # little of both: 1 - 0.95 * 0.4
        (3.0, 0.0, 0.05, 1.0),  # servers stand still: all of it passes them by
    ],
)
def test_recirculation_and_bypass_are_what_the_balance_leaves(
    supply_kg_s: float, server_kg_s: float, recirculated: float, bypassed: float
) -> None:
    assert airflow.recirculation_frac(LEAK, supply_kg_s, server_kg_s) == pytest.approx(recirculated)
    assert airflow.bypass_frac(LEAK, supply_kg_s, server_kg_s) == pytest.approx(bypassed)


def test_a_tight_aisle_with_even_flows_neither_recirculates_nor_bypasses() -> None:
    assert airflow.recirculation_frac(0.0, 3.0, 3.0) == airflow.bypass_frac(0.0, 3.0, 3.0) == 0.0


@given(leaks, flows, flows)
def test_air_is_neither_made_nor_lost(leak: float, supply_kg_s: float, server_kg_s: float) -> None:
    recirculated = airflow.recirculation_frac(leak, supply_kg_s, server_kg_s)
    bypassed = airflow.bypass_frac(leak, supply_kg_s, server_kg_s)
    assert leak <= recirculated <= 1.0
    assert 0.0 <= bypassed <= 1.0
    assert (1 - recirculated) * server_kg_s == pytest.approx((1 - bypassed) * supply_kg_s)


def test_the_mixed_temperature_is_the_weighted_mean() -> None:
    # 0.9 * 20 + 0.1 * 35
    assert airflow.mixed_temp_c(20.0, 35.0, 0.1) == pytest.approx(21.5)


def _column(*values: float) -> Array:
    return np.array(values)[:, None]


# Two steps of one zone. Supply 20, hot side 30 degC; 2 kg/s drawn at 21 degC, then 4 kg/s at 22 degC.
#   rise            2 * 1 = 2     4 * 2 = 8     sum 10
#   whole           2 * 10 = 20   4 * 10 = 40   sum 60      R = 10 / 60
#   supply taken    2 * 0.9 = 1.8 4 * 0.8 = 3.2 sum 5.0 of 2 + 4 = 6 kg/s supplied        B = 1 / 6
INLET, SUPPLY, HOT = _column(21.0, 22.0), _column(20.0, 20.0), _column(30.0, 30.0)
SERVERS, SUPPLIED = _column(2.0, 4.0), _column(2.0, 4.0)


def test_recirculation_seen_is_weighted_by_airflow() -> None:
    assert airflow.seen_recirculation_frac(INLET, SUPPLY, HOT, SERVERS) == pytest.approx([10 / 60])


def test_bypass_seen_is_weighted_by_supply() -> None:
    assert airflow.seen_bypass_frac(INLET, SUPPLY, HOT, SUPPLIED, SERVERS) == pytest.approx([1 / 6])


def test_steps_that_tell_nothing_weigh_nothing() -> None:
    inlet = np.vstack([INLET, [[math.nan], [25.0]]])
    supply, hot = np.vstack([SUPPLY, [[20.0], [20.0]]]), np.vstack([HOT, [[30.0], [20.0]]])
    servers = np.vstack([SERVERS, [[3.0], [3.0]]])
    assert airflow.seen_recirculation_frac(inlet, supply, hot, servers) == pytest.approx([10 / 60])
    assert airflow.seen_bypass_frac(inlet, supply, hot, servers, servers) == pytest.approx([1 / 6])


def test_what_no_step_tells_is_not_known() -> None:
    same = _column(20.0, 20.0)
    assert np.isnan(airflow.seen_recirculation_frac(same, same, same, SERVERS)).all()
    assert np.isnan(airflow.seen_bypass_frac(same, same, same, SUPPLIED, SERVERS)).all()


@given(leaks, flows, flows, st.floats(10.0, 27.0), st.floats(1.0, 30.0))
def test_temperatures_show_what_the_balance_mixed(
    leak: float, supply_kg_s: float, server_kg_s: float, supply_c: float, rise_k: float
) -> None:
    recirculated = airflow.recirculation_frac(leak, supply_kg_s, server_kg_s)
    inlet_c = airflow.mixed_temp_c(supply_c, supply_c + rise_k, recirculated)
    air = (_column(inlet_c), _column(supply_c), _column(supply_c + rise_k))
    seen = airflow.seen_recirculation_frac(*air, _column(server_kg_s))
    assert seen == pytest.approx([recirculated], abs=1e-9)
    seen = airflow.seen_bypass_frac(*air, _column(supply_kg_s), _column(server_kg_s))
    assert seen == pytest.approx([airflow.bypass_frac(leak, supply_kg_s, server_kg_s)], abs=1e-9)


# The same two steps: dQ = 2 * 1 + 4 * 2 = 10 before the servers, Q = 2 * 10 + 4 * 10 = 60 removed.
def test_heat_indices_share_the_heat_out() -> None:
    assert airflow.shi(INLET, SUPPLY, HOT, SUPPLIED, SERVERS) == pytest.approx(10 / 70)
    assert airflow.rhi(INLET, SUPPLY, HOT, SUPPLIED, SERVERS) == pytest.approx(60 / 70)


def test_heat_index_is_that_of_the_temperatures_where_the_room_is_in_balance() -> None:
    # One zone: supply 20 degC at 3 kg/s, servers draw 4 kg/s and heat them by 9 K: the heat 4 * 9 = 3 * 12 makes the
    # return 32. R = 1 - 3/4, the inlet 20 + 12/4 = 23, the outlet 23 + 9 = 32: SHI = (23 - 20) / (32 - 20) = 1/4.
    air = [_column(v) for v in (23.0, 20.0, 32.0, 3.0, 4.0)]
    assert airflow.shi(*air) == pytest.approx(0.25)
    assert airflow.rti(air[3], air[4]) == pytest.approx(100 * (32 - 20) / 9)


def test_return_temperature_index_leaves_out_what_is_not_known() -> None:
    # (2 + 4) / (2 + 2) in the steps that both are known
    assert airflow.rti(_column(2.0, 2.0, math.nan), _column(2.0, 4.0, 9.0)) == pytest.approx(150.0)
    assert math.isnan(airflow.rti(_column(0.0), _column(1.0)))


def test_rack_cooling_indices_are_the_mean_excess_in_spans_of_the_allowable_range() -> None:
    # A1: recommended 18 to 27, allowable 15 to 32. Warm side: (0 + 1 + 4) / 3 / 5 K; cold side: (3 + 0 + 0) / 3 / 3 K.
    inlets = np.array([[15.0, 28.0, 31.0, math.nan]])
    assert airflow.rci_hi(inlets, A1) == pytest.approx(100 * (1 - 5 / 3 / 5))
    assert airflow.rci_lo(inlets, A1) == pytest.approx(100 * (1 - 1 / 3))
    assert airflow.rci_hi(np.full((3, 2), 32.0), A1) == pytest.approx(0.0)
    assert airflow.rci_lo(np.full((3, 2), 16.5), A1) == pytest.approx(50.0)
    assert airflow.rci_hi(np.full((3, 2), 27.0), A1) == airflow.rci_lo(np.full((3, 2), 18.0), A1) == 100.0


def test_energyplus_recirculates_and_bypasses_as_the_balance_says() -> None:
    # East starved, west flooded; the last of two steady hours, because flows reach the inlets a step later.
    building = find_building("datacentre-dx")
    run = InstrumentedRun(building, find_weather("chicago"), Period(start=(5, 1), days=1))
    run.start()
    for _ in range(12):
        values = run.step(np.array([20.0, 2.5, 20.0, 6.0]))
    assert values is not None
    reading = run.reading(values)
    run.close()
    leak = building.file.parameters["leak_frac"]
    shares = {}
    for name, zone in building.zones.items():
        flows = (reading[zone.supply_flow], reading[zone.server_flow])
        air = [_column(reading[part]) for part in (zone.inlet_temp, zone.supply_temp, zone.zone_temp)]
        seen = (
            airflow.seen_recirculation_frac(*air, _column(flows[1])),
            airflow.seen_bypass_frac(*air, *map(_column, flows)),
        )
        shares[name] = airflow.recirculation_frac(leak, *flows), airflow.bypass_frac(leak, *flows)
        assert [s.item() for s in seen] == pytest.approx(list(shares[name]), abs=0.01)
    assert shares["east"][0] > 0.1 > shares["west"][0]
    assert shares["east"][1] < 0.1 < shares["west"][1]
