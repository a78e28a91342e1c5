"""What a model has, as EnergyPlus itself lists it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.energyplus import Actuator, Variable
from airhandler.buildings.errors import SimulationError
from airhandler.buildings.names import matching, names_in
from airhandler.buildings.weather import find_weather

from .own_models import hall


def test_a_run_to_its_warm_up_lists_actuators_meters_variables_and_sizes() -> None:
    found = names_in(hall(), find_weather("chicago"), "zone air temp")
    assert Actuator("Fan", "Fan Air Mass Flow Rate", "EAST ZONE SUPPLY FAN") in found.actuators
    assert "ITE-CPU:InteriorEquipment:Electricity" in found.meters
    assert set(found.variables) == {
        Variable("Zone Air Temperature", f"{zone} {part}") for zone in ("EAST", "WEST") for part in ("ZONE", "PLENUM")
    }
    assert "ITE Air Inlet Dry-Bulb Temperature" in found.all_variables
    flows = [
        size for (name, quantity), size in found.sizes.items() if name == "east zone supply fan" and "flow" in quantity
    ]
    assert flows
    assert min(flows) > 1.0


def test_a_model_that_runs_sizing_periods_only_is_run_all_the_same() -> None:
    model = hall()
    del model["RunPeriod"]
    for fields in model["SimulationControl"].values():
        fields["run_simulation_for_weather_file_run_periods"] = "No"
    assert names_in(model, find_weather("chicago")).meters


def test_a_model_that_does_not_run_says_why() -> None:
    model = hall()
    del model["Schedule:Compact"]["Cooling Setpoints"]
    with pytest.raises(SimulationError, match="TEMPERATURE SETPOINTS"):
        names_in(model, find_weather("chicago"))


@given(names=st.lists(st.text(alphabet="abc ", min_size=1)), part=st.text(alphabet="abc ", min_size=1))
def test_a_pattern_matches_what_holds_it_in_any_case(names: list[str], part: str) -> None:
    assert matching(names, part.upper()) == [name for name in names if part in name]


def test_no_pattern_lists_nothing_and_a_star_everything() -> None:
    assert matching(["Fan", "Zone"], "") == []
    assert matching(["Fan", "Zone"], "*") == ["Fan", "Zone"]
    assert matching(["Fan Air Flow", "Fan"], "fan*flow") == ["Fan Air Flow"]
