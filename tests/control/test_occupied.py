"""Comfort in the KPIs, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from airhandler.control.kpis import kpis
from airhandler.control.occupied import discomfort_k, occupied_temps_c
from airhandler.control.table import TickTable
from tests.control.test_table import table_of, tick
from tests.offices import MEDIUM, SMALL, values

POWER = {"hvac_power_w": 4000.0, "other_power_w": 1000.0, "total_power_w": 5000.0}


def run(*steps: dict[str, float | None]) -> TickTable:
    """A run of the five-zone office: comfortable, with five people a zone, but for what each step changes."""
    return table_of([tick(n, {**values(SMALL), **POWER, **changes}) for n, changes in enumerate([{}, *steps])], SMALL)


def test_discomfort_is_of_the_worst_zone_with_people() -> None:
    """Steps: 1 and 3 K outside in two zones; 2 K too cold; nobody anywhere; comfort: a quarter of an hour each."""
    nobody = {f"{zone}_occupants": 0.0 for zone in SMALL.comfort_zones}
    k = kpis(
        run(
            {"south_operative_temp_c": 27.0, "east_operative_temp_c": 29.0},
            {"core_operative_temp_c": 18.0},
            {**nobody, "core_operative_temp_c": 2.0},
            {},
        )
    )
    assert k.uncomfortable_kh == pytest.approx((3.0 + 2.0) / 4)
    assert k.uncomfortable_frac == pytest.approx(2 / 3), "of the three steps with people"
    assert (k.occupied_min_c, k.occupied_max_c) == (18.0, 29.0)
    assert (k.missed_kh, k.missed_frac) == (k.uncomfortable_kh, k.uncomfortable_frac)


def test_office_has_no_inlets_and_no_pue() -> None:
    k = kpis(run({}))
    assert math.isnan(k.inlet_max_c)
    assert math.isnan(k.pue)
    assert k.to_dict()["above_recommended_frac"] is None
    assert k.total_kwh == pytest.approx(5000.0 / 4 / 1000)


def test_unknown_people_and_temperatures_are_no_comfort() -> None:
    table = run(
        {"south_occupants": None},
        {"south_operative_temp_c": None},
        {"south_operative_temp_c": None, "core_operative_temp_c": 27.0},
    )
    worst = discomfort_k(table)[1:]
    assert np.isnan(worst[0]).tolist() == [True, False, False, False, False]
    assert np.isnan(worst[1]).tolist() == [True, False, False, False, False]
    k = kpis(table)
    assert k.missing_frac == 1.0
    assert k.uncomfortable_frac == 1.0, "the one step in which the answer is known"
    assert k.uncomfortable_kh == pytest.approx(0.25)


def test_temperatures_are_of_occupied_zones_alone() -> None:
    temps = occupied_temps_c(run({"south_occupants": 0.0}))[1]
    assert np.isnan(temps[0])
    assert temps[1:].tolist() == [23.0] * 4


def test_gas_stands_beside_electricity() -> None:
    power = {"hvac_power_w": 4000.0, "other_power_w": 1000.0, "heating_gas_w": 8000.0}
    k = kpis(table_of([tick(n, {**values(MEDIUM), **power}) for n in range(5)], MEDIUM))
    assert (k.gas_kwh, k.total_kwh, k.site_kwh) == (pytest.approx(8.0), pytest.approx(5.0), pytest.approx(13.0))
