"""What a report says about one kind of building: its face. The faces are report_centre.py and report_office.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from airhandler.buildings.catalog import Building

from .hostile import HOSTILE
from .kpis import Kpis
from .plots import AGENTS, STOCK, Drawing, Run

type Figures = Iterator[tuple[str, str, Drawing]]
"""Title, how to read it, and the plot, in the order of the page."""


def _never(k: Kpis) -> bool:
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of the main table.

    Attributes:
        title: its lines.
        unit: below the title, or empty.
        cell: what stands in it for a run.
        bad: whether that is shown as broken.
    """

    title: tuple[str, ...]
    unit: str = ""
    cell: Callable[[Kpis], str]
    bad: Callable[[Kpis], bool] = _never


class Face(Protocol):
    """What differs between the kinds of buildings."""

    @property
    def words(self) -> Sequence[tuple[str, str]]:
        """The glossary of the page: a word, and what it means there."""
        ...

    def columns(self, building: Building) -> Sequence[Column]:
        """The main table between the change against stock and what the shield did."""
        ...

    def limits(self, building: Building) -> str:
        """The ranges that the table speaks of, in a clause."""
        ...

    def kept(self, building: Building, run: Run) -> str:
        """Whether a run kept to what matters most, in a clause."""
        ...

    def told(self, building: Building, run: Run, stock: Run | None, rule: Run | None) -> Iterator[str]:
        """What else a run met, in sentences; it is held against stock and the best rule."""
        ...

    def tile(self, building: Building, k: Kpis) -> tuple[str, str, str]:
        """One figure, what it is, and beside what."""
        ...

    def best_rule(self, rules: Sequence[Run]) -> Run | None:
        """The rule that a learned controller has to beat, if there is any."""
        ...

    def figures(self, runs: Sequence[Run], pair: Sequence[Run]) -> Figures:
        """The plots between the savings and the weeks; `pair` are the two runs that are looked at closely."""
        ...

    def week(self, runs: Sequence[Run], first: int) -> Drawing:
        """Seven days from a tick on, step by step."""
        ...


def rules_of(runs: Sequence[Run]) -> list[Run]:
    """The runs of rules: neither stock, nor learned, nor meant to harm, nor a floor that no controller reaches."""
    return [run for run in runs if run.name not in (STOCK, "floor", *AGENTS, *HOSTILE)]
