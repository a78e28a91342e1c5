"""What can be wrong with a twin on the bus while it runs, for drills. Those of the model: buildings/faults.py."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from airhandler.buildings.points import Point

Ill = Literal["stuck", "missing", "nan", "absurd", "drift", "bias"]
Abort = Literal["segmentation-not-supported", "buffer-overflow"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a sensor shows.

    Attributes:
        value: the number that is served [unit of the point]; the last that was known where it is not reliable.
        reliable: whether the device trusts it.
    """

    value: float
    reliable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorIll:
    """What is wrong with a sensor.

    Attributes:
        kind: what.
        since: simulated time at which it began.
        amount: by how much: K and the like of a bias, per hour of a drift; the value itself where it is absurd.
        stuck: what it showed last.
    """

    kind: Ill
    since: datetime
    amount: float = 0.0
    stuck: float = math.nan

    def see(self, value: float, now: datetime) -> Seen:
        """What is shown of a value."""
        match self.kind:
            case "stuck":
                return Seen(value=self.stuck, reliable=True)
            case "missing":
                return Seen(value=self.stuck, reliable=False)
            case "nan":
                return Seen(value=math.nan, reliable=True)
            case "absurd":
                return Seen(value=self.amount, reliable=True)
            case "drift":
                return Seen(value=value + self.amount * ((now - self.since) / timedelta(hours=1)), reliable=True)
            case "bias":
                return Seen(value=value + self.amount, reliable=True)


@dataclass(kw_only=True)
class Faults:
    """What is wrong now; at first nothing. Names are those of points, `heartbeat` among them.

    Attributes:
        ill: sensors, by point.
        gone: objects that are not there.
        broken: objects that cannot be read: the others of the same request can.
        refused: points that refuse every write.
        ignored: points whose writes are acknowledged, and change nothing.
        stuck: set-points whose actuator stays where it is, whatever their slots say.
        slow_s: how much later every answer comes [s].
        abort: how a request for more than `abort_above` properties is aborted; None: it is answered.
        abort_above: see there.
        silent_until_s: no answer until then, by the machine's monotonic clock [s].
        clock_off: by how much the device's clock is wrong.
        equipment: what is broken in the building.
    """

    ill: dict[str, SensorIll] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    slow_s: float = 0.0
    abort: Abort | None = None
    abort_above: int = 0
    silent_until_s: float = -math.inf
    clock_off: timedelta = timedelta()
    equipment: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._last: dict[str, float] = {}

    def see(self, point: Point, value: float | None, now: datetime) -> Seen:
        """What a sensor shows when a value is there to be measured; None: nothing is."""
        known = self._last.get(point.name, math.nan) if value is None else value
        ill = self.ill.get(point.name)
        seen = Seen(value=known, reliable=value is not None) if ill is None else ill.see(known, now)
        self._last[point.name] = known
        return seen

    def last(self, name: str) -> float:
        """What was there to be measured last."""
        return self._last.get(name, math.nan)

    def refuses(self, name: str) -> bool:
        """Whether a write is refused."""
        return name in self.refused

    def ignores(self, name: str) -> bool:
        """Whether a write is acknowledged without effect."""
        return name in self.ignored

    def sticks(self, name: str) -> bool:
        """Whether an actuator stays where it is."""
        return name in self.stuck

    @property
    def silent(self) -> bool:
        """Whether nothing is answered."""
        return time.monotonic() < self.silent_until_s

    def too_much(self, properties: int) -> bool:
        """Whether a request for so many properties is aborted."""
        return self.abort is not None and properties > self.abort_above

    def words(self) -> Sequence[str]:
        """All that is wrong, for people."""
        sets = {
            "gone": self.gone,
            "broken": self.broken,
            "refuse": self.refused,
            "ignore": self.ignored,
            "stick": self.stuck,
        }
        told = [f"{ill.kind} {name}" for name, ill in self.ill.items()]
        told += [f"{kind} {name}" for kind, names in sets.items() for name in sorted(names)]
        told += [f"slow {self.slow_s:g}"] if self.slow_s else []
        told += [f"abort {self.abort} {self.abort_above}"] if self.abort else []
        told += ["silent"] if self.silent else []
        told += [f"equipment {name}" for name in self.equipment]
        return [*told, *([f"clock {self.clock_off.total_seconds():g}"] if self.clock_off else [])]
