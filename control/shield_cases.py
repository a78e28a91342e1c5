"""Situations for the benchmark of the shield: readings, what is and was in force, proposals.

Sound ones, ones on the border, and hostile ones. A run of situations hangs together: what the shield gave comes to be
in force, and readings follow each other as a building's do.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Reading, Role, Setpoints
from airhandler.safety.forecast import MOST_BIAS_K, MOST_BOUND_K, MOST_LEAK_FRAC, Answer, Forecast
from airhandler.safety.sensors import needed_points
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Proposal

from .hostile_values import JUNK, NOT_NUMBERS, TYPES

_PAST = 13  # control steps of what was in force that are kept

START = datetime(2025, 7, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """One call of the shield.

    Attributes:
        history, in_force, proposal, past, written, forecast: its arguments, whatever they are.
        sound: whether readings and proposal can be trusted; None where that is not known.
    """

    history: Any
    in_force: Any
    proposal: Any
    past: Any
    written: bool
    forecast: Any
    sound: bool | None


class Run:
    """Situations of one building, one after another."""

    def __init__(self, building: Building, shield: Shield, rng: Random) -> None:
        self._building, self._shield, self._rng = building, shield, rng
        self._measured = [p for p in building.points if p.role is not Role.SETPOINT]
        needed = needed_points(building)
        self._needed = [p for p in self._measured if p.name in needed]
        self._meters = tuple(building.file.meters.named().values())
        self._middle = {p.name: p.low + rng.uniform(0.2, 0.8) * (p.high - p.low) for p in self._measured}
        self._middle |= self._calm()
        self._readings: list[Any] = []
        self._in_force: Any = None
        self._past: list[Any] = []
        self._number = 0
        for _ in range(shield.memory - 1):
            self._readings.append(self._reading())

    def _calm(self) -> dict[str, float]:
        """Where the sensors of the zones stand: as in a hall that works, more or less."""
        rng, place = self._rng, {p.name: p for p in self._building.setpoints}
        calm: dict[str, float] = {}
        load = rng.choice((rng.uniform(0, 1), 1.0))
        for roles in self._building.zones.values():
            temp, flow = place[roles.supply_temp_setpoint], place[roles.supply_flow_setpoint]
            supply_c = rng.uniform(temp.low - 2, temp.high + 2)
            drawn = flow.high * rng.uniform(0.1, 0.9)
            calm |= {
                roles.it_load: load,
                roles.supply_temp: supply_c,
                roles.inlet_temp: supply_c + rng.choice((0.5, rng.uniform(-2, 8))),
                roles.zone_temp: supply_c + rng.uniform(0, 20),
                roles.server_flow: drawn,
                roles.supply_flow: drawn * rng.choice((1.0, rng.uniform(0.3, 1.7))),
            }
        return calm

    def situation(self) -> Situation:
        """The next one."""
        rng = self._rng
        self._readings = [*self._readings[-self._shield.memory :], self._reading()]
        history, in_force = self._readings, self._standing()
        proposal, is_sound = self._proposal(in_force)
        sound: bool | None = is_sound
        if rng.random() < 0.25:
            history, doubted = self._broken()
            sound = doubted if is_sound else False
        past, sound = self._stood(sound)
        return Situation(
            history=history,
            in_force=in_force,
            proposal=proposal,
            past=past,
            written=rng.random() < 0.8,
            forecast=self._learned(),
            sound=sound,
        )

    def follow(self, given: Setpoints) -> None:
        """What the shield gave is in force from now on."""
        self._in_force = given
        self._past = [*self._past[-_PAST:], given]

    def _stood(self, sound: bool | None) -> tuple[Any, bool | None]:
        """What was in force until now, at times with something hostile in it; and whether all can be trusted still."""
        rng, kind = self._rng, self._rng.random()
        if kind < 0.9:
            return deque(self._past) if kind < 0.45 else list(self._past), sound
        if kind < 0.95:
            places = self._building.setpoints
            return [Setpoints({p.name: rng.uniform(p.low, p.high) for p in places}) for _ in range(9)], sound
        if kind < 0.98:
            return [*self._past, rng.choice((*JUNK, Setpoints(rng.choice(JUNK))))], sound
        return rng.choice(JUNK), sound and None

    def _learned(self) -> Any:
        """Nothing, something that may well be, the extremes of what can be, that of another building, or junk."""
        rng, zones = self._rng, len(self._building.zones)
        kind = rng.random()
        if kind < 0.25 or (zones == 0 and kind < 0.95):
            return None
        if kind < 0.95:
            return self._forecast(zones, extreme=kind >= 0.75)
        return rng.choice((*JUNK, self._forecast(zones + 1, extreme=False)))

    def _forecast(self, zones: int, *, extreme: bool) -> Forecast:
        rng = self._rng
        steps = rng.choice((1, 4, rng.randint(1, 12)))

        def drawn(low: float, usual: float, high: float) -> float:
            return rng.choice((low, high)) if extreme else usual * rng.random()

        return Forecast(
            answer=Answer(drawn(1e-3, 1.0, 1.0) or 1.0, drawn(0.0, 1.0, 1.0), rng.randrange(2)),
            leak_frac=np.array([drawn(0.0, 0.2, MOST_LEAK_FRAC) for _ in range(zones)]),
            bias_k=np.array([drawn(-MOST_BIAS_K, rng.choice((-1.0, 1.0)), MOST_BIAS_K) for _ in range(zones)]),
            bound_k=np.array([[drawn(0.0, 1.0, MOST_BOUND_K) for _ in range(zones)] for _ in range(steps)]),
        )

    def _reading(self) -> Reading:
        """Sound, and new in every point that the shield rests on; at times a meter says nothing of use."""
        rng, values = self._rng, dict[str, Any]()
        for point in self._measured:
            middle = self._middle[point.name]
            value = middle + (rng.random() - 0.5) * 0.01 * (point.high - point.low)
            values[point.name] = min(max(value, point.low), point.high)
        if rng.random() < 0.1:
            point = rng.choice(self._needed)
            values[point.name] = rng.choice((point.low, point.high))
        if rng.random() < 0.1:
            values[rng.choice(self._meters)] = rng.choice((0.0, *NOT_NUMBERS))
        for point in self._needed:  # clipped to a border again and again it would be stuck
            if self._number % 2 and values[point.name] in (point.low, point.high):
                values[point.name] = math.nextafter(values[point.name], (point.low + point.high) / 2)
        self._number += 1
        return Reading(time=START + self._number * timedelta(seconds=self._building.step_s), values=values)

    def _standing(self) -> Any:
        rng = self._rng
        kind = rng.random()
        if kind < 0.85:
            return self._in_force
        if kind < 0.9:
            return None
        values: dict[Any, Any] = {p.name: rng.uniform(p.low, p.high) for p in self._building.setpoints}
        if kind < 0.94:
            return Setpoints(values)
        if kind < 0.97:
            point = rng.choice(self._building.setpoints)
            far = (point.low - 1e9, point.high + 1e9, math.nextafter(point.high, math.inf), point.low, point.high)
            values[point.name] = rng.choice((*far, *NOT_NUMBERS))
            return Setpoints(values)
        return rng.choice((*JUNK, Setpoints(rng.choice(JUNK)), values))

    def _broken(self) -> tuple[Any, bool | None]:
        """History with something wrong in it, and whether it can still be trusted."""
        rng, readings = self._rng, list(self._readings)
        newest = readings[-1]
        values, point = dict(newest.values), rng.choice(self._needed)
        name, sound = point.name, False
        age_s: dict[str, Any] = {}
        match rng.randrange(8):
            case 0:
                values[name] = rng.choice(NOT_NUMBERS)
            case 1:
                beyond = (math.nextafter(point.low, -math.inf), math.nextafter(point.high, math.inf), 1e308, -1e308)
                values[name] = rng.choice(beyond)
            case 2:
                del values[name]
            case 3:
                limit_s = self._building.file.shield.max_age_s
                inside = (limit_s, -limit_s, 0.0)
                outside = (math.nextafter(limit_s, math.inf), math.nextafter(-limit_s, -math.inf), math.nan, -1e9, None)
                age, sound = rng.choice([(age, True) for age in inside] + [(age, False) for age in outside])
                age_s = {name: age}
            case 4:
                other = rng.choice(self._measured).name
                values[name], values[other] = values[other], values[name]
                return [*readings[:-1], Reading(time=newest.time, values=values)], None
            case 5:
                values[name] = rng.choice(TYPES)(values[name])
                return [*readings[:-1], Reading(time=newest.time, values=values)], None
            case 6:
                junk = (*JUNK, Reading(time=newest.time, values=rng.choice(JUNK)))
                return rng.choice(([], None, 7, "text", object(), [*readings[:-1], rng.choice(junk)])), False
            case _:
                return self._other_shape(readings)
        return [*readings[:-1], Reading(time=newest.time, values=values, age_s=age_s)], sound

    def _other_shape(self, readings: list[Any]) -> tuple[Any, bool | None]:
        """A tuple, a junk reading in the past, or a sensor that stands still."""
        rng = self._rng
        kind = rng.randrange(3)
        if kind == 0:
            return tuple(readings), True
        if kind == 1 and len(readings) > 1:
            place = rng.randrange(len(readings) - 1)
            return [*readings[:place], rng.choice(JUNK), *readings[place + 1 :]], None
        name = rng.choice(self._needed).name
        still = readings[-1].values[name]
        return [Reading(time=r.time, values={**r.values, name: still}) for r in readings], None

    def _proposal(self, in_force: Any) -> tuple[Any, bool]:
        rng = self._rng
        if rng.random() < 0.1:
            return rng.choice((*JUNK, self._asked(rng.choice((*JUNK, Setpoints(rng.choice(JUNK))))))), False
        values: dict[Any, Any] = dict(self._values(in_force))
        sound, names = True, list(values)
        name = rng.choice(names)
        kind = rng.random()
        if kind < 0.06:
            values[name], sound = rng.choice(NOT_NUMBERS), False
        elif kind < 0.08:
            del values[name]
            sound = False
        elif kind < 0.1:
            values[rng.choice(("boiler_c", "", 7))] = 20.0
            sound = False
        elif kind < 0.12:
            with np.errstate(over="ignore"):
                values[name] = rng.choice(TYPES)(values[name])
            sound = bool(math.isfinite(values[name]))
        elif kind < 0.16:
            other = rng.choice(names)
            values[name], values[other] = values[other], values[name]
        return self._asked(Setpoints(values)), sound

    def _asked(self, setpoints: Any) -> Proposal:
        rng = self._rng
        sure: Any = rng.choice((None, None, None, 1.0, rng.random(), rng.choice((-1.0, 2.0, True, *NOT_NUMBERS))))
        return Proposal(setpoints=setpoints, time=START, controller="bench", confidence=sure)

    def _values(self, in_force: Any) -> dict[str, float]:
        """Numbers for every set-point, in one of several manners."""
        rng = self._rng
        wild = (self._anywhere, self._extreme, self._border, self._far)
        manner = rng.choice((*wild, self._cool, self._near, self._still, self._still))
        return {p.name: manner(i, self._base(i, in_force)) for i, p in enumerate(self._building.setpoints)}

    def _base(self, index: int, in_force: Any) -> float:
        point = self._building.setpoints[index]
        value = self._building.rules[index].fallback
        if isinstance(in_force, Setpoints) and type(in_force.by_name) is dict:
            found = in_force.by_name.get(point.name)
            value = found if type(found) is float and math.isfinite(found) else value
        return min(max(value, point.low), point.high)

    def _anywhere(self, index: int, base: float) -> float:
        point = self._building.setpoints[index]
        return self._rng.uniform(point.low, point.high)

    def _extreme(self, index: int, base: float) -> float:
        point = self._building.setpoints[index]
        return self._rng.choice((point.low, point.high))

    def _border(self, index: int, base: float) -> float:
        """On a limit or at the end of a ramp, or the next number beyond."""
        point, ramp = self._building.setpoints[index], self._building.rules[index].ramp_per_step
        edge = self._rng.choice((point.low, point.high, base - ramp, base + ramp, base))
        return self._rng.choice((edge, math.nextafter(edge, -math.inf), math.nextafter(edge, math.inf)))

    def _near(self, index: int, base: float) -> float:
        ramp = self._building.rules[index].ramp_per_step
        point = self._building.setpoints[index]
        return min(max(base + self._rng.uniform(-ramp, ramp), point.low), point.high)

    def _still(self, index: int, base: float) -> float:
        """Where it stands, or a little cooler or with a little more air: what is often safe."""
        point, ramp = self._building.setpoints[index], self._building.rules[index].ramp_per_step
        step = self._rng.choice((0.0, 0.0, ramp * self._rng.random()))
        return min(max(base - step if point.unit == "degC" else base + step, point.low), point.high)

    def _far(self, index: int, base: float) -> float:
        return self._rng.choice((1e308, -1e308, 5e-324, -0.0, base, base + 1e-12, 1e9))

    def _cool(self, index: int, base: float) -> float:
        """Towards the fallback, or at it."""
        rule = self._building.rules[index]
        return self._rng.choice(
            (rule.fallback, base + max(-rule.ramp_per_step, min(rule.ramp_per_step, rule.fallback - base)))
        )
