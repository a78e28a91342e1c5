"""The physics of the two-zone DX data centre that its edits promise, on real EnergyPlus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.model import Period, prepare
from airhandler.buildings.warnings import ERROR_FILE, complaints
from airhandler.buildings.weather import find_weather
from tests.buildings.traces import ZONES, constant, traced

PLAIN = find_building("datacentre-dx")


@pytest.mark.slow
def test_direct_coolers_leave_circulating_hot_air_alone(tmp_path: Path) -> None:
    """In the source model they ran in 36 degC return air whenever it was dry: the moisture then had nowhere to go."""
    seen = traced(PLAIN, "chicago", Period(start=(7, 15), days=1), constant(PLAIN, 24.0, 4.0), tmp_path)
    limits_c = {
        zone: prepare(PLAIN.file, find_weather("chicago"), Period())["EvaporativeCooler:Direct:ResearchSpecial"][
            f"{zone} Data Center DEC"
        ]["evaporative_operation_maximum_limit_drybulb_temperature"]
        for zone in ZONES
    }
    for zone in ZONES:
        hot = seen[f"{zone}_before_c"] > limits_c[zone]
        assert hot.sum() > 48
        assert np.array_equal(seen[f"{zone}_before_c"][hot], seen[f"{zone}_after_c"][hot])


@pytest.mark.slow
def test_the_search_for_the_secondary_airflow_ends(tmp_path: Path) -> None:
    """With the source model's flat tables it gave up in the morning of 2 July at these set-points."""
    traced(PLAIN, "chicago", Period(start=(7, 1), days=2), constant(PLAIN, 24.0, 3.575), tmp_path)
    found = complaints((tmp_path / ERROR_FILE).read_text())
    assert not [kind for kind in found.kinds if "econdary air mass flow" in kind]
    assert found.severe == 0
