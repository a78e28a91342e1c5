"""A panel of the operator's dashboard as a plain record, and what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

ROW_WIDTH = 24  # columns of Grafana's grid
WINDOW = "$window"  # over how long things are counted; a variable of the dashboard
GREEN, BLUE, ORANGE, RED, GREY = "green", "blue", "orange", "red", "#808080"


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One PromQL expression, and what its lines are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: a few words.
        help: what it tells, and what to do with it.
        queries: what it shows.
        unit: Grafana's id of the unit.
        width: in columns of the grid.
        height: in rows of the grid.
        big: a number to be seen from afar; otherwise lines over time.
        steps: colours from a value on, lowest first; the first holds from minus infinity.
        colors: colours by name, with what name a number shows its stage.
        limits: lines whose name matches are drawn dashed, as limits are.
        stacked: areas on top of each other.
        decimals: digits behind the point.
        empty: what stands there where nothing is known.
        text: words in Markdown that stand there always, in place of what is measured.
    """

    title: str
    help: str
    queries: tuple[Query, ...] = ()
    unit: str = "none"
    width: int = 12
    height: int = 8
    big: bool = False
    steps: tuple[tuple[float | None, str], ...] = ()
    colors: dict[str, str] = field(default_factory=dict)
    limits: str = ""
    stacked: bool = False
    decimals: int | None = None
    empty: str = ""
    text: str = ""


def metric(name: str, more: str = "") -> str:
    """A metric of the instance that is looked at."""
    labels = ",".join(filter(None, ('instance="$instance"', more)))
    return f"airhandler_{name}{{{labels}}}"


def counted(name: str, by: str, more: str = "") -> str:
    """How often something happened within the window, by a label."""
    return f"sum by ({by}) (increase({metric(name, more)}[{WINDOW}]))"
