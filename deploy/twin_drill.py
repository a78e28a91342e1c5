"""Faults of a running twin by name, as `airhandler twin-fault` and its control channel take them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import get_args

from airhandler.buildings.errors import UserError

from .twin_board import ENABLE, HEARTBEAT, SLOTS, Board
from .twin_faults import Abort, Faults, Ill, SensorIll

PANEL = "operator's panel"
"""Who writes what an operator sets by hand at the device itself."""

USAGE: Mapping[str, str] = {
    "stuck": "POINT: the sensor shows what it shows now",
    "missing": "POINT: no sensor; the object says so by reliability and status flags",
    "nan": "POINT: the sensor shows what is no number",
    "absurd": "POINT VALUE: the sensor shows this",
    "drift": "POINT PER_HOUR: the sensor goes astray, by so much each hour of the building's time",
    "bias": "POINT VALUE: the sensor shows so much too much",
    "gone": "POINT: the object is not there any more",
    "broken": "POINT: the object answers every read with an error; others of the same request are answered",
    "refuse": "[POINT]: writes are refused; without a point those of all set-points, heartbeat and enable",
    "ignore": "[POINT]: writes are acknowledged and change nothing",
    "stick": "[POINT]: slots are written, and the actuator stays where it is",
    "slow": "SECONDS: every answer comes so much later; 0: at once",
    "abort": "REASON ABOVE: a request for more than ABOVE properties is aborted: segmentation-not-supported, "
    "buffer-overflow",
    "silent": "SECONDS: nothing is answered for so long",
    "clock": "SECONDS: the device's clock jumps by so much",
    "operator": "POINT VALUE [PRIORITY]: an operator sets a point by hand, at priority 8; VALUE `null` lets go of it",
    "local": "by Modbus: an operator switches `enable` off at the device",
    "equipment": "NAME...: what is broken in the building, in place of what was: `airhandler buildings show`",
    "restart": "[SECONDS]: the device starts anew, and is away for so long; what stood in its slots is lost",
    "clear": "[NAME]: all is well again, or what that name did",
}
"""What there is, with what it takes."""


class Drill:
    """Puts faults on a Board. Everything is called in the thread of the servers.

    Args:
        board: what is to be wrong.
        restart: starts the device anew, away for so many seconds.
    """

    def __init__(self, board: Board, restart: Callable[[float], None]) -> None:
        self._board, self._start_anew = board, restart

    def do(self, name: str, words: Sequence[str]) -> str:
        """Does what a name and its words say. Returns it as it was understood. Raises UserError."""
        if name not in USAGE:
            raise UserError(f"fault {name!r} is not known: {', '.join(USAGE)}")
        if name in get_args(Ill):
            self._sensor(name, words)  # type: ignore[arg-type]
        else:
            getattr(self, f"_{name}")(words)
        self._board.show(self._board.shown, again=True)
        said = " ".join([name, *words])
        self._board.on_event(f"drill: {said}")
        return said

    def _sensor(self, kind: Ill, words: Sequence[str]) -> None:
        name, *values = self._taken(kind, words, 2 if kind in ("absurd", "drift", "bias") else 1)
        board, measured = self._board, {p.name for p in self._board.measured}
        if name not in measured:
            raise UserError(f"{kind} {name}: no sensor, meter or signal of {board.building.id}")
        amount = self._number(kind, values[0]) if values else 0.0
        stuck = board.faults.last(name)
        board.faults.ill[name] = SensorIll(kind=kind, since=board.shown.time, amount=amount, stuck=stuck)

    def _gone(self, words: Sequence[str]) -> None:
        self._board.faults.gone.update(self._objects("gone", words))

    def _broken(self, words: Sequence[str]) -> None:
        self._board.faults.broken.update(self._objects("broken", words))

    def _refuse(self, words: Sequence[str]) -> None:
        self._board.faults.refused.update(self._written("refuse", words))

    def _ignore(self, words: Sequence[str]) -> None:
        self._board.faults.ignored.update(self._written("ignore", words))

    def _stick(self, words: Sequence[str]) -> None:
        self._board.faults.stuck.update(self._written("stick", words))

    def _slow(self, words: Sequence[str]) -> None:
        self._board.faults.slow_s = self._positive("slow", self._taken("slow", words, 1)[0])

    def _abort(self, words: Sequence[str]) -> None:
        reason, above = self._taken("abort", words, 2)
        for known in get_args(Abort):
            if reason == known:
                self._board.faults.abort = known
                self._board.faults.abort_above = int(self._positive("abort", above))
                return
        raise UserError(f"abort {reason!r}: must be one of {', '.join(get_args(Abort))}")

    def _silent(self, words: Sequence[str]) -> None:
        seconds = self._positive("silent", self._taken("silent", words, 1)[0])
        self._board.faults.silent_until_s = time.monotonic() + seconds

    def _clock(self, words: Sequence[str]) -> None:
        self._board.faults.clock_off += timedelta(seconds=self._number("clock", self._taken("clock", words, 1)[0]))

    def _operator(self, words: Sequence[str]) -> None:
        name, value, *slot = self._taken("operator", words, 2, 3)
        if name not in (p.name for p in self._board.building.setpoints):
            raise UserError(f"operator {name}: no set-point of {self._board.building.id}")
        priority = int(self._number("operator", slot[0])) if slot else 8
        if not 1 <= priority <= SLOTS:
            raise UserError(f"operator: priority {priority}: must be 1 to {SLOTS}")
        self._board.command(name, None if value == "null" else self._number("operator", value), priority, PANEL)

    def _local(self, words: Sequence[str]) -> None:
        self._taken("local", words, 0)
        self._board.let_remote(False, PANEL)

    def _equipment(self, words: Sequence[str]) -> None:
        faults = self._board.building.faults
        if unknown := sorted(set(words) - set(faults)):
            raise UserError(f"equipment {', '.join(unknown)}: {self._board.building.id} has: {', '.join(faults)}")
        self._board.faults.equipment = tuple(words)

    def _restart(self, words: Sequence[str]) -> None:
        self._start_anew(self._positive("restart", words[0]) if words else 0.0)

    def _clear(self, words: Sequence[str]) -> None:
        """Back to how a new record is: wholly, or in what one name did."""
        faults, fresh = self._board.faults, Faults()
        if not words:
            for field in dataclasses.fields(Faults):
                setattr(faults, field.name, getattr(fresh, field.name))
            return
        (name,) = self._taken("clear", words, 1)
        if name in get_args(Ill):
            faults.ill = {point: ill for point, ill in faults.ill.items() if ill.kind != name}
        elif (field_name := _FIELDS.get(name)) is not None:
            setattr(faults, field_name, getattr(fresh, field_name))
        else:
            raise UserError(f"clear {name!r}: must be one of {', '.join([*get_args(Ill), *_FIELDS])}")

    def _objects(self, kind: str, words: Sequence[str]) -> Sequence[str]:
        known = [*(p.name for p in self._board.building.points), HEARTBEAT, ENABLE]
        if not words or (unknown := sorted(set(words) - set(known))):
            raise UserError(f"{kind} {' '.join(unknown) if words else ''}: {USAGE[kind]}")
        return words

    def _written(self, kind: str, words: Sequence[str]) -> Sequence[str]:
        return self._objects(kind, words or [*(p.name for p in self._board.building.setpoints), HEARTBEAT, ENABLE])

    @staticmethod
    def _taken(kind: str, words: Sequence[str], least: int, most: int | None = None) -> Sequence[str]:
        if not least <= len(words) <= (most or least):
            raise UserError(f"{kind}: takes {USAGE[kind]}")
        return words

    @staticmethod
    def _number(kind: str, text: str) -> float:
        try:
            return float(text)
        except ValueError as error:
            raise UserError(f"{kind} {text!r}: must be a number") from error

    def _positive(self, kind: str, text: str) -> float:
        number = self._number(kind, text)
        if not 0 <= number < 1e9:
            raise UserError(f"{kind} {text}: must be 0 or more")
        return number


_FIELDS: Mapping[str, str] = {
    "gone": "gone",
    "broken": "broken",
    "refuse": "refused",
    "ignore": "ignored",
    "stick": "stuck",
    "slow": "slow_s",
    "abort": "abort",
    "silent": "silent_until_s",
    "clock": "clock_off",
    "equipment": "equipment",
}
"""Which field of Faults each name sets."""
