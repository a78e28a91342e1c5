"""What EnergyPlus complains about under a controller, on real EnergyPlus."""

from __future__ import annotations

from pathlib import Path

import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather
from airhandler.control.complaints import USUAL, check_named, complaints_under

DAY = Period(start=(7, 2), days=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stock", "outdoor-reset", "random"])
def test_a_run_ends_by_itself_and_its_kinds_account_for_energyplus_own_total(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found, steps_per_s = complaints_under(name, find_building("datacentre-dx"), find_weather("chicago"), DAY)
    counted = sum(times for kind, times in found.kinds.items() if kind.startswith("Warning"))
    assert found.warnings is not None
    # The first of a recurring warning stands twice in the file; EnergyPlus counts some of these twice, some once.
    assert found.warnings <= counted <= found.warnings + 2 * len(found.kinds)
    assert found.severe == 0
    assert steps_per_s > 0
    assert not list(tmp_path.glob("airhandler-complaints-*"))


def test_an_unknown_controller_is_said_before_anything_runs() -> None:
    with pytest.raises(UserError, match="outdoor-reset"):
        complaints_under("outdor-reset", find_building("datacentre-dx"), find_weather("chicago"), DAY)


@pytest.mark.parametrize("building", ["datacentre-dx", "office-5zone"])
def test_who_is_asked_about_fits_the_building(building: str) -> None:
    found = find_building(building)
    check_named(USUAL[found.kind].split(","), found)
