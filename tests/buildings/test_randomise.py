"""What is drawn for a run: within its range, decided by variant and seed, and felt by the simulation."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from airhandler.buildings.catalog import Building, building_ids, expand, find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.random_quantities import Randomise, RandomQuantity
from airhandler.buildings.randomise import NOTHING_DRAWN, draw, find_randomise, varied
from airhandler.buildings.scenario import Scenario
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather

DX = find_building("datacentre-dx")
CENTRES = [name for name in building_ids() if find_building(name).file.randomise is not None]
JULY = Period(start=(7, 15), days=1)


def section(name: str) -> Randomise:
    declared = find_building(name).file.randomise
    assert declared is not None
    return declared


def one(**fields: object) -> Randomise:
    return Randomise.model_validate({"quantities": [{"why": "a test", **fields}]})


@pytest.mark.parametrize("name", CENTRES)
def test_what_a_building_draws_is_in_its_range_and_decided_by_variant_and_seed(name: str) -> None:
    building, declared = find_building(name), section(name)
    drawn = [draw(declared, building, variant=v, seed=s) for v, s in itertools.product((0, 1, -1), (0, 1))]
    again = draw(declared, building, variant=0, seed=0)
    assert drawn[0].values == again.values
    assert drawn[0].parameters == drawn[1].parameters  # of the variant alone
    assert len({tuple(d.parameters.values()) for d in drawn}) == 3
    assert len({tuple(d.values.values()) for d in drawn}) == 6
    for quantity in declared.quantities:
        low, high = quantity.ends
        target = quantity.parameter or quantity.drive or quantity.sensor or ""
        names = [n for n in again.values if n.partition(":")[0] in {target, *zonal(building, target)}]
        names = [n for n in names if n.partition(":")[2] == (quantity.kind or "")]
        assert names
        assert all(low <= d.values[n] <= high for d in drawn for n in names)


def zonal(building: Building, template: str) -> list[str]:
    return [template.replace("{zone}", zone) for zone in building.zones]


def test_a_quantity_more_leaves_what_is_drawn_for_the_others() -> None:
    declared = section("datacentre-dx")
    fewer = declared.model_copy(update={"quantities": declared.quantities[1:]})
    whole, part = (draw(d, DX, variant=2, seed=5).values for d in (declared, fewer))
    assert {n: v for n, v in whole.items() if n in part} == part
    assert len(part) < len(whole)


def test_a_choice_draws_each_of_its_values() -> None:
    values = {
        draw(one(parameter="coil_cop", choice=[2.5, 3.5]), DX, variant=v, seed=0).values["coil_cop"] for v in range(9)
    }
    assert values == {2.5, 3.5}


def test_another_variant_is_another_model_and_the_same_one_is_made_once() -> None:
    drawn = draw(section("datacentre-dx"), DX, variant=0, seed=0)
    assert varied(DX, drawn.parameters) is varied(DX, dict(drawn.parameters))
    assert varied(DX, drawn.parameters).file.parameters["leak_frac"] == drawn.values["leak_frac"]
    assert varied(DX, NOTHING_DRAWN.parameters) is DX


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "give one of 'parameter', 'drive' and 'sensor'"),
        ({"parameter": "x", "drive": "y", "low": 0, "high": 1}, "give one of"),
        ({"parameter": "x"}, "give either 'low' and 'high', or 'choice'"),
        ({"parameter": "x", "low": 0}, "give either"),
        ({"parameter": "x", "low": 0, "high": 1, "choice": [1]}, "give either"),
        ({"parameter": "x", "low": 2, "high": 1}, "low must not be above high"),
        ({"parameter": "x", "low": 0, "high": float("inf")}, "finite"),
        ({"parameter": "x", "kind": "bias", "low": 0, "high": 1}, "kind .* belongs to a sensor"),
        ({"sensor": "x", "low": 0, "high": 1}, "a sensor needs it"),
        ({"sensor": "x", "kind": "noise", "low": -1, "high": 1}, "noise must be 0 or more"),
        ({"sensor": "x", "kind": "delay", "choice": [0.5]}, "whole control steps"),
        ({"sensor": "x", "kind": "delay", "low": 0, "high": 2}, "whole control steps"),
    ],
)
def test_a_quantity_that_is_not_whole_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RandomQuantity.model_validate({"why": "a test", **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("parameter: leek_frac, low: 0, high: 1", "has no parameter 'leek_frac'; nearest: leak_frac"),
        ("drive: east_coil, low: 0.5, high: 1", "has no drive 'east_coil'; it has: it_load_frac, east_compressor_"),
        ("drive: it_load_frac, low: 0.5, high: 2", "it_load_frac must stay within 0 to 1"),
        ("sensor: east_inlet, kind: bias, low: 0, high: 1", "measures no 'east_inlet'; nearest: east_inlet_"),
        ("parameter: leak_frac, low: 1", "give either"),
    ],
)
def test_a_file_that_does_not_fit_the_building_is_refused_in_a_line(fields: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"quantities: [{{{fields}, why: a test}}]\n")
    with pytest.raises(UserError) as refused:
        find_randomise(str(path), DX)
    assert said in str(refused.value)
    assert "mine.yaml: quantities.0" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_building_without_a_section_and_one_with_a_wrong_section_are_refused() -> None:
    bare = DX.file.model_copy(update={"randomise": None})
    with pytest.raises(UserError, match="its file has no section 'randomise'"):
        find_randomise("default", expand(bare))
    twice = Randomise(quantities=one(parameter="leak_frac", choice=[0.1]).quantities * 2)
    with pytest.raises(UserError, match="datacentre-dx: randomise: leak_frac stands twice"):
        expand(DX.file.model_copy(update={"randomise": twice}))


def test_an_episode_says_what_it_drew_and_an_option_names_the_variant() -> None:
    env = BuildingEnv(start=(7, 15), days=1, randomise="default")
    (first, told), (again, told_again), (_, other) = (env.reset(seed=seed) for seed in (3, 3, 4))
    _, unseen = env.reset(seed=3, options={"randomise": -1})
    env.close()
    np.testing.assert_array_equal(first, again)
    assert told["randomised"] == told_again["randomised"] != other["randomised"]
    assert told["randomised"]["leak_frac"] in variants(DX)
    assert unseen["randomised"]["leak_frac"] not in variants(DX)


def variants(building: Building) -> list[float]:
    declared = section(building.id)
    return [draw(declared, building, variant=v, seed=0).values["leak_frac"] for v in range(declared.variants)]


def test_without_randomisation_nothing_is_said() -> None:
    env = BuildingEnv(start=(7, 15), days=1)
    _, told = env.reset(seed=3)
    env.close()
    assert set(told) == {"weather", "time"}


def test_what_is_drawn_and_commanded_too_is_refused() -> None:
    through = Scenario(it_load="daily", randomise=one(drive="it_load_frac", choice=[0.5]))
    with pytest.raises(UserError, match="it_load_frac: both drawn by randomise and commanded by it_load"):
        SimulatedSite(DX, find_weather("chicago"), JULY, scenario=through)


def ended(building: Building, quantity: RandomQuantity, value: float) -> tuple[dict[str, float], dict[str, float]]:
    """Sums of a day under the building's own control with one value drawn: of the truth, and of what sensors show."""
    fixed = quantity.model_copy(update={"low": None, "high": None, "choice": (value,)})
    through = Scenario(randomise=Randomise(quantities=(fixed,)))
    site = SimulatedSite(building, find_weather("tucson"), JULY, scenario=through)
    truth, seen = dict[str, float](), dict[str, float]()
    try:
        while site.advance():
            for sums, reading in ((truth, site.truth()), (seen, site.read())):
                for name, is_now in reading.values.items():
                    sums[name] = sums.get(name, 0.0) + (is_now or 0.0)
    finally:
        site.close()
    return truth, seen


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CENTRES if name not in ("data-hall-16", "data-hall-64")])
def test_each_quantity_that_is_drawn_is_felt(name: str) -> None:
    building = find_building(name)
    total = building.file.meters.total
    for quantity in section(name).quantities:
        truth, seen = ended(building, quantity, quantity.ends[1])
        if quantity.sensor is None:
            other, _ = ended(building, quantity, quantity.ends[0])
            assert abs(truth[total] - other[total]) > 1e-4 * truth[total], quantity
        else:
            changed = {point for point in truth if seen[point] != truth[point]}
            assert changed == {*zonal(building, quantity.sensor)}, quantity
