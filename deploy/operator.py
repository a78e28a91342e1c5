"""The operator's file while a run goes on: looked at in every step, and taken over when it has changed and is sound."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from airhandler.buildings.catalog import Building
from airhandler.safety.operator_limits import OperatorFile, load_operator_file
from airhandler.safety.shield import Shield

log = logging.getLogger("airhandler.operator")


class Operator:
    """The shield with what an operator has fixed by hand.

    A file that is refused, or gone, changes nothing: the last sound one stays in force, the log says so once and
    every verdict beside its reasons. Who wants to lift everything writes `{}`.

    Args:
        path: the file; None where nothing is fixed by hand, for all of the run.
        building: what is shielded.

    Attributes:
        left: set-points that are left to the building now: the shield takes them as they stand, and counts on nothing
            that will not be written.

    Raises UserError where the file is wrong at the start.
    """

    def __init__(self, path: Path | None, building: Building) -> None:
        self._path, self._building = path, building
        self.left: Callable[[], frozenset[str]] = frozenset
        self._seen, self._left_now, self._refused = self._content(), frozenset[str](), ""
        self._file = load_operator_file(path, building) if path is not None else None
        self._shield = self._made()

    def shield(self) -> Shield:
        """The one that holds from now on."""
        content, left = self._content(), self.left()
        if self._path is not None and content != self._seen:
            self._seen = content
            self._read_anew(self._path)
        elif left == self._left_now:
            return self._shield
        self._left_now = left
        self._shield = self._made()
        return self._shield

    def _made(self) -> Shield:
        file = self._file
        if self._left_now:
            file = file or OperatorFile()
            file = file.model_copy(update={"locks": (*file.locks, *sorted(self._left_now))})
        return Shield(self._building, file, beside=self._refused)

    def _read_anew(self, path: Path) -> None:
        try:
            file = load_operator_file(path, self._building)
            Shield(self._building, file)
        except Exception as error:  # noqa: BLE001 - whatever is in a file, the run and what was fixed before go on
            log.error("operator's file refused, what was fixed before stays: %s", error)
            self._refused = f"operator's file refused: {error}"
            return
        log.warning("operator's file read anew: %s", "; ".join(_changes(self._file, file)) or "the same as before")
        self._file, self._refused = file, ""

    def _content(self) -> bytes | None:
        """What the file holds; None where it cannot be read."""
        try:
            return self._path.read_bytes() if self._path is not None else None
        except OSError:
            return None


def _changes(before: OperatorFile | None, after: OperatorFile) -> Iterator[str]:
    """What is different, each in words."""
    before = before or OperatorFile()
    for name in sorted({*before.locks, *after.locks}):
        if (name in before.locks) != (name in after.locks):
            yield f"{name} {'locked where it stands' if name in after.locks else 'no longer locked'}"
    for name in sorted({*before.limits, *after.limits}):
        if before.limits.get(name) != after.limits.get(name):
            ends = after.limits.get(name)
            yield f"{name} {'no longer limited' if ends is None else f'from {_end(ends.low)} to {_end(ends.high)}'}"
    for name in ("fan_power_cap_w", "cooling_power_cap_w"):
        if getattr(before, name) != getattr(after, name):
            yield f"{name} {_end(getattr(after, name))}"
    if before.why != after.why:
        yield f"why: {after.why or 'not said'}"


def _end(value: float | None) -> str:
    return "the building's own" if value is None else f"{value:g}"
