"""A shadow run on a recording that goes on where it was.

The ticks are kept every so often. What else a run has learned hangs on the recording alone, for nothing is written to
it: the readings are gone through once more, without the shield's work, and the controller, the Forecaster, the history
and what was in force are as they were, to the last bit.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading, Setpoints
from airhandler.control.controller import Controller
from airhandler.control.table import TickTable, replacing
from airhandler.safety.forecaster import Forecaster
from airhandler.safety.shield import Shield

from .connectors.connection import View

FILE = "checkpoint.json"
EVERY = 2000
"""Ticks between two checkpoints: seconds of work that a kill can cost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumed:
    """Where a run was.

    Attributes:
        number: of the tick that comes next.
        history: readings before it, the newest last.
        past: what was in force in the steps before it, the newest last.
        in_force: as if it had been applied; None where only observed.
        forecaster: what it has learned.
    """

    number: int
    history: tuple[Reading, ...]
    past: tuple[Setpoints, ...]
    in_force: Setpoints | None
    forecaster: Forecaster


def begin(folder: Path, identity: Mapping[str, str]) -> None:
    """Says what a run is made of, so that only the same can go on with it."""
    with replacing(folder / FILE) as temporary:
        temporary.write_text(json.dumps(dict(identity), indent=2) + "\n")


def check(folder: Path, identity: Mapping[str, str]) -> None:
    """Raises UserError where the run in a folder was made of something else, or there is none."""
    path = folder / FILE
    try:
        held = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise UserError(f"folder {folder} holds no run on a recording to go on with: name it with --out") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}): begin anew with another --out") from error
    changed = [name for name, value in identity.items() if not isinstance(held, dict) or held.get(name) != value]
    if changed:
        raise UserError(
            f"{folder}: the run was made with another {', '.join(changed)}: begin anew with another --out, or go on "
            "with what it was begun with"
        )


def replayed(view: View, step_s: float, controller: Controller | None, shield: Shield, table: TickTable) -> Resumed:
    """Brings a view's clock, a controller and a Forecaster to where the ticks of a table end.

    Raises UserError where the recording, or what is to be taken of it, is over before.
    """
    forecaster, history = shield.forecaster(), deque[Reading](maxlen=shield.memory)
    start, step = view.clock.now(), timedelta(seconds=step_s)
    if controller is not None:
        controller.reset()
    for number in range(len(table)):
        reading = view.site.read()
        history.append(reading)
        forecaster.observe(reading, None)
        if controller is not None:
            with contextlib.suppress(Exception):  # as in the loop: a controller that fails made no proposal
                controller.propose(reading)
        if not view.clock.sleep_until(start + (number + 1) * step):
            raise UserError("nothing is left to do: the run is at the end of the recording, or beyond its --days")
    applied = _applied(table, max(1, shield.past_steps))
    return Resumed(
        number=len(table),
        history=tuple(history),
        past=applied[-shield.past_steps :] if shield.past_steps else (),
        in_force=applied[-1] if applied else None,
        forecaster=forecaster,
    )


def _applied(table: TickTable, steps: int) -> tuple[Setpoints, ...]:
    """What the last verdicts gave; nothing of ticks that had none."""
    columns = {name: column[-steps:] for name, column in table.applied.items()}
    rows = [{name: float(column[i]) for name, column in columns.items()} for i in range(min(steps, len(table)))]
    return tuple(Setpoints(row) for row in rows if row and np.isfinite(list(row.values())).all())
