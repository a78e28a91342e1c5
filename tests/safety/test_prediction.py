"""The balances, against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.known import Array
from airhandler.safety import prediction
from airhandler.safety.prediction import IdleShares, ZoneAir

LEAK = np.array([0.05])
AIR = ZoneAir(
    hot_temp_c=np.array([36.0]),
    heat_k_kg_s=np.array([36.0]),
    server_flow_kg_s=np.array([3.0]),
    excess_k=np.array([0.5]),
    missed_k=np.array([0.0]),
)
IDLE = IdleShares(heat_frac=0.3, flow_frac=0.5)


def zone(low: float, high: float) -> st.SearchStrategy[Array]:
    """A value of one zone."""
    return st.floats(low, high).map(lambda value: np.array([value]))


airs = st.builds(
    ZoneAir,
    hot_temp_c=zone(10, 60),
    heat_k_kg_s=zone(0, 200),
    server_flow_kg_s=zone(0, 10),
    excess_k=zone(0, 8),
    missed_k=zone(0, 8),
)
leaks = zone(0, 0.5)
flows = zone(0.5, 10)
setpoints = zone(5, 40)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """As the callers have it: a division by zero gives what is right where it is met."""
    with np.errstate(all="ignore"):
        yield


def test_air_as_measured_is_what_the_sensors_say() -> None:
    air = prediction.measured_air(
        zone_temp_c=36.0,
        supply_temp_c=24.0,
        supply_flow_kg_s=3.0,
        server_flow_kg_s=2.8,
        commanded_temp_c=23.5,
        missed_k=0.2,
    )
    assert air == ZoneAir(36.0, 36.0, 2.8, 0.5, 0.2)


def test_air_as_measured_keeps_small_values() -> None:
    small = {"zone_temp_c": 24.5, "supply_temp_c": 24.25, "supply_flow_kg_s": 0.5, "server_flow_kg_s": 0.5}
    air = prediction.measured_air(**small, commanded_temp_c=24.0, missed_k=0.0)
    assert air == ZoneAir(24.5, 0.125, 0.5, 0.25, 0.0)


def test_air_as_measured_has_no_negative_part() -> None:
    air = prediction.measured_air(
        zone_temp_c=20.0,
        supply_temp_c=24.0,
        supply_flow_kg_s=-0.1,
        server_flow_kg_s=-0.1,
        commanded_temp_c=25.0,
        missed_k=0.0,
    )
    assert air == ZoneAir(20.0, 0.0, 0.0, 0.0, 0.0)


def test_inlet_with_enough_air_is_supply_and_leak() -> None:
    # 0.95 * 24.5 + 0.05 * max(36, 24.5 + 36 / 3)
    assert prediction.inlet_temp_c(AIR, LEAK, 24.0, 3.0) == pytest.approx(25.1)


def test_inlet_counts_the_hotter_side_that_less_air_brings() -> None:
    # R = 1 - 0.95 * 2 / 3 = 0.36667; T_hot = 24.5 + 36 / 2 = 42.5, above the 36 measured
    assert prediction.inlet_temp_c(AIR, LEAK, 24.0, 2.0) == pytest.approx(24.5 + 0.366667 * 18.0, abs=1e-4)


def test_inlet_counts_the_measured_hot_side_while_it_is_hotter() -> None:
    # The supply is on its way down: balance 16.5 + 12 = 28.5, measured still 36
    assert prediction.inlet_temp_c(AIR, LEAK, 16.0, 3.0) == pytest.approx(0.95 * 16.5 + 0.05 * 36.0)


def test_inlet_counts_what_the_balance_misses() -> None:
    missed = AIR._replace(missed_k=np.array([1.5]))
    assert prediction.inlet_temp_c(missed, LEAK, 24.0, 3.0) == pytest.approx(26.6)


def test_load_step_adds_heat_and_airflow() -> None:
    later = prediction.after_load_step(AIR, IDLE, 0.5, 0.25)
    # (0.3 + 0.7 * 0.75) / (0.3 + 0.7 * 0.5) and (0.5 + 0.5 * 0.75) / (0.5 + 0.5 * 0.5)
    assert later.heat_k_kg_s == pytest.approx(36.0 * 0.825 / 0.65)
    assert later.server_flow_kg_s == pytest.approx(3.0 * 0.875 / 0.75)
    assert (later.hot_temp_c, later.excess_k, later.missed_k) == (36.0, 0.5, 0.0)


@pytest.mark.parametrize(("load_frac", "later_frac"), [(0.9, 1.0), (1.0, 1.0), (1.1, 1.1)])
def test_load_step_ends_at_full_load(load_frac: float, later_frac: float) -> None:
    growth = prediction.load_growth(IDLE.heat_frac, load_frac, later_frac)
    assert prediction.after_load_step(AIR, IDLE, load_frac, 0.25).heat_k_kg_s == pytest.approx(36.0 * growth)


def test_highest_setpoint_is_where_the_inlet_meets_the_limit() -> None:
    # Limit 27, R = 0.05: balance 27 - 0.05 * 12 = 26.4, measured (27 - 1.8) / 0.95 = 26.526; less excess 0.5
    assert prediction.highest_setpoint_c(AIR, LEAK, 3.0, 27.0) == pytest.approx(25.9)


@given(airs, leaks, flows, st.floats(15, 35))
def test_highest_setpoint_gives_the_limit_exactly(air: ZoneAir, leak: Array, flow: Array, limit_c: float) -> None:
    highest_c = prediction.highest_setpoint_c(air, leak, flow, limit_c)
    if highest_c > -1e3:  # nearly all the air is hot: no supply temperature helps
        assert prediction.inlet_temp_c(air, leak, highest_c, flow) == pytest.approx(limit_c, abs=1e-6)


def test_highest_setpoint_does_not_exist_without_supply_air() -> None:
    assert prediction.highest_setpoint_c(AIR, LEAK, 0.0, 27.0) == float("-inf")


def test_least_flow_stops_what_recirculates_too_much() -> None:
    # Limit 27, supply 22.5, room 4.5 K. Measured: R <= 4.5 / 13.5 = 1/3, m >= 3 / 0.95 * 2/3 = 2.105.
    # Balance: 36 / (4.5 + 0.95 * 36 / 3) = 2.264, the greater.
    assert prediction.least_flow_kg_s(AIR, LEAK, 22.0, 27.0) == pytest.approx(2.2642, abs=1e-4)


def test_least_flow_is_little_where_the_hot_side_is_hardly_above_the_limit() -> None:
    # Room 4.5 K, no heat, 0.2 K above the limit: 3 / 0.95 * 0.2 / 4.7
    tepid = AIR._replace(hot_temp_c=np.array([27.2]), heat_k_kg_s=np.array([0.0]))
    assert prediction.least_flow_kg_s(tepid, LEAK, 22.0, 27.0) == pytest.approx(0.1344, abs=1e-4)
    assert prediction.least_flow_kg_s(tepid, LEAK, 22.0, 27.5) == 0.0


def test_least_flow_serves_few_servers_and_little_room() -> None:
    # Room 1 K; by heat 36 / (1 + 0.95 * 36 / 3), by the hot side 3 / 0.95 * 9 / 10 = 2.84
    assert prediction.least_flow_kg_s(AIR, LEAK, 25.5, 27.0) == pytest.approx(36.0 / 12.4)
    # Half a kg/s of server air: 0.5 / 0.95 * 9 / 13.5 = 0.351 by the hot side, without heat
    few = AIR._replace(server_flow_kg_s=np.array([0.5]), heat_k_kg_s=np.array([0.0]))
    assert prediction.least_flow_kg_s(few, LEAK, 22.0, 27.0) == pytest.approx(0.3509, abs=1e-4)


@pytest.mark.parametrize("hot_temp_c", [20.0, 40.0])
@pytest.mark.parametrize("setpoint_c", [26.5, 30.0])
def test_least_flow_stops_recirculation_where_the_supply_itself_is_too_warm(
    hot_temp_c: float, setpoint_c: float
) -> None:
    air = AIR._replace(hot_temp_c=np.array([hot_temp_c]))
    assert prediction.least_flow_kg_s(air, LEAK, setpoint_c, 27.0) == 3.0


@given(airs, leaks, setpoints, st.floats(15, 35))
def test_least_flow_keeps_the_limit_or_is_all_that_helps(
    air: ZoneAir, leak: Array, setpoint_c: Array, limit_c: float
) -> None:
    least = prediction.least_flow_kg_s(air, leak, setpoint_c, limit_c)
    assert 0.0 <= least < math.inf
    if least > 0.01 and prediction.inlet_temp_c(air, leak, setpoint_c, least) > limit_c + 1e-6:
        assert prediction.inlet_temp_c(air, leak, setpoint_c, 100.0 * least) > limit_c


@given(airs, leaks, setpoints, setpoints, flows, flows)
def test_inlet_falls_with_cooler_supply_and_with_more_of_it(
    air: ZoneAir, leak: Array, one_c: Array, other_c: Array, one_kg_s: Array, other_kg_s: Array
) -> None:
    low_c, high_c = sorted((one_c, other_c))
    little, much = sorted((one_kg_s, other_kg_s))
    assert (
        prediction.inlet_temp_c(air, leak, low_c, little) <= prediction.inlet_temp_c(air, leak, high_c, little) + 1e-9
    )
    assert prediction.inlet_temp_c(air, leak, low_c, much) <= prediction.inlet_temp_c(air, leak, low_c, little) + 1e-9
