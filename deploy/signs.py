"""Signs of life: what the controller and the watchdog of a site say of themselves, each in a small file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import AwareDatetime, Field

from airhandler.buildings.strict import Strict
from airhandler.control.tick import Stage

from .boot import boot_id, boot_s
from .small_files import put_record, read_record

WATCHDOG_S = 5.0
"""How old a watchdog's sign may be before it counts as none [s]."""


class ControllerSign(Strict):
    """What a controller says of itself in every step.

    Attributes:
        pid: of its process.
        site: the site's name.
        controller: who proposes.
        stage: how much authority it has.
        in_charge: whether something of ours is or may be in force.
        tick: its number.
        site_time: of the reading.
        step_s: the machine's seconds between two ticks [s].
        why: why it is in this stage, in one sentence; empty where there is nothing to say.
        notes: what else a person should know, a line each.
        at_s: when it said so [s, boot-time clock].
        boot: which start of the machine it is of.
    """

    pid: int
    site: str
    controller: str
    stage: Stage
    in_charge: bool
    tick: int
    site_time: AwareDatetime
    step_s: float = Field(gt=0, allow_inf_nan=False)
    why: str = ""
    notes: tuple[str, ...] = Field(default=(), strict=False)
    at_s: float
    boot: str


class WatchdogSign(Strict):
    """What a watchdog says of itself, several times a second.

    Attributes:
        pid: of its process.
        ready: whether it has reached the site, and could give everything back.
        reach: what it could give back, as a hash: where a site file was changed, a controller has another one.
        why: what it is giving back now, and why; empty where nothing is.
        at_s: when it said so [s, boot-time clock].
        boot: which start of the machine it is of.
    """

    pid: int
    ready: bool
    reach: str = ""
    why: str = ""
    at_s: float
    boot: str


class Signs:
    """The signs of one site.

    Args:
        folder: where their files are.
        now_s: the boot-time clock [s].
        boot: which start of the machine it is; None asks the machine.
    """

    def __init__(self, folder: Path, *, now_s: Callable[[], float] = boot_s, boot: str | None = None) -> None:
        self._controller, self._watchdog = folder / "controller.json", folder / "watchdog.json"
        self.now_s, self.boot = now_s, boot or boot_id()

    def put_controller(self, sign: ControllerSign) -> None:
        """Replaces the controller's sign. Raises OSError."""
        put_record(self._controller, sign)

    def put_watchdog(self, sign: WatchdogSign) -> None:
        """Replaces the watchdog's sign. Raises OSError."""
        put_record(self._watchdog, sign)

    def controller(self) -> ControllerSign | None:
        """The controller's last sign; None where there is none. Raises ValueError for what cannot be read."""
        return read_record(self._controller, ControllerSign)

    def watchdog(self) -> WatchdogSign | None:
        """The watchdog's last sign; None where there is none. Raises ValueError for what cannot be read."""
        return read_record(self._watchdog, WatchdogSign)

    def watched(self, reach: str | None = None) -> bool:
        """Whether the watchdog's sign is fresh, and says that it is ready; for just that reach, where one is named."""
        try:
            sign = self.watchdog()
        except ValueError:
            return False
        if sign is None or not sign.ready or (reach is not None and sign.reach != reach):
            return False
        return 0.0 <= self.age_s(sign) < WATCHDOG_S

    def age_s(self, sign: ControllerSign | WatchdogSign) -> float:
        """How old a sign is; infinite where it is of another start of the machine [s]."""
        return self.now_s() - sign.at_s if sign.boot == self.boot else float("inf")
