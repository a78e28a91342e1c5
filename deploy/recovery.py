"""What an earlier run left in force: found out, and given back, before anything else is done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.site import Written

from .connectors.bus import BusWriter, Marks
from .journal_reading import newest_rows
from .journal_rows import Row, files
from .lease import Lease
from .state import StateFolder


def give_back_leftovers(writer: BusWriter, folder: StateFolder, site: str, marks: Marks) -> dict[str, float]:
    """Empties slots that an earlier run of ours left occupied, and returns what stood there; nothing: {}.

    Args:
        writer: of the bus.
        folder: of the site's state: its lease and its journal know what we wrote.
        site: its name, for words.
        marks: by what our values are known again.

    Raises UserError where neither knows what stands there: it is somebody else's. SiteError where the bus cannot be
    read, or does not confirm.
    """
    found = dict(writer.ours())
    if not found:
        return {}
    if foreign := unknown(found, folder, marks):
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


def unended(lease: Lease) -> str | None:
    """How a controller before this one ended without giving back, in words; None where the last one gave back.

    Whatever it was (a crash, a kill, a machine without power), nobody has looked yet: a doubt.
    """
    try:
        state = lease.record()
    except ValueError as error:
        return f"whether an earlier controller gave back cannot be found out: {error}"
    if state is None or not state.in_charge:
        return None
    revoked = lease.revocation()
    how = f": {revoked.why}" if revoked is not None and revoked.serial == state.serial else ""
    return f"authority must stay back: the controller before this one (process {state.pid}) ended while in charge{how}"


def unknown(found: Mapping[str, float], folder: StateFolder, marks: Marks) -> dict[str, float]:
    """What of that which stands in our slots is somebody else's: neither lease nor journal knows of it.

    Under a lease that says that we were in charge all of it is ours, whatever became of the journal. Where there is
    one switch for all points, one of ours says who has switched it: the others may never have been written.

    Raises UserError for a journal that cannot be read.
    """
    if folder.lease.left():
        return {}
    foreign = _not_written(found, folder.journal_folder, marks)
    return foreign if marks.apart or len(foreign) == len(found) else {}


def _not_written(found: Mapping[str, float], journal: Path, marks: Marks) -> dict[str, float]:
    """What of it the journal does not know. Row by row: a journal may be larger than memory."""
    left = dict(found)
    if not files(journal):
        return left
    with contextlib.closing(newest_rows(journal, "write", "write-outcome")) as newest_first:
        for setpoints in _may_stand(newest_first):
            for name, value in setpoints.items():
                if name in left and marks.same(name, value, left[name]):
                    del left[name]
            if not left:
                break
    return left


def _may_stand(newest_first: Iterable[Row]) -> Iterable[Mapping[str, float]]:
    """What may be in force after an unexpected end: all that was written since authority last went back."""
    confirmed = False
    for row in newest_first:
        if row.kind == "write-outcome":
            confirmed = row.payload.get("kind") == "written"
        elif row.kind == "write":
            setpoints = row.payload.get("setpoints")
            if setpoints is None and confirmed:
                return
            yield setpoints or {}
