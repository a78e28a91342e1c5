"""What a twin shows and what stands in its slots: the one picture that all of its servers serve.

It belongs to the thread of the servers: everything here is called there, one call after the other, so that a batch
of reads sees one instant. `loop_thread.py` takes the simulation's calls there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.points import Role

from .connectors.heartbeat import NAME
from .twin_faults import Faults, Seen

SLOTS = 16
"""Places of a priority array; 1 comes first. Source: ASHRAE 135, clause 19.2."""
SUPERVISED = range(9, 15)
"""Slots that the heartbeat watch empties: those that a supervising controller may have."""
HEARTBEAT, ENABLE, CLOCK = NAME, "enable", "clock"
REMOTE_SLOT = 14
"""Where a Modbus write stands, which has no priority: the last of the supervised slots."""

_HUNDREDTH_S = 0.01  # what a BACnet clock resolves. Source: ASHRAE 135, clause 20.2.13

Code = Literal["write-access-denied", "value-out-of-range"]


class RefusedError(AirhandlerError):
    """A write that the device does not take, with the code that says so on the bus."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What there is to see at the end of a step.

    Attributes:
        time: simulated.
        values: of every point that is measured [unit of the point]; None is absent.
        incumbent: what the building's own control asks for, by set-point [unit of the point].
    """

    time: datetime
    values: Mapping[str, float | None]
    incumbent: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A set-point that somebody commands.

    Attributes:
        value: what reaches the actuator [unit of the point].
        priority: the slot that it comes from.
    """

    value: float
    priority: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BusWrite:
    """One write on the bus, taken or not.

    Attributes:
        time: simulated.
        source: who wrote, as the bus knows it.
        point: what was written.
        priority: the slot; None where there are no slots.
        value: what was written; None gives the slot back.
        outcome: `ok`, or the code of the refusal.
    """

    time: datetime
    source: str
    point: str
    priority: int | None
    value: float | None
    outcome: str


