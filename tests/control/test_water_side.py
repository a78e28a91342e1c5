"""The price of heat by the water: near the truth of a plant that does not follow it, and none where it cannot hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.control.beside import beside
from airhandler.control.counterfactual import counterfactual
from airhandler.control.power_model import parts_of
from airhandler.control.savings import Savings, savings
from airhandler.control.table import TickTable
from airhandler.control.water_side import Water, price, waters
from tests.control.shadow_scenes import shadow_table, wiser
from tests.control.water_scenes import OWN_WATER, true_water_savings_kwh, water_table

WARM_WATER = (12.0, 22.0)


def _estimate(table: TickTable) -> Savings:
    run = beside(table)
    return savings(run, counterfactual(run))


def _price(chilled_c: float, condenser_c: float, wet_bulb_c: float) -> float:
    water = Water(chilled_c=np.array([chilled_c]), condenser_c=np.array([condenser_c]))
    return float(price(water, np.array([wet_bulb_c]))[0])


def test_the_price_is_that_of_carnot_pumps_and_tower_at_the_rating() -> None:
    rated = _price(6.7, 29.4, 25.4)
    assert rated == pytest.approx(35.7 / 275.85 + 0.030 + 0.018, rel=1e-3)
    assert 35.7 / 275.85 / rated == pytest.approx(0.73, abs=0.005)  # the chiller's share


@given(
    chilled_c=st.floats(5, 20),
    warmer_k=st.floats(0, 10),
    condenser_c=st.floats(10, 35),
    approach_k=st.floats(0, 20),
)
def test_warmer_chilled_water_and_a_nearer_wet_bulb_never_reverse(
    chilled_c: float, warmer_k: float, condenser_c: float, approach_k: float
) -> None:
    now = _price(chilled_c, condenser_c, condenser_c - approach_k)
    assert math.isfinite(now)
    assert now > 0.0
    assert _price(chilled_c + warmer_k, condenser_c, condenser_c - approach_k) <= now
    assert _price(chilled_c, condenser_c, condenser_c - approach_k - warmer_k) <= now


def test_warmer_chilled_water_alone_is_priced() -> None:
    found = _estimate(water_table(asked=WARM_WATER))
    truth = true_water_savings_kwh(OWN_WATER, WARM_WATER)
    assert found.told, found.why_not
    assert found.saved_kwh == pytest.approx(truth, rel=0.25)
    assert found.low_kwh <= truth <= found.high_kwh


def test_water_and_air_that_move_together_are_priced() -> None:
    found = _estimate(water_table(asked=WARM_WATER, controller=wiser))
    truth = true_water_savings_kwh(OWN_WATER, WARM_WATER, controller=wiser)
    assert found.told, found.why_not
    assert found.saved_kwh == pytest.approx(truth, rel=0.1)
    assert found.low_kwh <= truth <= found.high_kwh
    assert [part.name for part in found.parts] == ["supply fans", "cooling of air", "chilled water", "servers"]


def test_colder_chilled_water_costs() -> None:
    found = _estimate(water_table(water=WARM_WATER, asked=OWN_WATER))
    assert found.told
    assert found.saved_kwh == pytest.approx(true_water_savings_kwh(WARM_WATER, OWN_WATER), rel=0.25)
    assert found.saved_kwh < 0.0


def test_the_same_water_saves_nothing_where_the_tower_cannot_give_what_is_asked_for() -> None:
    run = beside(water_table(days=2))
    assert (run.during("condenser_water_temp_c") > OWN_WATER[1] + 0.5).any()
    chilled = {part.name: part for part in parts_of(run, counterfactual(run))}["chilled water"]
    heats_apart = np.abs(chilled.asked - chilled.stood) / np.maximum(1.0, chilled.stood)
    assert np.quantile(heats_apart, 0.95) < 0.05  # airflow follows the servers of one step before, and no more


def test_condenser_water_below_the_tower_s_reach_is_not_sold() -> None:
    run = beside(water_table(asked=(7.0, 16.0), days=2))
    both = waters(run)
    assert both is not None
    stood_c, would_c, shown_c = both[0].condenser_c, both[1].condenser_c, run.during("condenser_water_temp_c")
    assert stood_c == pytest.approx(shown_c)  # 22 degC, and what the tower could where it could not
    assert would_c == pytest.approx(np.maximum(16.0, np.minimum(shown_c, run.wet_bulb_c + 3.0)))
    assert would_c.min() == 16.0
    assert would_c.max() > 22.5


def test_heaters_of_basins_are_no_cooling() -> None:
    def frost(step: int, values: dict[str, float | None]) -> None:
        if step < 96:
            values["outdoor_air_temp_c"] = -3.0

    run = beside(water_table(days=2, change=frost))
    chilled = {part.name: part for part in parts_of(run, counterfactual(run))}["chilled water"]
    assert chilled.stood[10, 1] == chilled.asked[10, 1] == 8.0
    assert chilled.stood[150, 1] == 0.0


@pytest.mark.parametrize(
    "lost",
    ["chilled_water_power_w", "chilled_water_supply_temp_c", "condenser_water_temp_c", "outdoor_wet_bulb_temp_c"],
)
def test_a_site_that_does_not_tell_its_water_cannot_be_told(lost: str) -> None:
    def lose(step: int, values: dict[str, float | None]) -> None:
        values[lost] = None

    found = _estimate(water_table(asked=WARM_WATER, days=2, change=lose))
    assert not found.told
    assert "chilled_water_supply_temp_setpoint_c" in found.why_not
    assert "priced only beside chilled_water_power_w" in found.why_not


@pytest.mark.parametrize("declared", [True, None])
def test_a_plant_that_may_cool_past_its_chiller_cannot_be_told(declared: bool | None) -> None:
    table = water_table(asked=WARM_WATER, days=2)
    file = table.building.file.model_copy(update={"water_side_economiser": declared})
    table.building = replace(table.building, file=file)
    found = _estimate(table)
    assert not found.told
    assert "water_side_economiser: false" in found.why_not


def test_air_that_is_colder_than_its_water_cannot_be_told() -> None:
    found = _estimate(water_table(asked=(17.5, 22.0), days=2))
    assert not found.told
    assert "supply air is asked for that such chilled water cannot make" in found.why_not


def test_a_building_without_chilled_water_keeps_its_parts() -> None:
    run = beside(shadow_table(days=2))
    names = [part.name for part in parts_of(run, counterfactual(run))]
    assert names == ["supply fans", "cooling", "servers"]
