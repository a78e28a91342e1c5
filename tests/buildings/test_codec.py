"""Arrays from points and back."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import find_building
from airhandler.buildings.codec import AbsentValueError, Codec
from airhandler.buildings.points import Reading

BUILDING = find_building("datacentre-dx")
CODEC = Codec(BUILDING)
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def reading(**changes: float | None) -> Reading:
    """Every observed point in the middle of its scaling, but for the changes."""
    middle = {o.point: (o.low + o.high) / 2 for o in BUILDING.observations}
    return Reading(time=NOON, values={**middle, **changes})


def test_the_middle_of_every_range_is_zero_and_its_ends_are_one() -> None:
    assert CODEC.encode(reading())[4:] == pytest.approx(0.0, abs=1e-6)
    ends = CODEC.encode(reading(outdoor_air_temp_c=45.0, it_load_frac=0.0))
    assert ends[CODEC.names.index("outdoor_air_temp_c")] == 1.0
    assert ends[CODEC.names.index("it_load_frac")] == -1.0


def test_noon_is_half_a_turn() -> None:
    assert CODEC.encode(reading())[:2] == pytest.approx([0.0, -1.0], abs=1e-6)


@pytest.mark.parametrize("value", [None, float("nan")])
def test_an_absent_value_is_an_error_that_names_it(value: float | None) -> None:
    with pytest.raises(AbsentValueError, match="east_inlet_temp_c"):
        CODEC.encode(reading(east_inlet_temp_c=value))


def test_airflow_is_asked_for_as_a_multiple_of_what_the_servers_draw() -> None:
    one = CODEC.decode(np.array([-1, -1, 1, -1], dtype=np.float32), reading(east_server_airflow_kg_s=3.5))
    assert one["east_supply_airflow_setpoint_kg_s"] == pytest.approx(3.5)
    assert one["east_supply_air_temp_setpoint_c"] == pytest.approx(17.6)
    assert one["west_supply_air_temp_setpoint_c"] == pytest.approx(27.0)


action = st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4).map(lambda a: np.array(a, np.float32))
flow = st.floats(2.5, 3.9)


@given(action, flow, flow)
def test_decoding_and_encoding_come_back_to_the_action(a: np.ndarray, east: float, west: float) -> None:
    now = reading(east_server_airflow_kg_s=east, west_server_airflow_kg_s=west)
    again = CODEC.encode_setpoints(CODEC.decode(a, now), now)
    assert again == pytest.approx(a, abs=1e-5)


@given(st.lists(st.floats(allow_nan=False), min_size=4, max_size=4))
def test_no_action_leaves_the_limits(a: list[float]) -> None:
    setpoints = CODEC.decode(np.array(a), reading())
    for point in BUILDING.setpoints:
        assert point.low <= setpoints[point.name] <= point.high
