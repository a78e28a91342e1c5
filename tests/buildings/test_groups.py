"""Groups of zones in a building file: one entry a group, and each zone knows its own."""

from __future__ import annotations

import pytest

from airhandler.buildings.catalog import expand
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import BuildingFile, validate
from airhandler.buildings.templates import fill, for_zone, places
from tests.offices import MEDIUM

FILE = MEDIUM.file


def test_what_names_a_grouping_stands_once_for_every_group() -> None:
    assert fill({"{floor} unit": {"of": "{floor}"}}, FILE) == {f"{f} unit": {"of": f} for f in ("bot", "mid", "top")}


def test_a_zone_knows_its_groups() -> None:
    assert for_zone("{zone} on {floor} in {part}", "mid_east", FILE) == "mid_east on mid in mid_perimeter"
    made = fill({"{zone}": "{part}"}, FILE)
    assert len(made) == 15
    assert (made["top_core"], made["top_west"]) == ("top_core", "top_perimeter")


def test_what_names_nothing_stands_once() -> None:
    assert places("supply air", FILE) == [None]


def test_two_groupings_without_a_zone_are_refused() -> None:
    with pytest.raises(UserError, match="names floor and part"):
        places("{floor} {part}", FILE)


def test_roles_of_zones_share_what_their_groups_share() -> None:
    zones = MEDIUM.comfort_zones
    assert (
        zones["bot_east"].cooling_setpoint == zones["bot_west"].cooling_setpoint == "bot_perimeter_cooling_setpoint_c"
    )
    assert zones["bot_core"].cooling_setpoint != zones["bot_east"].cooling_setpoint
    assert zones["bot_core"].heating_setpoint == zones["bot_east"].heating_setpoint == "bot_heating_setpoint_c"
    assert zones["bot_core"].heating_setpoint != zones["mid_core"].heating_setpoint
    assert len(MEDIUM.setpoints) == 3 + 6 + 3


def test_a_zone_within_a_groups_rule_is_the_groups_first() -> None:
    rules = {**FILE.shield.setpoints}
    rules["{floor}_heating_setpoint_c"] = rules["{floor}_heating_setpoint_c"].model_copy(
        update={"shown_by": "{zone}_operative_temp_c"}
    )
    building = expand(FILE.model_copy(update={"shield": FILE.shield.model_copy(update={"setpoints": rules})}))
    shown = {p.name: r.shown_by for p, r in zip(building.setpoints, building.rules, strict=True)}
    assert [shown[f"{floor}_heating_setpoint_c"] for floor in ("bot", "mid", "top")] == [
        f"{zones[0]}_operative_temp_c" for zones in FILE.groups["floor"].values()
    ]


@pytest.mark.parametrize(
    ("members", "named"),
    [
        (["bot_core"], "bot_east"),
        (["bot_core", "bot_core"], "bot_core"),
        (["nowhere"], "nowhere"),
    ],
)
def test_groups_that_do_not_part_the_zones_are_refused(members: list[str], named: str) -> None:
    raw = {**FILE.model_dump(), "groups": {"floor": {"only": members}}}
    with pytest.raises(UserError, match=rf"groups\.floor: every zone must be in one group; see .*{named}"):
        validate(raw, BuildingFile, where="test")
