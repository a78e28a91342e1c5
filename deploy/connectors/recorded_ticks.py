"""From the ticks of a run to a recording, as a historian would have made it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from airhandler.buildings.points import Reading, Setpoints
from airhandler.control.table import TickTable


def readings_of(table: TickTable) -> Iterator[Reading]:
    """The readings of a run. What was in force in it is what the building's own control asks for in the recording.

    So a run of a rule is a recording of a building that has this rule. A run in which nothing was written tells what
    the site told.
    """
    measured = {name: column.tolist() for name, column in table.measured.items()}
    applied = {name: column.tolist() for name, column in table.applied.items()}
    told = {name: column.tolist() for name, column in table.incumbent.items()}
    for number, (time, written) in enumerate(zip(table.time, table.written.tolist(), strict=True)):
        asked = _known({name: column[number] for name, column in (applied if written else told).items()})
        values = {name: None if math.isnan(column[number]) else column[number] for name, column in measured.items()}
        yield Reading(time=time, values=values, incumbent=Setpoints(asked) if asked else None)


def _known(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not math.isnan(value)}
