"""A drill: a real twin, a real controller on its bus, a real watchdog, each a process; and something that goes wrong.

What a drill showed is written to the folder that AIRHANDLER_DRILLS names: docs/drills.md's table is made of it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from airhandler.buildings.errors import UserError
from airhandler.control.tick import Tick
from airhandler.deploy.journal_reading import found, verify
from airhandler.deploy.journal_ticks import ticks
from airhandler.deploy.signs import ControllerSign, Signs
from airhandler.deploy.state import StateFolder
from airhandler.deploy.twin_control import ask, truth
from airhandler.deploy.twin_site_file import beside
from tests.deploy.cable import Cable
from tests.deploy.drill_site import promote
from tests.deploy.process import PATIENCE_S, Airhandler

SPEED = 900.0  # a step of a quarter of an hour is a second
STEP = timedelta(minutes=15)
LEASE = 3 * STEP
CYCLE = STEP + STEP / 2  # a step, and the time that the next cycle takes
OURS = range(9, 15)
SUPPLY, INLET = "east_supply_air_temp_setpoint_c", "east_inlet_temp_c"

Bus = Literal["bacnet", "modbus"]

needs_root = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="wants root and iproute2")


class Drill:
    """One twin with all that belongs to it.

    Args:
        folder: where everything is.
        cable: between the two; None: this machine's own loopback.
        heartbeat_steps: after how many without a heartbeat the building gives itself everything back.
        bus: what the controller speaks.
        prefix: what runs the controller and the watchdog, where it is not to be just this machine.
        site: what is different in the site file.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cable: Cable | None = None,
        heartbeat_steps: int = 4,
        bus: Bus = "bacnet",
        prefix: Sequence[str] = (),
        **site: object,
    ) -> None:
        self.folder, self.processes, self._bus = folder, list[Airhandler](), bus
        self._prefix = (*(cable.prefix if cable else ()), *prefix)
        written = folder / "site.yaml"
        self.site_file = written if bus == "bacnet" else beside(written)
        self.state = self.site_file.with_suffix(".state")
        host = cable.site if cable else "127.0.0.1"
        words = f"--speed {SPEED:g} --start 07-13 --days 3 --bacnet {host}:0".split()
        words += ["--modbus", f"{host}:0"] if bus == "modbus" else []
        words += ["--heartbeat-steps", str(heartbeat_steps)]
        words += ["--write-site", str(written), "--out", str(folder / "twin")]
        self.twin = self.start("twin", "datacentre-dx", *words)
        self.twin.wait_for("faults: airhandler twin-fault")
        self.told: dict[str, Any] = json.loads((folder / "twin" / "twin.json").read_text())
        self.url = str(self.told["control"])
        promote(folder / "promotion.json", self.site_file.stem, "outdoor-reset")
        here = {"address": cable.controller} if cable and bus == "bacnet" else {}
        self.set(link=here, promotion="promotion.json", authority={"ramp_days": 0}, **site)
        self._since = self.site_time()

    def set(self, **site: object) -> None:
        """Changes the site file; link: only what is said of it."""
        declared: dict[str, Any] = yaml.safe_load(self.site_file.read_text())
        link = {"timeout_s": 0.4, "retries": 0, **site.pop("link", {})}  # type: ignore[dict-item]
        declared |= {**site, self._bus: {**declared[self._bus], **link}}
        self.site_file.write_text(yaml.safe_dump(declared))

    def start(self, *words: str) -> Airhandler:
        """Starts `airhandler`."""
        process = Airhandler(*words, folder=self.folder, prefix=() if words[0] == "twin" else self._prefix)
        self.processes.append(process)
        return process

    def begin(self, controller: str = "outdoor-reset", *words: str) -> Airhandler:
        """A controller that has taken its first step, whether it writes or not."""
        process = self.start("live", controller, "--site", str(self.site_file), "--port", "0", *words)
        self.until(lambda: self._said_by() == process.pid, process)
        return process

    def live(self, controller: str = "outdoor-reset", *words: str) -> Airhandler:
        """A controller that is in charge."""
        process = self.begin(controller, *words)
        self.until(lambda: self.occupied() != {}, process)
        return process

    def order(self, *words: str) -> str:
        """A person's word to the controller. Returns what was printed."""
        process = self.start("order", str(self.site_file), *words)
        assert process.wait() == 0, process.text
        return process.printed

    def until(self, what: Callable[[], bool], *watched: Airhandler) -> timedelta:
        """Waits for something. Returns how much of the site's time has passed since the last `fault` or `mark`."""
        end_s = time.monotonic() + PATIENCE_S
        while not what():
            if time.monotonic() > end_s:
                raise AssertionError("".join(p.text for p in watched or self.processes))
            time.sleep(0.02)
        return self.site_time() - self._since

    def mark(self, since: datetime | None = None) -> None:
        """From here on time is counted, or from such a time of the site's."""
        self._since = since or self.site_time()

    def fault(self, name: str, *words: str) -> None:
        """Breaks something in the twin."""
        self.mark()
        ask(self.url, name, words)

    def truth(self) -> dict[str, Any]:
        """What the twin is."""
        return truth(self.url)

    def site_time(self) -> datetime:
        """The twin's time."""
        return datetime.fromisoformat(self.truth()["time"])

    def occupied(self) -> Mapping[str, float]:
        """What stands in slots 9 to 14."""
        slots = self.truth()["slots"]
        return {f"{name} {n}": array[n - 1] for name, array in slots.items() for n in OURS if array[n - 1] is not None}

    def empty(self) -> bool:
        """Whether nothing of ours is in force."""
        return not self.occupied()

    def steps(self, number: int) -> None:
        """Lets some steps pass."""
        begin = self.site_time()
        end_s = time.monotonic() + PATIENCE_S
        while self.site_time() < begin + number * STEP and time.monotonic() < end_s:
            time.sleep(0.05)

    def pid(self, role: Literal["controller", "watchdog"]) -> int:
        """The process that is the controller or the watchdog."""
        holder = StateFolder(self.state).holder(role)
        assert holder is not None
        return holder.pid

    def signal(self, number: signal.Signals, *roles: Literal["controller", "watchdog"]) -> None:
        """Sends a signal to the controller, to the watchdog, or to both."""
        self.mark()
        for pid in [self.pid(role) for role in roles]:
            os.kill(pid, number)

    def sign(self) -> ControllerSign:
        """What the controller says of itself."""
        sign = Signs(self.state).controller()
        assert sign is not None
        return sign

    def _said_by(self) -> int | None:
        sign = Signs(self.state).controller()
        return None if sign is None else sign.pid

    def journalled(self) -> list[Tick]:
        """The steps in the journal, which must hold together."""
        assert verify(self.state / "journal").broken is None
        return list(ticks(self.state / "journal"))

    def written(self) -> list[tuple[datetime, str, str, str]]:
        """Every write on the bus: site's time, point, priority, value."""
        rows = (line.split(",") for line in (self.folder / "twin" / "writes.csv").read_text().splitlines()[1:])
        return [(datetime.fromisoformat(row[1]), row[3], row[4], row[5]) for row in rows]

    def told_of(self, row: str, safe: str, took: timedelta | None) -> None:
        """Keeps what came of it, for the table."""
        where = os.environ.get("AIRHANDLER_DRILLS")
        if where is None:
            return
        steps = None if took is None else took / STEP
        (Path(where) / f"{row}.json").write_text(json.dumps({"safe": safe, "steps": steps}))

    def end(self) -> dict[str, Any]:
        """Ends everything. Returns the twin's summary; nothing was above allowable, whatever went wrong."""
        for process in self.processes[1:]:
            with suppress(ProcessLookupError):
                process.end(signal.SIGTERM)
        self.twin.end(signal.SIGTERM)
        summary: dict[str, Any] = json.loads((self.folder / "twin" / "summary.json").read_text())
        assert summary["kpis"]["above_allowable_frac"] == 0.0
        return summary

    def kill(self) -> None:
        """Ends whatever still runs."""
        roles: tuple[Literal["controller", "watchdog"], ...] = ("controller", "watchdog")
        for role in roles:
            with suppress(AssertionError, ProcessLookupError, UserError):
                os.kill(self.pid(role), signal.SIGKILL)
        for process in self.processes:
            process.kill()


def journal_of(drill: Drill) -> Path:
    """The file that the controller's journal is in."""
    return found(drill.state / "journal")[-1]


def cut(drill: Drill, cable: Cable, row: str) -> None:
    """Cuts the cable until the building has helped itself: nothing is written once it is mended."""
    drill.mark()
    cable.cut()
    took = drill.until(drill.empty)
    drill.told_of(row, "given back by the building's own watch; handed over; nothing written once it is back", took)
    cable.mend()
    drill.until(lambda: drill.sign().stage == "fallback" and not drill.sign().in_charge)
    drill.steps(2)
    assert drill.empty()


def handed_over(drill: Drill, row: str, why: str, within: timedelta | None = None) -> None:
    """The building has its own control back, the controller says why, and it stays so."""
    took = drill.until(drill.empty)
    drill.told_of(row, "handed over", took)
    if within is not None:
        assert took <= within
    drill.until(lambda: why in drill.sign().why)
    assert not drill.sign().in_charge
    drill.steps(2)
    assert drill.empty()
    assert drill.sign().stage == "fallback"
