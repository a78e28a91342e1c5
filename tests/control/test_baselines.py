"""The rules, on given readings: numbers by hand."""

from __future__ import annotations

import pytest

from airhandler.buildings.errors import UserError
from airhandler.control.registry import BASELINES, find_controller, make_baseline
from tests.fakes import BUILDING, healthy

RESET = {
    "supply_cold_c": 18.0,
    "supply_warm_c": 26.0,
    "outdoor_low_c": 10.0,
    "outdoor_span_k": 8.0,
    "flow_ratio": 1.1,
}
TRIM = {
    "target_c": 25.0,
    "request_k": 1.0,
    "trim_k": 0.2,
    "respond_k": 0.5,
    "respond_max_k": 1.5,
    "flow_ratio": 1.0,
}


@pytest.mark.parametrize(
    ("outdoor_c", "supply_c"), [(5.0, 18.0), (10.0, 18.0), (14.0, 22.0), (18.0, 26.0), (30.0, 26.0)]
)
def test_outdoor_reset_is_a_line_between_two_levels(outdoor_c: float, supply_c: float) -> None:
    reading = healthy(outdoor_air_temp_c=outdoor_c, east_server_airflow_kg_s=3.0, west_server_airflow_kg_s=4.0)
    setpoints = make_baseline("outdoor-reset", BUILDING, RESET).propose(reading)
    assert setpoints["east_supply_air_temp_setpoint_c"] == pytest.approx(supply_c)
    assert setpoints["east_supply_airflow_setpoint_kg_s"] == pytest.approx(3.3)
    assert setpoints["west_supply_airflow_setpoint_kg_s"] == pytest.approx(4.4)


def test_outdoor_reset_with_no_span_is_a_switch() -> None:
    controller = make_baseline("outdoor-reset", BUILDING, {**RESET, "outdoor_span_k": 0.0})
    supply = "east_supply_air_temp_setpoint_c"
    assert controller.propose(healthy(outdoor_air_temp_c=10.0))[supply] == 18.0
    assert controller.propose(healthy(outdoor_air_temp_c=10.1))[supply] == 26.0


def test_trim_and_respond_rises_until_an_inlet_asks() -> None:
    controller = make_baseline("trim-respond", BUILDING, TRIM)
    supply = "east_supply_air_temp_setpoint_c"
    start = controller.propose(healthy())[supply]
    assert controller.propose(healthy())[supply] == pytest.approx(start + 0.2)
    one = controller.propose(healthy(east_inlet_temp_c=25.5))[supply]
    assert one == pytest.approx(max(17.6, start + 0.2 - 0.5))
    for _ in range(20):
        controller.propose(healthy())
    high = controller.propose(healthy())[supply]
    both = controller.propose(healthy(east_inlet_temp_c=26.5, west_inlet_temp_c=29.5))[supply]
    assert high - both == pytest.approx(1.5), "two and five requests ask for more than the greatest response"


def test_trim_and_respond_begins_anew_after_a_reset() -> None:
    controller = make_baseline("trim-respond", BUILDING, TRIM)
    first = controller.propose(healthy())
    controller.propose(healthy())
    controller.reset()
    assert dict(controller.propose(healthy())) == dict(first)


def test_constant_is_a_share_of_each_zones_airflow() -> None:
    controller = make_baseline("constant", BUILDING, {"supply_c": 24.0, "airflow_frac": 0.5})
    assert controller.propose(healthy())["west_supply_airflow_setpoint_kg_s"] == pytest.approx((2.0 + 6.5) / 2)


@pytest.mark.parametrize("name", BASELINES["data centre"])
def test_every_rule_has_its_parameters_in_the_building_file(name: str) -> None:
    controller = find_controller(name, BUILDING)
    assert controller is not None
    setpoints = controller.propose(healthy())
    assert {p.name for p in BUILDING.setpoints} == set(setpoints)
    for point in BUILDING.setpoints:
        assert point.low <= setpoints[point.name] <= point.high


def test_a_rule_raises_on_a_reading_that_lacks_what_it_needs() -> None:
    controller = make_baseline("outdoor-reset", BUILDING, RESET)
    with pytest.raises(KeyError, match="outdoor_air_temp_c"):
        controller.propose(healthy(outdoor_air_temp_c=None))


def test_stock_is_no_controller() -> None:
    assert find_controller("stock", BUILDING) is None


def test_an_unknown_controller_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean outdoor-reset"):
        find_controller("outdoor-rest", BUILDING)


def test_parameters_that_do_not_fit_are_named() -> None:
    with pytest.raises(UserError, match=r"lacking: airflow_frac unknown: airflow"):
        make_baseline("constant", BUILDING, {"supply_c": 24.0, "airflow": 0.5})
