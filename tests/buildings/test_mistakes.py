"""What is wrong in a settings file is said with its place and the nearest right name."""

from __future__ import annotations

import pytest
from pydantic import Field

from airhandler.buildings.errors import UserError
from airhandler.buildings.mistakes import near
from airhandler.buildings.settings import validate
from airhandler.buildings.strict import Strict


class _Fan(Strict):
    airflow_kg_s: float
    drive: str = Field(default="direct", alias="belt")


class _Hall(Strict):
    fans: tuple[_Fan, ...] = Field(default=(), strict=False)
    by_name: dict[str, _Fan] = Field(default_factory=dict)
    spare: _Fan | None = None


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"fans": [{"airflow_kg_s": 1.0}, {"airflow_kgs": 1.0}]}, "fans.1.airflow_kgs: is no field here; did you mean"),
        (
            {"by_name": {"east": {"airflow_kg_s": 1.0, "bolt": "x"}}},
            "by_name.east.bolt: is no field here; did you mean ",
        ),
        ({"spare": {"airflow_kg_s": 1.0, "xyz": 1}}, "spare.xyz: is no field here; there are airflow_kg_s, belt"),
        ({"spare": {}}, "spare.airflow_kg_s: is missing"),
        ([1], "file: must be fields with values, `name: value` each (got [1])"),
        ({"spare": {"airflow_kg_s": "much"}}, "spare.airflow_kg_s: must be a valid number (got 'much')"),
    ],
)
def test_mistake_is_told_with_its_place(raw: object, told: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(raw, _Hall, where="hall.yaml")
    assert f"hall.yaml: {told}" in str(caught.value) or f"; {told}" in str(caught.value)


def test_nearest_name_is_found_in_capitals_too_and_none_where_none_is_like_it() -> None:
    assert near("CFM", ["m3/s", "cfm"]) == "; did you mean `cfm`?"
    assert near("kettle", ["m3/s", "cfm"]) == ""
