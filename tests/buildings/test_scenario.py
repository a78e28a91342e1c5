"""A scenario in words, as JSON and back."""

from __future__ import annotations

import json

from airhandler.buildings.catalog import find_building
from airhandler.buildings.scenario import NORMAL, Scenario

FULL = Scenario(
    servers="dense-a2",
    it_load="bursty",
    faults=("dead-fan-east", "east_inlet_temp_c:bias=2"),
    stress=2,
    randomise=find_building("datacentre-dx").file.randomise,
)


def test_a_scenario_is_the_same_after_json() -> None:
    for scenario in (NORMAL, FULL):
        assert Scenario.from_dict(json.loads(json.dumps(scenario.to_dict()))) == scenario


def test_every_part_of_a_scenario_is_in_its_words() -> None:
    assert NORMAL.words == ""
    assert FULL.words == (
        "servers dense-a2; load bursty; faults dead-fan-east, east_inlet_temp_c:bias=2; stress 2; randomised"
    )


def test_only_servers_can_be_said_of_a_recorded_site() -> None:
    assert not NORMAL.is_of_simulation
    assert not Scenario(servers="dense-a2").is_of_simulation
    assert all(Scenario(**part).is_of_simulation for part in ({"it_load": "daily"}, {"faults": ("x",)}, {"stress": 1}))  # type: ignore[arg-type]
    assert Scenario(randomise=FULL.randomise).is_of_simulation
