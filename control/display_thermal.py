"""What was identified of a building, and how often its predictions held, as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from rich.console import RenderableType
from rich.table import Table

from airhandler.buildings.thermal_file import ThermalFile

_WIDTH = 112  # of the lines of a building file


def thermal_yaml(found: ThermalFile) -> str:
    """The section of a building file."""
    section = {"thermal": found.model_dump(mode="json")}
    return yaml.safe_dump(section, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=None)


def thermal_table(found: Mapping[str, Any]) -> RenderableType:
    """One line for each value."""
    table = Table(title="thermal", title_justify="left", show_header=False)
    for name, value in found.items():
        shown = ", ".join(f"{v:g}" for v in value) if isinstance(value, list | tuple) else value
        table.add_row(name, str(shown))
    return table


def coverage_table(result: Mapping[str, Any]) -> RenderableType:
    """A line for each run, and one for all."""
    steps = len(result["online"])
    table = Table(
        title=f"{result['building']}, {result['days']} days: share of inlets within the bound, 1 to {steps} steps "
        f"ahead (nominal {result['nominal']:.0%})",
        title_justify="left",
    )
    for column in ("weather", "controller", "bounds that follow", "fixed bounds", "mean bound K"):
        table.add_column(column)
    for row in (*result["runs"], {"weather": "all", "controller": "", **result}):
        table.add_row(
            row["weather"],
            row["controller"],
            _shares(row["online"]),
            _shares(row["fixed"]),
            _kelvins(row["mean_bound_k"]),
        )
    return table


def _shares(values: list[float]) -> str:
    return "  ".join(f"{value:.1%}" for value in values)


def _kelvins(values: list[float]) -> str:
    return "  ".join(f"{value:.2f}" for value in values)
