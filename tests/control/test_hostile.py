"""Controllers that mean harm: what they ask for, who knows them, and what the shield makes of them."""

from __future__ import annotations

import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather
from airhandler.control.evaluate import evaluate
from airhandler.control.hostile import HOSTILE, Hostile
from airhandler.control.registry import find_controller
from tests.fakes import BUILDING, healthy

LIMITS = {p.name: (p.low, p.high) for p in BUILDING.setpoints}


@pytest.mark.parametrize("name", HOSTILE)
def test_they_stay_within_limits_and_begin_anew_after_a_reset(name: str) -> None:
    controller = Hostile(name, BUILDING)
    first = [dict(controller.propose(healthy()).by_name) for _ in range(50)]
    assert all(low <= asked[p] <= high for asked in first for p, (low, high) in LIMITS.items())
    controller.reset()
    assert [dict(controller.propose(healthy()).by_name) for _ in range(50)] == first


def test_bang_bang_is_at_an_end_and_goes_to_both() -> None:
    controller = Hostile("hostile-bang-bang", BUILDING)
    asked = [controller.propose(healthy()) for _ in range(100)]
    for point, ends in LIMITS.items():
        assert {a[point] for a in asked} == set(ends)


def test_heat_is_the_warmest_air_and_the_least() -> None:
    asked = Hostile("hostile-heat", BUILDING).propose(healthy())
    for point in BUILDING.setpoints:
        assert asked[point.name] == (point.high if point.unit == "degC" else point.low)


def test_they_are_known_only_where_asked_for() -> None:
    assert find_controller("hostile-heat", BUILDING, hostile=True) is not None
    with pytest.raises(UserError, match="neither known nor a bundle's folder"):
        find_controller("hostile-heat", BUILDING)


@pytest.mark.slow
@pytest.mark.parametrize("building", ["datacentre-dx", "datacentre-cw"])
@pytest.mark.parametrize("name", HOSTILE)
def test_the_shield_keeps_the_servers_from_them(name: str, building: str) -> None:
    where, july = find_building(building), Period(start=(7, 13), days=4)

    def above_frac(*, shielded: bool) -> tuple[float, float]:
        found = evaluate(Hostile(name, where), where, find_weather("tucson"), july, shielded=shielded).kpis
        return found.above_recommended_frac, found.above_allowable_frac

    assert above_frac(shielded=False)[0] > 0.005, "the most that is allowed with the shield"
    assert above_frac(shielded=True) == (0.0, 0.0)
