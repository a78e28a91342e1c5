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


class ShownSetpoint(Strict):
    """Where a set-point stands, and where others would have it [its unit].

    Attributes:
        name: of the point.
        unit: its unit.
        own: what the building's own control asks for; None where the site does not tell.
        wanted: what the controller asks for, drawn towards that as far as authority has yet to grow; None: nothing.
        judged: what the shield makes of it; in `advisory` that is the advice. None where nothing is granted.
        in_force: what the building does; None where it does not show that, or has not been asked since it changed.
        share: how much of the way from its own control to the controller is granted, 0 to 1.
    """

    name: str
    unit: str
    own: float | None
    wanted: float | None
    judged: float | None
    in_force: float | None
    share: float


class ShownInlet(Strict):
    """The warmest server inlet, and how warm it may be [degC]."""

    name: str
    value_c: float
    recommended_c: float
    allowable_c: float


class Answer(Strict):
    """What a controller answers to an order.

    Attributes:
        order: the order's key.
        done: whether it does as it was told.
        words: what that means, or why it does not.
    """

    order: str
    done: bool
    words: str


class ControllerSign(Strict):
    """What a controller says of itself in every step, and after every order.

    Attributes:
        pid: of its process.
        token: of its lock: a pid may be that of an earlier one.
        site: the site's name.
        controller: who proposes.
        stage: how much authority it has.
        in_charge: whether something of ours is or may be in force.
        tick: its number.
        site_time: of the reading.
        step_s: the machine's seconds between two ticks [s].
        why: why it is in this stage, in one sentence; empty where there is nothing to say.
        notes: what the shield has changed, a line each.
        setpoints: each of the building's.
        inlet: the warmest one; None where there is none, or none can be read.
        until: until when what is granted now holds, in the site's time: of an acceptance, or of a way back.
        leaving: whether authority goes back step by step.
        exercised_s: for how long authority has been exercised [s].
        ramp_s: after how long all of it is given [s].
        answers: to the last orders.
        at_s: when it said so [s, boot-time clock].
        boot: which start of the machine it is of.
    """

    pid: int
    token: str
    site: str
    controller: str
    stage: Stage
    in_charge: bool
    tick: int
    site_time: AwareDatetime
    step_s: float = Field(gt=0, allow_inf_nan=False)
    why: str = ""
    notes: tuple[str, ...] = Field(default=(), strict=False)
    setpoints: tuple[ShownSetpoint, ...] = Field(default=(), strict=False)
    inlet: ShownInlet | None = None
    until: AwareDatetime | None = None
    leaving: bool = False
    exercised_s: float = 0.0
    ramp_s: float = 0.0
    answers: tuple[Answer, ...] = Field(default=(), strict=False)
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
        return self.is_fresh(sign)

    def is_fresh(self, sign: WatchdogSign) -> bool:
        """Whether a watchdog has given its sign just now."""
        return 0.0 <= self.age_s(sign) < WATCHDOG_S

    def age_s(self, sign: ControllerSign | WatchdogSign) -> float:
        """How old a sign is; infinite where it is of another start of the machine [s]."""
        return self.now_s() - sign.at_s if sign.boot == self.boot else float("inf")
