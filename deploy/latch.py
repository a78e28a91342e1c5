"""A handover that outlives its process: authority that went back stays back until a person resets."""

from __future__ import annotations

import logging
from pathlib import Path

from airhandler.buildings.strict import Strict
from airhandler.safety.handover import Handover

from .small_files import put_record, read_record
from .state import StateFolder

log = logging.getLogger("airhandler.latch")


class Latched(Strict):
    """Why authority went back."""

    why: str


class Latch:
    """Keeps the state of a handover in a file of the state folder.

    Args:
        path: the file; there while authority is to stay back.
        handover: of the controller that runs: latched here at once where the file is there.
    """

    def __init__(self, path: Path, handover: Handover) -> None:
        self._path, self._handover = path, handover
        try:
            left = read_record(path, Latched)
        except ValueError as error:
            left = Latched(why=f"what an earlier run left cannot be read: {error}")
        self._kept = self._told = left is not None
        if left is not None:
            log.warning(
                "authority went back in an earlier run: until `airhandler order SITE.yaml reset` it stays there"
            )
            handover.give_back(left.why)

    @property
    def since_s(self) -> float | None:
        """Since when authority is to stay back, over restarts [s since 1970]; None where its file is not there."""
        try:
            return self._path.stat().st_mtime
        except OSError:
            return None

    def news(self) -> str | None:
        """Why authority went back, once; and keeps it. A disk that does not take it is said."""
        if self._handover.reason is None or self._told:
            return None
        self._told = True
        if not self._kept:
            self.keep(self._handover.reason.words)
        return self._handover.reason.words

    def keep(self, why: str) -> None:
        """Keeps it before the handover itself is latched: authority that goes back step by step."""
        self._kept = True
        try:
            put_record(self._path, Latched(why=why), durable=True)
        except OSError as error:
            log.error("%s: cannot be written, a restart would take authority again: %s", self._path, error.strerror)

    def lift(self) -> None:
        """A person has looked."""
        self._kept = self._told = False
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.error("%s: cannot be removed, a restart would find it: %s", self._path, error.strerror)


def latched(folder: StateFolder, handover: Handover, unended: str | None) -> Latch:
    """The handover, as earlier runs have left it. One that did not end as it should is a doubt: a person looks first.

    Args:
        folder: of the site's state.
        handover: of the controller that begins.
        unended: how it ended; None where nothing is wrong with that. Nothing of it is in force any more.
    """
    latch = Latch(folder.path / "handover.json", handover)
    if unended is not None:
        handover.give_back(unended)
        latch.news()
        folder.lease.settle()
    return latch
