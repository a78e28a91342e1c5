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


def latched_since_s(path: Path) -> float | None:
    """Since when authority is to stay back, by the file that says so [s since 1970]; None where it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


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
        self._why = left.why if left is not None else None  # for the file
        self._kept = self._told = left is not None
        self._complained = False
        if left is not None:
            log.warning(
                "authority went back in an earlier run: until `airhandler order SITE.yaml reset` it stays there"
            )
            handover.give_back(left.why)

    @property
    def since_s(self) -> float | None:
        """Since when authority is to stay back, over restarts [s since 1970]; None where its file is not there."""
        return latched_since_s(self._path)

    @property
    def safe(self) -> bool:
        """Whether a restart finds what is to be kept; with nothing to keep it does. To be asked after `news`."""
        return self._kept or self._why is None

    def news(self) -> str | None:
        """Why authority went back, once; and keeps it, again and again until the disk has taken it."""
        reason = self._handover.reason
        if reason is not None and self._why is None:
            self._why = reason.words
        self._write()
        if reason is None or self._told:
            return None
        self._told = True
        return reason.words

    def keep(self, why: str) -> None:
        """Keeps it before the handover itself is latched: authority that goes back step by step."""
        self._why, self._kept = why, False
        self._write()

    def _write(self) -> None:
        if self._why is None or self._kept:
            return
        try:
            put_record(self._path, Latched(why=self._why), durable=True)
        except OSError as error:
            if not self._complained:
                log.error("%s: cannot be written, a restart would not know: %s", self._path, error.strerror or error)
            self._complained = True
            return
        self._kept, self._complained = True, False

    def lift(self) -> None:
        """A person has looked."""
        self._why, self._kept, self._told = None, False, False
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
    latch = Latch(folder.latch_file, handover)
    if unended is not None:
        handover.give_back(unended)
        latch.keep(unended)
        if latch.safe:  # or the next start finds the lease as this one has
            folder.lease.settle()
    return latch
