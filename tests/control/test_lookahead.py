"""Look-ahead: futures from one moment, through the same loop."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.model import Period
from airhandler.buildings.points import Setpoints
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.control.lookahead import Moment, branch
from airhandler.control.registry import find_controller
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Adjusted, Allowed

BUILDING = find_building("datacentre-dx")


pytestmark = pytest.mark.slow


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedSite]:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    site = SimulatedSite(BUILDING, find_weather("chicago"), Period(start=(7, 10), days=2))
    yield site
    site.close()


def constant(supply_c: float) -> Setpoints:
    return Setpoints({p.name: supply_c if p.unit == "degC" else 4.0 for p in BUILDING.setpoints})


def test_each_future_has_its_ticks_and_the_site_does_not_move(site: SimulatedSite) -> None:
    reset = find_controller("outdoor-reset", BUILDING)
    assert reset is not None
    before = site.read()
    futures = branch(site, [[constant(18.0)], [constant(24.0)], reset], 24, step_s=BUILDING.step_s, processes=2)
    assert [len(ticks) for ticks in futures] == [25, 25, 25]
    assert all(ticks[0].reading == before for ticks in futures)
    assert site.read() == before
    cool, warm, _ = (ticks[-1].reading["east_inlet_temp_c"] for ticks in futures)
    assert warm > cool + 3


def test_a_future_ends_with_the_period(site: SimulatedSite) -> None:
    (ticks,) = branch(site, [[constant(20.0)]], 500, step_s=BUILDING.step_s)
    assert len(ticks) == 2 * 96 + 1


def test_a_plan_is_followed_step_by_step(site: SimulatedSite) -> None:
    plan = [constant(18.0), constant(19.0), constant(20.0)]
    (ticks,) = branch(site, [plan], 4, step_s=BUILDING.step_s)
    asked = [t.proposal.setpoints["east_supply_air_temp_setpoint_c"] for t in ticks if t.proposal]
    assert asked == [18.0, 19.0, 20.0, 20.0, 20.0]


def test_the_shield_judges_a_future_from_what_is_in_force(site: SimulatedSite) -> None:
    moment = Moment(in_force=constant(20.0), history=[site.read()])
    (ticks,) = branch(site, [[constant(26.0)]], 2, step_s=BUILDING.step_s, shield=Shield(BUILDING), moment=moment)
    first = ticks[0].verdict
    assert isinstance(first, Adjusted)
    assert first.setpoints["east_supply_air_temp_setpoint_c"] == pytest.approx(22.5)
    (still,) = branch(site, [[constant(20.0)]], 2, step_s=BUILDING.step_s, shield=Shield(BUILDING), moment=moment)
    assert all(isinstance(t.verdict, Allowed) for t in still)
