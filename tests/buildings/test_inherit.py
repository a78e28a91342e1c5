"""Building files with a base: what differs is said once, what does not is the base's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.errors import UserError
from airhandler.buildings.inherit import inherited

BASE: dict[str, Any] = {
    "id": "plain",
    "parameters": {"leak_frac": 0.05, "width_m": 3.0},
    "source": {"sinergym": "model.epJSON", "edits": [{"why": "first"}]},
    "points": [{"name": "a", "low": 0}, {"name": "b", "low": 1}],
    "actions": [{"setpoint": "b", "low": 1}],
    "weather": ["chicago", "tucson"],
}
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
TREES = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(st.sampled_from(["leak_frac", "edits", "x"]), LEAVES)


def read(name: str) -> Any:
    files = {
        "plain": BASE,
        "circle": {"base": "other"},
        "other": {"base": "circle"},
        "grown": {"base": "plain", "parameters": {"width_m": 4.0}},
        "empty": None,
        "part": {"parameters": {"width_m": 5.0, "height_m": 2.0}, "source": {"edits": [{"why": "shared"}]}},
    }
    return files[name]


def with_base(**own: Any) -> Any:
    return inherited({"base": "plain", **own}, read, where="own.yaml")


def test_a_file_without_a_base_is_as_it_stands() -> None:
    assert inherited(BASE, read, where="plain.yaml") is BASE


def test_a_file_that_says_nothing_of_its_own_is_its_base() -> None:
    assert with_base() == BASE


def test_mappings_are_merged_and_other_values_replaced() -> None:
    own = with_base(id="own", parameters={"leak_frac": 0.1}, weather=["new-york"])
    assert own == BASE | {"id": "own", "parameters": {"leak_frac": 0.1, "width_m": 3.0}, "weather": ["new-york"]}


def test_edits_follow_those_of_the_base() -> None:
    own = with_base(source={"edits": [{"why": "second"}]})
    assert own["source"] == {"sinergym": "model.epJSON", "edits": [{"why": "first"}, {"why": "second"}]}


def test_a_record_of_the_same_name_takes_its_place_and_a_new_one_follows() -> None:
    own = with_base(points=[{"name": "c"}, {"name": "a", "low": 7}], actions=[{"setpoint": "c"}])
    assert own["points"] == [{"name": "a", "low": 7}, {"name": "b", "low": 1}, {"name": "c"}]
    assert [a["setpoint"] for a in own["actions"]] == ["b", "c"]


def test_a_base_may_have_a_base() -> None:
    own = inherited({"base": "grown", "id": "own"}, read, where="own.yaml")
    assert own == BASE | {"id": "own", "parameters": {"leak_frac": 0.05, "width_m": 4.0}}


def test_of_several_bases_each_is_laid_over_those_before_it() -> None:
    own = inherited({"base": ["grown", "part"], "parameters": {"height_m": 3.0}}, read, where="own.yaml")
    assert own["parameters"] == {"leak_frac": 0.05, "width_m": 5.0, "height_m": 3.0}
    assert [edit["why"] for edit in own["source"]["edits"]] == ["first", "shared"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"base": "circle"}, "circle -> other -> circle"),
        ({"base": 3}, "base: must be the id of a building"),
        ({"base": ["plain", None]}, "base: must be the id of a building"),
        ({"base": ["plain", "circle"]}, "circle -> other -> circle"),
        ({"base": "empty"}, "empty holds no building"),
        ({"base": "plain", "points": [{"low": 1}]}, "points: a record needs 'name'"),
    ],
)
def test_a_base_that_cannot_be_is_said(raw: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        inherited(raw, read, where="own.yaml")


@given(st.dictionaries(st.sampled_from([*BASE, "x"]), TREES))
def test_whatever_a_file_says_of_its_own_the_base_stays_as_it_was(own: dict[str, Any]) -> None:
    before = copy.deepcopy(BASE)
    try:
        merged = with_base(**own)
        merged["id"] = "changed"
        merged["parameters"] = None
    except UserError:
        pass
    assert before == BASE
