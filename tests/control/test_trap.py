"""The trap: which optimum is which, and that real runs add up."""

from __future__ import annotations

import math

import pytest

from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.control.trap import SweepRun, sweep, trap, trap_row


def run(supply_c: float, hvac_kwh: float, total_kwh: float, inlet_max_c: float) -> SweepRun:
    return SweepRun(
        servers="stock",
        supply_c=supply_c,
        hvac_kwh=hvac_kwh,
        it_kwh=total_kwh - hvac_kwh,
        total_kwh=total_kwh,
        inlet_max_c=inlet_max_c,
    )


def test_both_optima_keep_the_inlets() -> None:
    runs = [run(14, 130, 920, 20.5), run(18, 115, 1400, 25.8), run(12, 129, 898, 20.5), run(19, 106, 890, 27.1)]
    found = trap(runs)
    assert (found.least_hvac.supply_c, found.least_total.supply_c) == (18, 12)
    assert trap_row(found.least_total)["pue"] == pytest.approx(898 / 769)


def test_a_sweep_of_hot_inlets_has_no_optimum() -> None:
    with pytest.raises(UserError, match="keeps the inlets at or below 27 degC"):
        trap([run(27, 100, 900, 31.0)])


@pytest.mark.slow
def test_a_warmer_supply_saves_hvac_and_costs_server_power() -> None:
    seen: list[SweepRun] = []
    runs = sweep(
        "datacentre-dx",
        "tucson",
        Period(start=(7, 10), days=1),
        servers=["volume-a2"],
        supplies_c=[18.0, 26.0],
        processes=2,
        on_run=seen.append,
    )
    cool, warm = runs
    assert seen == runs
    assert warm.hvac_kwh < cool.hvac_kwh
    assert warm.it_kwh > cool.it_kwh
    assert warm.inlet_max_c > cool.inlet_max_c > 18.0
    assert cool.total_kwh > cool.hvac_kwh + cool.it_kwh  # lights
    assert cool.total_kwh == pytest.approx(cool.hvac_kwh + cool.it_kwh, rel=0.01)


@pytest.mark.slow
def test_servers_that_run_away_are_no_optimum() -> None:
    runs = sweep(
        "datacentre-dx",
        "chicago",
        Period(start=(7, 1), days=7),
        servers=["stock"],
        supplies_c=[27.0],
        processes=1,
        on_run=lambda run: None,
    )
    assert runs[0].inlet_max_c == math.inf
    assert math.isnan(runs[0].total_kwh)
    with pytest.raises(UserError):
        trap(runs)
