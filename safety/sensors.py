"""Which sensors can be trusted: range, missing, stale, stuck.

Two circles of points:

- What the shield rests on (the sensors of every zone's roles, the outdoor temperature, the server load): a
  doubt about one of them rejects the proposal, for neither a prediction nor a policy can be trusted on it.
- All other points (power meters, outdoor humidity, ...): nothing here depends on them. A value that is there
  and cannot be true is reported beside the verdict, under the name `watch`, and changes no set-point. A value
  that is absent is no report: the Reading shows it already, and a site may not have the point at all.

A value that a connector holds while its source is silent comes with its age, and is good until `max_age_s`.
A value that is absent, `None`, is doubted at once: whoever wants to bridge a gap says so by an age.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import eq, itemgetter

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Point, Reading, Role
from airhandler.buildings.templates import for_zone

from .intake import as_number
from .sweep import Sweep
from .verdict import REMARK, Reason


class SensorCheck:
    """Checks the newest reading, and the ones before it for sensors that stand still.

    Args:
        building: its points.
        watched: points whose `recent` values somebody wants.
    """

    name = "sensors"
    watch_name = REMARK

    def __init__(self, building: Building, watched: Iterable[str] = ()) -> None:
        settings = building.file.shield
        rests_on = needed_points(building)
        measured = [p for p in building.points if p.role is not Role.SETPOINT]
        self._needed = tuple((p.name, p.low, p.high) for p in measured if p.name in rests_on)
        self._others = tuple((p.name, p.low, p.high) for p in measured if p.name not in rests_on)
        self._other_names = tuple(name for name, _, _ in self._others)
        self._stuck = stuck_points(building)
        self._points = {p.name: p for p in measured}
        self._pick_stuck = itemgetter(*self._stuck) if self._stuck else None
        self._sweep, self._sweep_others = Sweep(self._needed), Sweep(self._others)
        self._watched = Sweep((name, self._points[name].low, self._points[name].high) for name in watched)
        self._max_age_s = settings.max_age_s
        self.memory = settings.stuck_after_steps

    def check(self, history: Sequence[Reading]) -> tuple[dict[str, float], tuple[Reason, ...]]:
        """The values that the shield rests on, and a reason for every one that is doubted."""
        if len(history) == 0:
            return {}, (Reason(rule=self.name, words="no reading of the building"),)
        newest = history[-1]
        known = self._sound(newest)
        doubts: list[Reason] = []
        if len(known) < len(self._needed):
            doubts += [self._implausible(self.name, p[0], newest) for p in self._needed if p[0] not in known]
        if newest.age_s:
            doubts += self._stale(self.name, self._needed, newest)
        if not self._all_new(history):
            doubts += [self._still(name) for name in self._stuck if self._is_stuck(name, history)]
        return known, tuple(doubts)

    def previous(self, history: Sequence[Reading]) -> Mapping[str, float]:
        """The values that the shield rests on in the reading before the newest; none if one is not sound."""
        known = self._sound(history[-2]) if len(history) > 1 else {}
        return known if len(known) == len(self._needed) else {}

    def recent(self, history: Sequence[Reading], readings: int) -> tuple[Mapping[str, float], ...]:
        """The watched points in the last readings, the newest last, without what cannot be true or is too old."""
        last = [history[-back] for back in range(min(readings, len(history)), 0, -1)]
        return tuple([self._fresh(reading) for reading in last])

    def watch(self, newest: Reading) -> tuple[Reason, ...]:
        """A reason for every other point whose value is there and cannot be true, or is too old."""
        values = newest.values
        doubts: list[Reason] = []
        for name, low, high in self._others if self._sweep_others.take(values) is None else ():
            value = values.get(name)
            if value is not None and _in_range(value, low, high) is None:
                doubts.append(self._implausible(self.watch_name, name, newest))
        if newest.age_s:
            doubts += self._stale(self.watch_name, self._others, newest)
        return tuple(doubts)

    def plausible(self, history: Sequence[Reading], name: str) -> float | None:
        """A value of the newest reading if it is a number in its range, whatever its age; "" is no point."""
        if not name or len(history) == 0:
            return None
        point = self._points[name]
        return _in_range(history[-1].values.get(name), point.low, point.high)

    def _sound(self, reading: Reading) -> dict[str, float]:
        """What of it can be true. All of it at once where it can, which is nearly always; else one by one."""
        values = reading.values
        if (known := self._sweep.take_all_but(values, self._other_names)) is not None:
            return known
        known = {}
        for name, low, high in self._needed:
            number = _in_range(values.get(name), low, high)
            if number is not None:
                known[name] = number
        return known

    def _fresh(self, reading: Reading) -> Mapping[str, float]:
        names = self._watched.names
        known = None if reading.age_s else self._watched.take_named(reading.values)
        if known is not None:
            return known
        known = {}
        for name in names:
            point, age_s = self._points[name], as_number(reading.age_s.get(name, 0.0))
            number = _in_range(reading.values.get(name), point.low, point.high)
            if number is not None and age_s is not None and abs(age_s) <= self._max_age_s:
                known[name] = number
        return known

    def _all_new(self, history: Sequence[Reading]) -> bool:
        """Whether no point that could be stuck has its last value again; False where that takes a closer look."""
        pick = self._pick_stuck
        if len(history) < self.memory or pick is None:
            return True
        try:
            newest, before = pick(history[-1].values), pick(history[-2].values)
            return not any(map(eq, newest, before))
        except Exception:  # noqa: BLE001 - one is missing, or cannot be compared
            return False

    def _is_stuck(self, name: str, history: Sequence[Reading]) -> bool:
        """Bit-identical in all of the last readings; not judged before there are enough.

        A live sensor of air never repeats to the last bit in float readings (measured on the building models:
        not once in weeks under constant set-points). Where a sensor reports in coarse steps, leave it out of
        the building file's `stuck_points` or raise `stuck_after_steps`.
        """
        steps = self.memory
        if len(history) < steps:
            return False
        newest = history[-1].values.get(name)
        if newest is None or history[-2].values.get(name) != newest:
            return False
        return all(history[-back].values.get(name) == newest for back in range(3, steps + 1))

    def _implausible(self, rule: str, name: str, newest: Reading) -> Reason:
        point, value = self._points[name], newest.values.get(name)
        number = as_number(value)
        if value is None:
            fault = "absent"
        elif number is None:
            fault = f"{value} is not a finite number" if type(value) is float else "not a number"
        else:
            fault = f"{number:.4g} {point.unit}, plausible {point.low:g} to {point.high:g}"
        return Reason(rule=rule, point=name, words=f"{_label(point)}: {fault}")

    def _stale(self, rule: str, points: Sequence[tuple[str, float, float]], newest: Reading) -> list[Reason]:
        """An age that is no number is as bad as a great one; so is a time far in the future."""
        doubts = []
        for name, _, _ in points:
            age: object = newest.age_s.get(name, 0.0)
            age_s = as_number(age)
            if age_s is None or not -self._max_age_s <= age_s <= self._max_age_s:
                shown = "of unknown age" if age_s is None else f"{age_s:.0f} s old"
                words = f"{_label(self._points[name])}: {shown}, at most {self._max_age_s:.0f} s"
                doubts.append(Reason(rule=rule, point=name, words=words))
        return doubts

    def _still(self, name: str) -> Reason:
        words = f"{_label(self._points[name])}: the same value to the last bit for {self.memory} readings"
        return Reason(rule=self.name, point=name, words=words)


def needed_points(building: Building) -> frozenset[str]:
    """The sensors that the shield rests on."""
    setpoints = {p.name for p in building.setpoints}
    zones = (*building.zones.values(), *building.comfort_zones.values())
    of_zones = {name for roles in zones for name in roles.named().values()} - setpoints
    return frozenset(of_zones | {building.file.outdoor_temp})


def stuck_points(building: Building) -> tuple[str, ...]:
    """The points of the building file's `stuck_points`, written out. Raises UserError for an unknown one."""
    written = [for_zone(t, z, building.file) for t in building.file.shield.stuck_points for z in building.file.zones]
    names = tuple(dict.fromkeys(written))
    return tuple(building.point(name).name for name in names)


def _in_range(value: object, low: float, high: float) -> float | None:
    number = value if type(value) is float else as_number(value)
    return number if number is not None and low <= number <= high else None


def _label(point: Point) -> str:
    return point.help or point.name
