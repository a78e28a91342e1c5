"""What an earlier run left in force: found out, and given back, before anything else is done."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.site import Written

from .connectors.bus import BusWriter
from .journal_reading import last_rows
from .journal_rows import Row, files

_LOOK_BACK = 10_000  # rows: a few thousand steps, in which an earlier run must have written or given back
_SAME = 1e-6  # of a value: BACnet holds single precision, 6e-8 of it


def give_back_leftovers(writer: BusWriter, journal: Path, site: str) -> dict[str, float]:
    """Empties slots that an earlier run of ours left occupied, and returns what stood there; nothing: {}.

    Args:
        writer: of the bus.
        journal: folder of the controller's journal.
        site: its name, for words.

    Raises UserError where the journal knows nothing of what stands there: it is somebody else's. SiteError where the
    bus cannot be read, or does not confirm.
    """
    found = dict(writer.ours())
    if not found:
        return {}
    if foreign := unknown(found, journal):
        told = ", ".join(f"{name} = {value:g}" for name, value in sorted(foreign.items()))
        raise UserError(
            f"site {site}: our slot is occupied by what this controller's journal does not know ({told}): another "
            "controller writes at this priority, or the journal was moved. Find out who, and empty the slot or choose "
            "another priority"
        )
    outcome = writer.relinquish()
    if not isinstance(outcome, Written):
        raise SiteError(f"site {site}: what an earlier run left in force could not be given back: {outcome.reason}")
    return found


def unknown(found: Mapping[str, float], journal: Path) -> dict[str, float]:
    """What of that which stands in our slots the controller's journal does not know: it is somebody else's.

    Raises UserError for a journal that cannot be read.
    """
    written = _may_stand(reversed(last_rows(journal, _LOOK_BACK)) if files(journal) else ())
    return {name: value for name, value in found.items() if not _known(value, written.get(name, ()))}


def _may_stand(newest_first: Iterable[Row]) -> Mapping[str, list[float]]:
    """What may be in force after an unexpected end: all that was written since authority last went back."""
    written: dict[str, list[float]] = {}
    confirmed = False
    for row in newest_first:
        if row.kind == "write-outcome":
            confirmed = row.payload.get("kind") == "written"
        elif row.kind == "write":
            setpoints = row.payload.get("setpoints")
            if setpoints is None and confirmed:
                break
            for name, value in (setpoints or {}).items():
                written.setdefault(name, []).append(value)
    return written


def _known(value: float, written: Iterable[float]) -> bool:
    return any(math.isclose(value, one, rel_tol=_SAME, abs_tol=_SAME) for one in written)
