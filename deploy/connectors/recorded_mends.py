"""What was mended in a recording: counted while it is read, told once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_FIRST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Mend:
    """One kind of thing that was mended.

    Attributes:
        what: what was wrong, and what became of it.
        count: how often.
        first: where, of the first ones.
    """

    what: str
    count: int
    first: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return {"what": self.what, "count": self.count, "first": list(self.first)}


class Mending:
    """Counts while a recording is read."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, list[str]] = {}

    def note(self, what: str, where: str, count: int = 1) -> None:
        """One more of a kind; `count` more where one place stands for several."""
        self._counts[what] = self._counts.get(what, 0) + count
        first = self._first.setdefault(what, [])
        if len(first) < _FIRST:
            first.append(where)

    def count(self, what: str) -> int:
        """How many of a kind there were."""
        return self._counts.get(what, 0)

    def first(self, what: str) -> str:
        """Where the first of a kind was; "" where there was none."""
        return next(iter(self._first.get(what, ())), "")

    def mends(self) -> tuple[Mend, ...]:
        """All kinds, in the order of their first."""
        return tuple(Mend(what=what, count=n, first=tuple(self._first[what])) for what, n in self._counts.items())


def mend_table(mends: Iterable[Mend]) -> str:
    """The mends as lines in columns; "" for none."""
    rows = [("mended", "how many", "first"), *((m.what, f"{m.count:,}", "; ".join(m.first)) for m in mends)]
    return "\n".join(_lines(rows)) if len(rows) > 1 else ""


def _lines(rows: Sequence[tuple[str, str, str]]) -> Iterable[str]:
    wide, narrow = (max(len(row[column]) for row in rows) for column in (0, 1))
    return (f"{what:<{wide}}  {count:>{narrow}}  {first}" for what, count, first in rows)
