"""The truth by branches: the same simulation again, and what happens in it when the controller takes over."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.scenario import NORMAL
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.control.branch_truth import Simulated, branch_truth
from airhandler.control.controller import Controller
from airhandler.control.loop import Loop
from airhandler.control.registry import find_controller
from airhandler.control.table import TickTable
from airhandler.safety.shield import Shield

BUILDING = find_building("datacentre-dx")
OF = Simulated(weather="chicago", start=(7, 1), days=1, seed=0, scenario=NORMAL)


def _controller() -> Controller:
    controller = find_controller("outdoor-reset", BUILDING)
    assert controller is not None
    return controller


@pytest.fixture(scope="module")
def record() -> TickTable:
    """A day in shadow."""
    table = TickTable(BUILDING)
    site = SimulatedSite(BUILDING, find_weather(OF.weather), Period(start=OF.start, days=OF.days))
    Loop(
        site=site,
        clock=site.clock,
        step_s=BUILDING.step_s,
        controller=_controller(),
        shield=Shield(BUILDING),
        writer=None,
        on_tick=table.add,
    ).run()
    site.close()
    return table


@pytest.mark.slow
@pytest.mark.forks
def test_branches_show_what_happens_when_the_controller_takes_over(record: TickTable) -> None:
    estimated_w = np.arange(len(record) - 1, dtype=float)
    truth = branch_truth(record, OF, _controller(), estimated_w, every=30)
    # Branches at 30 and 60; at 90 there are not twelve steps left. Of twelve steps the last four are judged.
    assert truth.estimated_w.tolist() == [np.mean([38, 39, 40, 41]), np.mean([68, 69, 70, 71])]
    assert (truth.saved_w > 1000.0).all()
    assert (truth.warmest_c > 20.0).all()
    assert truth.above_allowable_frac == 0.0


@pytest.mark.slow
@pytest.mark.forks
def test_another_simulation_is_no_truth(record: TickTable) -> None:
    nothing = np.zeros(len(record) - 1)
    other = dataclasses.replace(OF, weather="tucson")
    with pytest.raises(UserError, match="the simulation is not the record's: outdoor_air_temp_c was"):
        branch_truth(record, other, _controller(), nothing, every=30)
    with pytest.raises(UserError, match="too short for branches"):
        branch_truth(record, OF, _controller(), nothing, every=95)
