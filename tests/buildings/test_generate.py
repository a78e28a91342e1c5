"""Buildings of any number of zones, and the arithmetic in their files."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import building_ids, find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.expressions import calculate
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.weather import find_weather

WEATHER = find_weather("chicago")


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.1, 1e3))
def test_an_expression_is_pythons_own_arithmetic(a: float, b: float, c: float) -> None:
    assert calculate("$[(a - b) * 2 / c + -a]", {"a": a, "b": b, "c": c}) == (a - b) * 2 / c + -a


def test_an_expression_inside_a_text_is_written_in() -> None:
    assert calculate("SET x = $[a + 1] + $[2]", {"a": 1.0}) == "SET x = 2.0 + 2.0"


@pytest.mark.parametrize(
    "text",
    ["$[a]", "$[1 / 0]", "$[1 +]", "$[__import__('os')]", "$[2 ** 9]", "$[(1).real]", "$['a']", "$[True]", "$[]"],
)
def test_what_is_no_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="use numbers"):
        calculate(text, {"b": 1.0})


def test_a_family_lists_its_sizes_and_gives_others() -> None:
    assert [b for b in building_ids() if b.startswith("data-hall")] == ["data-hall-4", "data-hall-16", "data-hall-64"]
    hall = find_building("data-hall-7")
    assert (len(hall.zones), len(hall.setpoints), hall.id) == (7, 2 * 7 + 2, "data-hall-7")
    assert "7 bays" in hall.file.title


@pytest.mark.parametrize("name", ["data-hall-1", "data-hall-1000", "data-hall-04", "data-hall"])
def test_a_size_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="data-hall"):
        find_building(name)


def test_every_bay_has_a_box_of_its_own() -> None:
    """Bays lie side by side: 10 m each, and none in the place of another."""
    surfaces = prepare(find_building("data-hall-4").file, WEATHER, Period(days=1))["BuildingSurface:Detailed"]
    starts = [min(v["vertex_x_coordinate"] for v in surfaces[f"Bay0{n} Floor"]["vertices"]) for n in range(1, 5)]
    assert starts == [0.0, 10.0, 20.0, 30.0]


def test_the_chilled_water_loop_serves_every_bay() -> None:
    model = prepare(find_building("data-hall-4").file, WEATHER, Period(days=1))
    branches = [b["branch_name"] for b in model["BranchList"]["Cooling Demand Side Branches"]["branches"]]
    assert branches[1:5] == [f"Bay0{n} Coil Branch" for n in range(1, 5)]


def test_the_load_moves_through_the_hall_and_stays_even_in_sum() -> None:
    """Each bay peaks at its own hour; the sum of four bays stays, for their waves are a quarter of a day apart."""
    loads = _loads({})
    assert len({int(np.argmax(column)) for column in loads.T}) == 4
    assert np.ptp(loads.sum(axis=1)) < 1e-9
    assert np.ptp(loads[:, 0]) == pytest.approx(2 * 0.25, abs=0.01)


def test_a_commanded_load_takes_the_place_of_the_wave() -> None:
    trace = np.where(np.arange(96) < 48, 0.25, np.nan)
    loads = _loads({"bay01_it_load_frac": trace})
    wave = _loads({})
    assert np.all(loads[:48, 0] == 0.25)
    assert np.array_equal(loads[48:, 0], wave[48:, 0])
    assert np.array_equal(loads[:, 1:], wave[:, 1:])


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("bay01_it_load_frac", np.full(95, 0.5), "one value a step, 96"),
        ("bay01_it_load_frac", np.full(96, 1.5), "within 0 to 1"),
        ("bay1_it_load_frac", np.full(96, 0.5), "no drive bay1_it_load_frac"),
        ("bay01_it_load_frac", np.full(96, math.inf), "within 0 to 1"),
    ],
)
def test_a_drive_that_does_not_fit_is_refused(name: str, values: np.ndarray, words: str) -> None:
    with pytest.raises(UserError, match=words):
        InstrumentedRun(find_building("data-hall-4"), WEATHER, Period(days=1), {name: values})


def _loads(drives: dict[str, np.ndarray]) -> np.ndarray:
    """The load of every bay over a day [96, 4]."""
    hall = find_building("data-hall-4")
    run = InstrumentedRun(hall, WEATHER, Period(days=1), drives)
    names = [p.name for p in run.measured]
    columns = [names.index(zone.it_load) for zone in hall.zones.values()]
    try:
        run.start()
        rows = [run.step(run.array(None)) for _ in range(96)]
    finally:
        run.close()
    return np.array([row[columns] for row in rows if row is not None])
