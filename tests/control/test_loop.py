"""The loop: what happens when readings, controllers and writes go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import pytest

from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Reading, Setpoints
from airhandler.control.loop import Loop
from airhandler.control.tick import Tick
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Rejected
from tests.fakes import BUILDING, FakeClock, FakeController, FakeSite, FakeWriter, healthy

SHIELD = Shield(BUILDING)
GOOD = Setpoints(
    {
        "east_supply_air_temp_setpoint_c": 22.5,
        "east_supply_airflow_setpoint_kg_s": 4.0,
        "west_supply_air_temp_setpoint_c": 22.5,
        "west_supply_airflow_setpoint_kg_s": 4.0,
    }
)
IN_LIMITS = {p.name: (p.low, p.high) for p in BUILDING.setpoints}


def run(
    readings: Iterable[Reading | Exception],
    steps: int,
    *,
    propose: Callable[[Reading], Setpoints] | None = lambda reading: GOOD,
    writer: FakeWriter | None = None,
) -> list[Tick]:
    ticks: list[Tick] = []
    Loop(
        site=FakeSite(readings),
        clock=FakeClock(steps),
        step_s=BUILDING.step_s,
        controller=FakeController(propose) if propose else None,
        shield=SHIELD,
        writer=writer,
        on_tick=ticks.append,
        handover=Handover(),
    ).run()
    return ticks


def days(count: int, **changes: float | None) -> list[Reading]:
    return [healthy(i, **changes) for i in range(count)]


def test_a_sound_proposal_is_written_bit_for_bit() -> None:
    writer = FakeWriter()
    ticks = run(days(5), 4, writer=writer)
    assert [t.number for t in ticks] == [0, 1, 2, 3, 4]
    assert all(isinstance(t.verdict, Allowed) and t.stage == "live" for t in ticks)
    assert [dict(s) for s in writer.written] == [dict(GOOD)] * 5


def test_without_a_writer_it_is_shadow_and_nothing_has_an_outcome() -> None:
    ticks = run(days(3), 2)
    assert [(t.stage, t.outcome) for t in ticks] == [("shadow", None)] * 3


def test_without_a_controller_it_observes() -> None:
    ticks = run(days(3), 2, propose=None)
    assert [(t.stage, t.proposal, t.verdict) for t in ticks] == [("observe", None, None)] * 3


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(SiteError("no answer"), id="no reading"),
        pytest.param(healthy(1, east_inlet_temp_c=None), id="missing"),
        pytest.param(healthy(1, east_inlet_temp_c=math.nan), id="not a number"),
        pytest.param(healthy(1, east_inlet_temp_c=-40.0), id="absurd"),
        pytest.param(healthy(1, west_server_airflow_kg_s=1e9), id="absurd flow"),
        pytest.param(
            Reading(time=healthy(1).time, values=healthy(1).values, age_s={"east_inlet_temp_c": 7200.0}),
            id="stale",
        ),
    ],
)
def test_a_bad_reading_gives_the_fallback_and_a_reason(bad: Reading | Exception) -> None:
    writer = FakeWriter()
    ticks = run([healthy(0), bad, healthy(2)], 2, writer=writer)
    assert [type(t.verdict).__name__ for t in ticks] == ["Allowed", "Rejected", "Allowed"]
    verdict = ticks[1].verdict
    assert isinstance(verdict, Rejected)
    assert verdict.reasons
    for name, value in writer.written[1].items():
        ramp = BUILDING.file.shield.setpoints[name.replace("east", "{zone}").replace("west", "{zone}")].ramp_per_step
        before, fallback = GOOD[name], SHIELD.fallback[name]
        expected = before + max(-ramp, min(ramp, fallback - before))
        assert value == pytest.approx(expected), f"{name} must approach the fallback at the ramp"


def test_a_stuck_sensor_gives_the_fallback() -> None:
    stuck = [healthy(0) for _ in range(BUILDING.file.shield.stuck_after_steps + 1)]
    readings = [
        Reading(time=healthy(i).time, values={**healthy(i).values, "east_inlet_temp_c": s["east_inlet_temp_c"]})
        for i, s in enumerate(stuck)
    ]
    ticks = run(readings, len(readings) - 1)
    last = ticks[-1].verdict
    assert isinstance(last, Rejected)
    assert any("east_inlet_temp_c" in r.point for r in last.reasons)


def test_a_controller_that_raises_is_a_rejected_verdict_and_not_the_end() -> None:
    def fails(reading: Reading) -> Setpoints:
        raise RuntimeError("a bug")

    ticks = run(days(2), 1, propose=fails, writer=FakeWriter())
    assert all(isinstance(t.verdict, Rejected) and t.proposal is None for t in ticks)


def test_a_controller_that_returns_anything_else_is_a_rejected_verdict() -> None:
    ticks = run(days(2), 1, propose=lambda reading: None, writer=FakeWriter())  # type: ignore[arg-type,return-value]
    assert all(isinstance(t.verdict, Rejected) and t.proposal is None for t in ticks)


def test_in_shadow_the_next_ramp_starts_at_what_would_have_been_applied() -> None:
    """A proposal far off is approached ramp by ramp, although the building never moves."""
    ticks = run(days(4), 3, propose=lambda reading: Setpoints({**GOOD, "east_supply_air_temp_setpoint_c": 17.6}))
    supply = [t.verdict.setpoints["east_supply_air_temp_setpoint_c"] for t in ticks if t.verdict]
    assert supply == pytest.approx([19.5, 17.6, 17.6, 17.6], abs=0.01)


def test_after_three_rejected_in_a_row_authority_goes_back_and_stays_back() -> None:
    writer = FakeWriter()
    bad = [healthy(i, east_inlet_temp_c=None) for i in range(3)]
    ticks = run([*bad, *[healthy(i) for i in range(3, 8)]], 7, writer=writer)
    assert [t.stage for t in ticks] == ["live"] * 3 + ["fallback"] * 5
    assert len(writer.written) == 3
    assert writer.relinquished == 2, "once at the handover, once at the end of the loop"


def test_writes_that_fail_twice_in_a_row_give_authority_back() -> None:
    writer = FakeWriter(fails=lambda number: number in (2, 3))
    ticks = run(days(6), 5, writer=writer)
    assert [t.stage for t in ticks] == ["live"] * 4 + ["fallback"] * 2


def test_the_end_of_the_loop_gives_authority_back_also_on_an_error() -> None:
    writer = FakeWriter()

    def on_tick(tick: Tick) -> None:
        raise KeyboardInterrupt

    loop = Loop(
        site=FakeSite(days(2)),
        clock=FakeClock(1),
        step_s=BUILDING.step_s,
        controller=FakeController(lambda reading: GOOD),
        shield=SHIELD,
        writer=writer,
        on_tick=on_tick,
    )
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert writer.relinquished == 1


def test_what_is_written_is_always_inside_the_limits() -> None:
    writer = FakeWriter()
    hostile = Setpoints({name: high + 1000 for name, (_, high) in IN_LIMITS.items()})
    run(days(20), 19, propose=lambda reading: hostile, writer=writer)
    for setpoints in writer.written:
        for name, value in setpoints.items():
            low, high = IN_LIMITS[name]
            assert low <= value <= high
