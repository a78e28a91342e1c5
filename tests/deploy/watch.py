"""A site in a folder, for tests of the watchdog: its slots are a file, which processes share as they share a bus."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from airhandler.buildings.errors import SiteError
from airhandler.buildings.site import WriteFailed, WriteOutcome, Written
from airhandler.deploy.connectors.bus import Marks

MARKS = Marks(same=lambda _, written, found: math.isclose(written, found, rel_tol=1e-6), apart=True)
"""Of slots that hold single precision."""


class SlotsInFile:
    """Slots of a site. Where the file `cut` is there, nothing can be reached.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._slots, self._cut = folder, folder / "slots.json", folder / "cut"

    def write(self, values: Mapping[str, float]) -> None:
        """As a controller does."""
        temporary = self._slots.with_name(f"slots.{os.getpid()}")
        temporary.write_text(json.dumps(dict(values)))
        temporary.replace(self._slots)

    def ours(self) -> Mapping[str, float]:
        """What stands there."""
        if self._cut.exists():
            raise SiteError("no answer")
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, float] = json.loads(self._slots.read_text())
            return found
        return {}

    def relinquish(self, names: Collection[str] | None = None) -> WriteOutcome:
        """Empties them."""
        if self._cut.exists():
            return WriteFailed(reason="no answer")
        self.write({} if names is None else {name: v for name, v in self.ours().items() if name not in names})
        return Written()

    @contextlib.contextmanager
    def reached(self) -> Iterator[SlotsInFile]:
        """The way to them."""
        if self._cut.exists():
            raise SiteError("no answer")
        yield self


CONTROLLER = """
import sys, time
from pathlib import Path
from airhandler.deploy.state import StateFolder
from tests.deploy.watch import SlotsInFile
folder, validity_s = Path(sys.argv[1]), float(sys.argv[2])
state, slots = StateFolder(folder), SlotsInFile(folder)
with state.lock() as lock:
    while not state.watched():
        time.sleep(0.05)
    state.lease.take(validity_s, token=lock.holder.token, site_file=folder / "site.yaml")
    number = 0
    while True:
        if not state.lease.renew():
            print("revoked", flush=True)
            if "hasty" in sys.argv:
                slots.write({"late": 1.0})  # as a write does that was on its way when the lease was lost
                time.sleep(float(sys.argv[4]))
            state.lease.release()
            print("released", flush=True)
            time.sleep(600)
        if state.lease.holds():
            number += 1
            slots.write({"a": 20.0 + number, "b": 4.5})
        print("wrote", flush=True)
        time.sleep(validity_s / 10)
"""

WATCHDOG = """
import logging, sys
from pathlib import Path
from airhandler.deploy.logs import LogFormat, set_up_logs
from airhandler.deploy.state import StateFolder
from airhandler.deploy.stop import Stop, on_signals
from airhandler.deploy.watchdog import Watchdog
from tests.deploy.watch import MARKS, SlotsInFile
set_up_logs(LogFormat.TEXT)
folder, stop = Path(sys.argv[1]), Stop()
state = StateFolder(folder)
with state.lock("watchdog"), on_signals(stop):
    choices = {"settle_s": 0.3, "blind_s": 2.0, "marks": MARKS, "once": "once" in sys.argv}
    watchdog = Watchdog(state, SlotsInFile(folder).reached, **choices)
    sys.exit(0 if watchdog.run(stop) else 1)
"""
