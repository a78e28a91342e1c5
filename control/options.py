"""Options that several commands have: written once, and expanded into each command that takes them.

A command takes a group of options as one parameter; `expanded` shows its fields to the command line instead:

    @app.command()
    @expanded
    def evaluate(building: BuildingName, scenario: ScenarioOptions) -> None: ...
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from airhandler.buildings.scenario import Scenario

if TYPE_CHECKING:
    from airhandler.buildings.world import World

BuildingName = Annotated[
    str, typer.Option("--building", help="Building: an id of `airhandler buildings`, or your own file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
WorldFile = Annotated[
    Path | None,
    typer.Option("--world", help="YAML: weather that varies, tariff, carbon, events, forecasts (docs/buildings.md)."),
]


@dataclass(frozen=True, kw_only=True)
class ScenarioOptions:
    """What a run is put through beside its weather, as a user names it."""

    servers: Annotated[
        str | None, typer.Option("--servers", help="Server type: `airhandler buildings servers` lists them.")
    ] = None
    it_load: Annotated[
        str | None,
        typer.Option("--it-load", help="Load of the servers: daily, bursty, or a trace, FILE.csv or FILE.csv:weekly."),
    ] = None
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault", help="chiller-trip@07-15T12:00+2h, POINT:bias=2, ...; repeatable. Kinds: docs/buildings.md."
        ),
    ] = None
    faults: Annotated[Path | None, typer.Option("--faults", help="YAML file with a list of faults.")] = None
    stress: Annotated[
        int | None,
        typer.Option(
            "--stress", min=1, max=3, help="Sensors and commands late, noisy, held and dropped, other physics: 1 to 3."
        ),
    ] = None
    randomise: Annotated[
        str | None,
        typer.Option(
            "--randomise",
            metavar="default|FILE",
            help="Draws what the building's file, or a YAML file, says may differ.",
        ),
    ] = None

    def read(self, building: str) -> Scenario:
        """The scenario for a building, an id or the path of a file. Raises UserError that says what is wrong."""
        from airhandler.buildings.catalog import find_building
        from airhandler.buildings.randomise import find_randomise

        named = self.randomise
        return Scenario(
            servers=self.servers,
            it_load=self.it_load,
            faults=(*_listed(self.faults), *(self.fault or ())),
            stress=self.stress,
            randomise=None if named is None else find_randomise(named, find_building(building, self.servers)),
        )


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose groups of options (dataclasses) are shown field by field to whoever reads its signature."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {p.name: p.annotation for p in signature.parameters.values() if is_dataclass(p.annotation)}

    def run(**given: Any) -> None:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    functools.update_wrapper(run, command)
    del run.__dict__["__wrapped__"]  # or the signature that is read is the command's own
    shown = [other for p in signature.parameters.values() for other in _shown(p)]
    run.__dict__["__signature__"] = inspect.Signature(shown)
    run.__annotations__ = {p.name: p.annotation for p in shown}
    return run


def world_of(path: Path | None) -> World | None:
    """The world that a file declares; None where none is named."""
    from airhandler.buildings.catalog import load_world

    return load_world(path) if path is not None else None


def _shown(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if not is_dataclass(parameter.annotation):
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        return
    hints = get_type_hints(parameter.annotation, include_extras=True)
    for field in fields(parameter.annotation):
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )


def _listed(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    from airhandler.buildings.faults import load_faults  # which needs EnergyPlus: the live side does without

    return load_faults(path)
