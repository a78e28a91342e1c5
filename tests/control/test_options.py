"""Groups of options on a command line: every field is an option, and the command gets the group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from airhandler.buildings.errors import UserError
from airhandler.control.options import ScenarioOptions, expanded


@dataclass(frozen=True, kw_only=True)
class Colours:
    """A group."""

    front: Annotated[str, typer.Option("--front", help="In front.")] = "red"
    backs: Annotated[list[str] | None, typer.Option("--back")] = None


def test_a_group_is_shown_field_by_field_and_comes_back_whole() -> None:
    got: list[object] = []
    app = typer.Typer()

    @app.command()
    @expanded
    def paint(name: str, *, size: Annotated[int, typer.Option("--size")] = 1, colours: Colours) -> None:
        """Paints."""
        got.append((name, size, colours))

    runner = CliRunner()
    assert "In front." in runner.invoke(app, ["--help"]).stdout
    runner.invoke(app, ["door", "--size", "2", "--back", "a", "--back", "b"], catch_exceptions=False)
    runner.invoke(app, ["gate", "--front", "blue"], catch_exceptions=False)
    assert got == [("door", 2, Colours(backs=["a", "b"])), ("gate", 1, Colours(front="blue"))]


def test_a_scenario_is_read_from_its_options(tmp_path: Path) -> None:
    listed = tmp_path / "faults.yaml"
    listed.write_text("faults: [dead-fan-west]\n")
    options = ScenarioOptions(fault=["dead-fan-east"], faults=listed, stress=1, randomise="default")
    scenario = options.read("datacentre-dx")
    assert scenario.faults == ("dead-fan-west", "dead-fan-east")
    assert scenario.words == "faults dead-fan-west, dead-fan-east; stress 1; randomised"
    assert ScenarioOptions().read("nobody asks which") == ScenarioOptions().read("datacentre-dx")
    with pytest.raises(UserError, match="cannot be read: No such file"):
        ScenarioOptions(randomise=str(tmp_path / "lost.yaml")).read("datacentre-dx")
