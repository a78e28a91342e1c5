"""Shield: reading history and proposal in, verdict out. Pure, total, bounded in time.

The same object, made from the same building file, wraps the environment in training and guards the loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Reading, Setpoints

from .box import Box, Case, Remarking, Rule, Watching
from .confidence import Confidence
from .deadband import Deadband
from .forecast import Forecast
from .forecast_check import ForecastCheck
from .forecaster import Forecaster
from .intake import ProposalCheck, is_plain
from .operator_limits import OperatorFile
from .projection import Coupled, Projection, Pull, Shortfall
from .rules import Fallback, hard_rules, soft_rules
from .sensors import SensorCheck
from .standing import Standing
from .telling import Telling
from .verdict import REMARK, Adjusted, Allowed, Proposal, Reason, Rejected, Verdict

_NOTHING: Mapping[str, float] = MappingProxyType({})
_NO_PULLS: Mapping[int, Pull] = MappingProxyType({})


class Shield:
    """Guards the set-points of one building.

    Trusted sensors and a sound proposal are answered by the proposal, clipped once into the box that the
    rules leave: Allowed if nothing moved, Adjusted otherwise. Anything else, an exception in a rule included,
    is answered by the known fallback of the building file, approached from where the set-points stand as the hard
    rules let it (limits, ramps, dwell, what an operator fixed, the dead band): Rejected. What leaves is inside
    limits, ramps and dwell in every case.

    The approached fallback is safe by declaration: asked for, it is always allowed, whatever the guards would
    make of it. So judging a verdict's set-points again changes nothing, rejected ones included, and the
    fallback stays the known one. Choose it so that it serves the building at full load.

    Args:
        building: its file has the settings.
        operator: what an operator has fixed by hand.
        beside: words that every verdict on a sound reading and proposal is to carry as a remark; "" for none.
    """

    def __init__(self, building: Building, operator: OperatorFile | None = None, *, beside: str = "") -> None:
        self._beside = (Reason(rule=REMARK, words=beside),) if beside else ()
        self._building = building
        self._names = tuple(p.name for p in building.setpoints)
        self._fallback = tuple(float(s.fallback) for s in building.rules)
        self._hard = hard_rules(building, operator)
        soft = soft_rules(building, operator)
        self._rules: tuple[Rule, ...] = (*self._hard, *soft)
        self._firm = not any(isinstance(rule, Deadband) for rule in self._rules)
        self._coupled = tuple(rule for rule in soft if isinstance(rule, Coupled))
        self._settled = self._rules.index(self._coupled[0]) if self._coupled else len(self._rules)
        rest = self._rules[self._settled :]
        self._rest = [(rule, rule if isinstance(rule, Coupled) else None) for rule in rest]
        self._by_fallback: Mapping[int, Rule] = dict.fromkeys(range(len(self._names)), Fallback())
        self._projection = Projection(building.setpoints, self._coupled)
        self._remarking = tuple(rule for rule in self._rules if isinstance(rule, Remarking))
        watching = [rule for rule in self._rules if isinstance(rule, Watching)]
        watched = {name for rule in watching for name in rule.watches}
        self._readings = max((rule.readings for rule in watching), default=0)
        self._sensors = SensorCheck(building, watched)
        self._standing = Standing(building, self._hard, self._sensors)
        self._forecasts = ForecastCheck(building)
        self._proposals, self._confidence = ProposalCheck(self._names), Confidence(building)
        self._telling = Telling(building, self._coupled, self._confidence)

    @property
    def fallback(self) -> Setpoints:
        """The known fallback of the building file."""
        return self._as_setpoints(self._fallback)

    @property
    def memory(self) -> int:
        """How many readings of history `judge` looks at."""
        return max(self._sensors.memory, self._readings)

    @property
    def past_steps(self) -> int:
        """How many control steps of what was in force `judge` looks at."""
        return self._standing.past_steps

    def forecaster(self) -> Forecaster:
        """A new Forecaster: whoever calls `judge` keeps it, shows it every reading and hands in its forecast."""
        return Forecaster(self._building)

    def judge(
        self,
        history: Sequence[Reading],
        in_force: Setpoints | None,
        proposal: Proposal | None,
        *,
        past: Sequence[Setpoints] = (),
        written: bool = True,
        forecast: Forecast | None = None,
    ) -> Verdict:
        """The verdict on a proposal. Never raises, remembers nothing.

        Args:
            history: recent readings, the newest last.
            in_force: set-points that are commanded now; None while the building's own control has authority:
                the ramp then starts at the measured supply air.
            proposal: None when the controller failed or missed its deadline.
            past: what was in force in each control step until now, the newest last; none while the building's own
                control has authority. Only settings of a pace (`ramp_per_hour`, `dwell_s`) look at it.
            written: whether the building was told `in_force`. In shadow it was not: the ramp starts there, and
                the supply air is not expected to follow it.
            forecast: what a Forecaster has learned until this reading; None: the building file alone holds.
        """
        base = self._standing.now(history, in_force)
        stands = Case(_NOTHING, _NOTHING, base, base)
        try:
            stands = stands._replace(past=self._standing.past(past))
            commanded = base if written else self._standing.now(history, None)
            with np.errstate(all="ignore"):  # a division by zero says what is right where it is met, in every rule
                return self._decide(history, stands._replace(commanded=commanded), proposal, forecast)
        except Exception as error:  # noqa: BLE001 - G2: whatever fails in here must end in the known fallback
            words = f"the shield met {type(error).__name__} and could not judge"
            return self._reject(stands, (Reason(rule="exception", words=words),))

    def _decide(
        self,
        history: Sequence[Reading],
        stands: Case,
        proposal: Proposal | None,
        forecast: Forecast | None,
    ) -> Verdict:
        values, doubts = self._sensors.check(history)
        asked, faults = self._proposals.read(proposal)
        if doubts or faults or proposal is None:
            return self._reject(stands, doubts + faults)
        learned, remarks = self._forecasts.read(forecast)
        case = stands._replace(
            values=values,
            previous=self._sensors.previous(history),
            time=history[-1].time,
            forecast=learned,
            recent=self._sensors.recent(history, self._readings),
        )
        wanted = self._confidence.drawn(asked, proposal.confidence)
        free, fallback = self._free(wanted, case)
        watched = self._sensors.watch(history[-1]) + remarks + self._beside
        pulls: Mapping[int, Pull] = _NO_PULLS
        is_fallback = asked == fallback
        box = (self._coupled_too if is_fallback else self._unless_unsafe)(free, wanted, case)
        if box is not None and (is_fallback or box.all_given() == asked):
            same = proposal.setpoints if is_plain(proposal.setpoints) else self._as_setpoints(asked)
            said = self._too_warm(box, case) if is_fallback else ()
            return Allowed(setpoints=same, reasons=said + watched + self._remarks(box, case))
        if box is None:
            coolest = self._coupled_too(free if self._firm else self._free(fallback, case)[0], fallback, case)
            if reasons := self._hopeless(coolest, case):
                return Rejected(setpoints=self._as_setpoints(coolest.all_given()), reasons=reasons + watched)
            box = coolest.settled(free, self._by_fallback)
        elif box.all_given() != free.all_given():
            box, pulls = self._nearest(free, box, case)
        given = box.all_given()
        return Adjusted(
            setpoints=self._as_setpoints(given),
            reasons=(
                *self._telling.drawn(asked, wanted, proposal.confidence),
                *self._telling.held(box, case, pulls),
                *watched,
                *self._remarks(box, case),
            ),
            distance=self._projection.distance(asked, given),
        )

    def _too_warm(self, box: Box, case: Case) -> tuple[Reason, ...]:
        """What there is to say of a fallback that is asked for, and is not safe either."""
        return tuple([Reason(rule=REMARK, words=reason.words) for reason in self._hopeless(box, case)])

    def _free(self, asked: tuple[float, ...], case: Case) -> tuple[Box, tuple[float, ...]]:
        """What the rules before the first coupled one leave, and the fallback as far as the hard ones let it come."""
        free = Box(asked)
        for rule in self._hard:
            rule.narrow(free, case)
        # No hard rule but the dead band looks at what was asked for: without one the intervals are the fallback's too.
        fallback = free.nearest(self._fallback) if self._firm else self._approach(case)
        for rule in self._rules[len(self._hard) : self._settled]:
            rule.narrow(free, case)
        return free, fallback

    def _coupled_too(self, free: Box, asked: tuple[float, ...], case: Case) -> Box:
        box = free.asked_for(asked)
        for rule, _ in self._rest:
            rule.narrow(box, case)
        return box

    def _unless_unsafe(self, free: Box, asked: tuple[float, ...], case: Case) -> Box | None:
        """The same; None as soon as no point that is left is safe, which no later rule can mend."""
        box = free.asked_for(asked)
        for rule, coupled in self._rest:
            rule.narrow(box, case)
            if coupled is not None and any(_unsafe(coupled, box, case)):
                return None
        return box

    def _hopeless(self, box: Box, case: Case) -> tuple[Reason, ...]:
        """Why not even the coolest point that is left is safe; nothing where it is."""
        found = [
            Reason.later(partial(_no_safe_words, short), rule.name, slack_k=short.slack_k)
            for rule in self._coupled
            for short in _unsafe(rule, box, case)
        ]
        return tuple(found)

    def _nearest(self, free: Box, box: Box, case: Case) -> tuple[Box, Mapping[int, Pull]]:
        """The nearest point instead of the first one that the rules found, if it is one and nearer.

        The rules judge it as they would judge a proposal: what the solver says is believed by nobody.
        """
        nearest = self._projection.nearest(free, case)
        if nearest is None:
            return box, _NO_PULLS
        nearer = self._coupled_too(free, nearest.setpoints, case)
        first, second = box.all_given(), nearer.all_given()
        distance = self._projection.distance
        if not distance(box.asked, second) < distance(box.asked, first):
            return box, _NO_PULLS
        return nearer.settled(free, {place: pull.rule for place, pull in nearest.pulls.items()}), nearest.pulls

    def _remarks(self, box: Box, case: Case) -> tuple[Reason, ...]:
        """What the rules say beside the verdict."""
        said = [words for rule in self._remarking for words in rule.remarks(box, case)]
        return tuple([Reason(rule=REMARK, words=words) for words in said])

    def _reject(self, stands: Case, reasons: tuple[Reason, ...]) -> Rejected:
        return Rejected(setpoints=self._as_setpoints(self._approach(stands)), reasons=reasons)

    def _approach(self, stands: Case) -> tuple[float, ...]:
        """The fallback as far as the hard rules let it come in this step; they look at no sensor."""
        box = Box(self._fallback)
        for rule in self._hard:
            rule.narrow(box, stands)
        return box.all_given()

    def _as_setpoints(self, values: Iterable[float]) -> Setpoints:
        return Setpoints(dict(zip(self._names, values, strict=True)))


def _unsafe(rule: Coupled, box: Box, case: Case) -> Iterator[Shortfall]:
    """Why no point that is left is safe, looked for while somebody asks."""
    return (short for short in rule.shortfalls(box, case) if short.is_unsafe)


def _no_safe_words(short: Shortfall) -> str:
    return f"no safe set-points: {short.words()}"