@dataclass(kw_only=True)
class Board:
    """The picture.

    Attributes:
        building: whose points.
        shown: what the last step ended with.
        step_s: length of a step [s].
        speed: simulated seconds per second.
        heartbeat_steps: how many steps the heartbeat may stand still while a supervised slot is occupied.
        on_write: is told every write.
        on_event: is told what the device does by itself.
        faults: what is wrong with it.
        heartbeat: what a controller counts up.
        waits: whether time stands still until somebody asks on a bus.
        remote: whether a controller that knows no slots has been let in; see twin_modbus.py.
    """

    building: Building
    shown: Shown
    step_s: float
    speed: float
    heartbeat_steps: int
    on_write: Callable[[BusWrite], None]
    on_event: Callable[[str], None]
    faults: Faults = field(default_factory=Faults)
    heartbeat: float = 0.0
    remote: bool = False
    waits: bool = False

    def __post_init__(self) -> None:
        self.measured = tuple(p for p in self.building.points if p.role is not Role.SETPOINT)
        self._slots: dict[str, list[float | None]] = {p.name: [None] * SLOTS for p in self.building.setpoints}
        self._points = {p.name: p for p in self.building.setpoints}
        self._seen: dict[str, Seen] = {}
        self._arrived: dict[str, Command | None] = dict.fromkeys(self._slots)
        self._beats_before, self._still = self.heartbeat, 0
        self.show(self.shown)

    # --- what is read -----------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The device's clock: simulated time goes on between two steps, and waits for a step that is late."""
        since_s = 0.0 if self.waits else (time.monotonic() - self._shown_s) * self.speed
        within_s = min(since_s, self.step_s - _HUNDREDTH_S)
        return self.shown.time + timedelta(seconds=within_s) + self.faults.clock_off

    def heard(self) -> None:
        """Somebody asks on a bus: time begins, if it waited for that."""
        if self.waits:
            self.waits, self._shown_s = False, time.monotonic()

    def seen(self, name: str) -> Seen:
        """What a sensor, meter or signal shows."""
        return self._seen[name]

    def slots(self, name: str) -> tuple[float | None, ...]:
        """What stands in the slots of a set-point, the first priority first."""
        return tuple(self._slots[name])

    def default(self, name: str) -> float:
        """What a set-point falls back to: what the building's own control asks for."""
        return self.shown.incumbent[name]

    def active(self, name: str) -> int | None:
        """The slot that commands a set-point; None where none does."""
        return next((number for number, value in enumerate(self._slots[name], start=1) if value is not None), None)

    def present(self, name: str) -> float:
        """Where a set-point stands."""
        number = self.active(name)
        value = self.default(name) if number is None else self._slots[name][number - 1]
        assert value is not None
        return value

    # --- what is written --------------------------------------------------------------------------------------

    def command(self, name: str, value: float | None, priority: int, source: str) -> None:
        """Writes a slot of a set-point; None gives it back. Raises RefusedError."""
        taken = value is None or math.isfinite(value)
        refusal: Code | None = None if taken else "value-out-of-range"
        if self.faults.refuses(name):
            refusal = "write-access-denied"
        self._note(name, value, priority, source, refusal)
        if refusal is None and not self.faults.ignores(name):
            self._slots[name][priority - 1] = value

    def beat(self, value: float, source: str) -> None:
        """Writes the heartbeat. Raises RefusedError."""
        refusal: Code | None = "write-access-denied" if self.faults.refuses(HEARTBEAT) else None
        self._note(HEARTBEAT, value, None, source, refusal)
        if refusal is None and not self.faults.ignores(HEARTBEAT):
            self.heartbeat = value

    def let_remote(self, on: bool, source: str) -> None:
        """Lets a controller in that knows no slots, or out, which gives its slot back. Raises RefusedError."""
        refusal: Code | None = "write-access-denied" if self.faults.refuses(ENABLE) else None
        self._note(ENABLE, float(on), None, source, refusal)
        if refusal is None and not self.faults.ignores(ENABLE):
            self.remote = on
            if not on:
                self._vacate(range(REMOTE_SLOT, REMOTE_SLOT + 1))

    def deny(self, name: str, value: float | None, priority: int | None, source: str) -> None:
        """Takes note of a write to what cannot be written, and raises RefusedError."""
        self._note(name, value, priority, source, "write-access-denied")

    def forget(self) -> None:
        """What a device has lost after it has started anew."""
        self.heartbeat = self._beats_before = 0.0
        self.empty(range(1, SLOTS + 1), "the device started anew: all slots are empty")

    def empty(self, slots: range, why: str) -> None:
        """Empties slots of all set-points by itself."""
        self._vacate(slots)
        self.on_event(why)

    # --- what goes on -----------------------------------------------------------------------------------------

    def show(self, shown: Shown, *, again: bool = False) -> None:
        """Takes the end of a step, or looks at the last one again: everything changes at once."""
        self.shown = shown
        if not again:
            self._shown_s = time.monotonic()
        self._seen = {p.name: self.faults.see(p, shown.values[p.name], shown.time) for p in self.measured}

    def commands(self) -> dict[str, Command]:
        """What reaches the actuators in the step that begins: within the limits of each set-point."""
        for name, point in self._points.items():
            if self.faults.sticks(name):
                continue
            number = self.active(name)
            self._arrived[name] = (
                None
                if number is None
                else Command(value=min(point.high, max(point.low, self.present(name))), priority=number)
            )
        return {name: command for name, command in self._arrived.items() if command is not None}

    def watch(self) -> None:
        """At the begin of a step: empties the supervised slots once nobody's heart has beaten for long enough."""
        occupied = any(values[number - 1] is not None for values in self._slots.values() for number in SUPERVISED)
        self._still = self._still + 1 if occupied and self.heartbeat == self._beats_before else 0
        self._beats_before = self.heartbeat
        if self._still >= self.heartbeat_steps:
            self._still = 0
            self.empty(SUPERVISED, f"no heartbeat for {self.heartbeat_steps} steps: slots 9 to 14 are emptied")

    def _vacate(self, slots: range) -> None:
        for values in self._slots.values():
            for number in slots:
                values[number - 1] = None
        if REMOTE_SLOT in slots:
            self.remote = False

    def _note(self, name: str, value: float | None, priority: int | None, source: str, refusal: Code | None) -> None:
        self.on_write(
            BusWrite(
                time=self.now(), source=source, point=name, priority=priority, value=value, outcome=refusal or "ok"
            )
        )
        if refusal is not None:
            raise RefusedError(refusal)
