"""Ticks in a journal: what comes out is what went in, down to the table that is made of them."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, Written
from airhandler.control.loop import Loop
from airhandler.control.table import STAGES, TickTable
from airhandler.control.tick import Tick
from airhandler.deploy.journal import Journal
from airhandler.deploy.journal_rows import canonical
from airhandler.deploy.journal_ticks import tick_of, tick_payload, tick_table
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Adjusted, Allowed, Proposal, Reason, Rejected
from tests.fakes import BUILDING, FakeClock, FakeController, FakeSite, FakeWriter, healthy

numbers = st.floats()
names = st.text(max_size=8)
setpoints = st.builds(Setpoints, st.dictionaries(names, numbers, max_size=3))
zones = st.integers(-840, 840).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
times = st.datetimes(min_value=dt.datetime(1970, 1, 3), max_value=dt.datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001
reasons = st.builds(
    Reason,
    rule=names,
    words=st.text(),
    point=names,
    asked=st.none() | numbers,
    given=st.none() | numbers,
    multiplier=st.none() | numbers,
    slack_k=st.none() | numbers,
)
several = st.lists(reasons, max_size=2).map(tuple)
verdicts = (
    st.builds(Allowed, setpoints=setpoints, reasons=several)
    | st.builds(Adjusted, setpoints=setpoints, reasons=several, distance=numbers)
    | st.builds(Rejected, setpoints=setpoints, reasons=several)
)
ticks = st.builds(
    Tick,
    number=st.integers(0, 2**40),
    stage=st.sampled_from(STAGES),
    reading=st.builds(
        Reading,
        time=times,
        values=st.dictionaries(names, st.none() | numbers, max_size=4),
        age_s=st.dictionaries(names, numbers, max_size=2),
        incumbent=st.none() | setpoints,
    ),
    proposal=st.none()
    | st.builds(Proposal, setpoints=setpoints, time=times, controller=st.text(), confidence=st.none() | numbers),
    verdict=st.none() | verdicts,
    outcome=st.none()
    | st.builds(Written, in_force=st.none() | setpoints)
    | st.builds(WriteFailed, reason=st.text(), in_force=st.none() | setpoints)
    | st.builds(Overridden, reason=st.text()),
    decide_s=numbers,
    write_s=numbers,
)


def said(value: object) -> str:
    """Everything that a record holds, as text: NaN is then equal to itself, and -0.0 is not 0.0."""
    return repr(value)


@given(tick=ticks)
def test_any_tick_comes_back_whole(tick: Tick) -> None:
    back = tick_of(json.loads(canonical(tick_payload(tick))))
    assert said(_comparable(back)) == said(_comparable(tick))
    assert back.reading.time.utcoffset() == tick.reading.time.utcoffset()


def _comparable(tick: Tick) -> list[Any]:
    """A Tick's parts; what has no order has one here."""
    reading, verdict = tick.reading, tick.verdict
    proposal = tick.proposal
    reasons = verdict.reasons if verdict else ()
    said_of = [(r.rule, r.words, r.point, r.asked, r.given, r.multiplier, r.slack_k) for r in reasons]
    return [
        tick.number,
        tick.stage,
        reading.time.isoformat(),
        sorted(reading.values.items()),
        sorted(reading.age_s.items()),
        _sorted(reading.incumbent),
        proposal and [_sorted(proposal.setpoints), proposal.time.isoformat(), proposal.controller, proposal.confidence],
        verdict and [verdict.kind, _sorted(verdict.setpoints), said_of, getattr(verdict, "distance", None)],
        type(tick.outcome),
        getattr(tick.outcome, "reason", None),
        _sorted(getattr(tick.outcome, "in_force", None)),
        tick.decide_s,
        tick.write_s,
    ]


def _sorted(values: Setpoints | None) -> list[tuple[str, float]] | None:
    return None if values is None else sorted(values.items())


def test_what_is_no_number_is_kept_as_none_that_can_be(tmp_path: Path) -> None:
    hostile = Setpoints({"a": "22", "b": True, "c": np.float32(0.5), "d": 10**400, "e": 3})  # type: ignore[dict-item]
    tick = Tick(
        number=0,
        stage="live",
        reading=Reading(time=healthy().time, values={}),
        proposal=Proposal(setpoints=hostile, time=healthy().time, controller="hostile"),
        verdict=None,
        outcome=None,
        decide_s=0.0,
        write_s=0.0,
    )
    Journal(tmp_path).append("tick", tick_payload(tick))
    back = tick_of(tick_payload(tick)).proposal
    assert back is not None
    assert repr(dict(back.setpoints)) == repr({"a": math.nan, "b": math.nan, "c": 0.5, "d": math.nan, "e": 3.0})


def test_table_of_a_journal_is_the_table_of_the_run(tmp_path: Path) -> None:
    journal, table = Journal(tmp_path), TickTable(BUILDING)

    def keep(tick: Tick) -> None:
        table.add(tick)
        journal.append("tick", tick_payload(tick), site_time=tick.reading.time)

    def propose(reading: Reading) -> Setpoints:
        step = int((reading.time - healthy().time).total_seconds() // BUILDING.step_s)
        if step % 9 == 8:
            raise ValueError("no idea")
        return Setpoints({p.name: p.low + (p.high - p.low) * (step % 5) / 4 for p in BUILDING.setpoints})

    absent = {"east_inlet_temp_c": None, "it_load_frac": math.nan}
    readings = [healthy(n, **(absent if n in (20, 21) else {})) for n in range(60)]
    Loop(
        site=FakeSite(readings),
        clock=FakeClock(steps=59),
        step_s=BUILDING.step_s,
        controller=FakeController(propose),
        shield=Shield(BUILDING),
        writer=FakeWriter(fails=lambda number: number == 30),
        on_tick=keep,
        handover=Handover(rejected=9),
    ).run()
    again = tick_table(tmp_path, BUILDING)
    assert len(again) == len(table) == 60
    assert set(table.verdict) == {"allowed", "adjusted", "rejected"} or set(table.verdict) == {"adjusted", "rejected"}
    assert again._matrix().tobytes() == table._matrix().tobytes()
    assert {rule: mask.tolist() for rule, mask in again.rules.items()} == {
        rule: mask.tolist() for rule, mask in table.rules.items()
    }
    assert again.timezone == table.timezone
