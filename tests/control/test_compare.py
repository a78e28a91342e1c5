"""What readers call the runs of a comparison."""

from __future__ import annotations

from pathlib import Path

from airhandler.buildings.model import Period
from airhandler.control.compare import Cell, labels_of


def labels(*controllers: str) -> list[str]:
    period = Period(days=1)
    return labels_of(
        [Cell(controller=c, building="datacentre-dx", weather="chicago", period=period) for c in controllers]
    )


def test_several_bundles_are_told_apart_by_their_paths_and_one_is_the_agent(tmp_path: Path) -> None:
    first, second = (str(tmp_path / name / "bundle") for name in ("a", "b"))
    for bundle in (first, second):
        Path(bundle).mkdir(parents=True)
        (Path(bundle) / "card.json").touch()
    assert labels("stock", first, second) == ["stock", f"agent {first}", f"agent {second}"]
    assert labels("stock", first) == ["stock", "agent"]
