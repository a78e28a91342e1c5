"""`airhandler bench bus`: a twin in another process, all of its points read and judged."""

from __future__ import annotations

import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.deploy.bench_bus import bench_bus, hall_of
from tests.deploy.twins import BUILDING


def test_hall_is_the_smallest_that_has_so_many_points() -> None:
    name = hall_of(100)
    size = int(name.rpartition("-")[2])
    assert len(find_building(name).points) >= 100 > len(find_building(f"data-hall-{size - 1}").points)


def test_hall_that_nobody_has_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="100000"):
        hall_of(100_000)


def test_stock_proposes_nothing() -> None:
    with pytest.raises(UserError, match="proposes nothing"):
        bench_bus(BUILDING.id, "stock", 1, lambda _: None)


@pytest.mark.slow
def test_everything_is_read_and_judged() -> None:
    done: list[int] = []
    result = bench_bus(BUILDING.id, "trim-respond", 3, done.append)
    assert (result["points"], result["cycles"], sum(result["verdicts"].values())) == (len(BUILDING.points), 3, 3)
    assert "rejected" not in result["verdicts"]
    assert 0.0 < result["read_s"]["p50"] <= result["read_s"]["max"] <= result["whole_s"]["max"]
    assert len(done) == 3
