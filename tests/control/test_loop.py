"""The loop: what happens when readings, controllers and writes go wrong."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable

import pytest

from airhandler.buildings.errors import SiteError
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.site import WriteFailed, WriteOutcome
from airhandler.control.loop import Loop
from airhandler.control.tick import Tick
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Rejected
from tests.fakes import BEGIN, BUILDING, STEP, FakeClock, FakeController, FakeSite, FakeWriter, healthy

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
    clock: FakeClock | None = None,
    deadline_s: float = 10.0,
    stopped: Callable[[], bool] | None = None,
) -> list[Tick]:
    ticks: list[Tick] = []
    Loop(
        site=FakeSite(readings),
        clock=clock or FakeClock(steps),
        step_s=BUILDING.step_s,
        controller=FakeController(propose) if propose else None,
        shield=SHIELD,
        writer=writer,
        on_tick=ticks.append,
        deadline_s=deadline_s,
        handover=Handover(),
        stopped=stopped,
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


def test_a_controllers_confidence_goes_with_its_proposal() -> None:
    class Sure(FakeController):
        def confidence(self, reading: Reading) -> float:
            return reading["it_load_frac"] / 2

    ticks: list[Tick] = []
    for controller in (Sure(lambda reading: GOOD), FakeController(lambda reading: GOOD)):
        Loop(
            site=FakeSite(days(1)),
            clock=FakeClock(0),
            step_s=BUILDING.step_s,
            controller=controller,
            shield=SHIELD,
            writer=None,
            on_tick=ticks.append,
        ).run()
    assert [t.proposal and t.proposal.confidence for t in ticks] == [days(1)[0]["it_load_frac"] / 2, None]


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
    bad = [healthy(i, east_inlet_temp_c=None) for i in range(1, 4)]
    ticks = run([healthy(0), *bad, *[healthy(i) for i in range(4, 9)]], 8, writer=writer)
    assert [t.stage for t in ticks] == ["live"] * 4 + ["fallback"] * 5
    assert len(writer.written) == 4
    assert writer.relinquished == 1, "at the handover; the end of the loop has nothing to give back"


def test_authority_is_not_taken_where_the_shield_trusts_nothing() -> None:
    writer = FakeWriter()
    bad = [healthy(i, east_inlet_temp_c=None) for i in range(2)]
    ticks = run([*bad, healthy(2)], 2, writer=writer)
    assert [type(t.verdict).__name__ for t in ticks] == ["Rejected", "Rejected", "Allowed"]
    assert [t.outcome is None for t in ticks] == [True, True, False]
    assert [dict(s) for s in writer.written] == [dict(GOOD)]


def test_three_rejected_at_the_begin_latch_although_nothing_was_written() -> None:
    writer = FakeWriter()
    ticks = run([healthy(i, east_inlet_temp_c=None) for i in range(3)] + days(2), 4, writer=writer)
    assert [t.stage for t in ticks] == ["live"] * 3 + ["fallback"] * 2
    assert (writer.written, writer.relinquished) == ([], 0)


@pytest.mark.parametrize("error", [None, SiteError("the line is dead")], ids=["refused", "raises"])
def test_writes_that_fail_twice_in_a_row_give_authority_back(error: Exception | None) -> None:
    writer = FakeWriter(fails=lambda number: number in (2, 3), error=error)
    ticks = run(days(6), 5, writer=writer)
    assert [t.stage for t in ticks] == ["live"] * 4 + ["fallback"] * 2
    assert [isinstance(t.outcome, WriteFailed) for t in ticks] == [False, False, True, True, False, False]


@pytest.mark.parametrize("error", [None, SiteError("the line is dead")], ids=["refused", "raises"])
def test_authority_is_asked_back_in_every_step_until_it_is_confirmed(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="airhandler.loop")
    writer = FakeWriter(fails=lambda number: number in (1, 2), keeps=3, error=error)
    ticks = run(days(9), 8, writer=writer)
    assert [t.stage for t in ticks] == ["live"] * 3 + ["fallback"] * 6
    assert writer.relinquished == 4, "three times in vain, then once more, and not again"
    said = [(r.levelname, r.getMessage().split(" to the building")[0]) for r in caplog.records]
    assert [said[0], *said[2:]] == [
        ("INFO", "authority taken: fake writes from now on"),
        *[("CRITICAL", "authority was NOT given back")] * 3,
        ("INFO", "authority given back"),
    ]
    assert said[1][1].startswith("authority must go back: 2 failed writes in a row (")


def test_after_a_write_that_failed_the_ramp_starts_at_what_was_confirmed_last() -> None:
    """Supply air is measured at 22 degC and was commanded to 22.5: 17 is 2.5 K a step from there, not from 22."""
    cold = Setpoints({**GOOD, "east_supply_air_temp_setpoint_c": 17.0})
    asked = iter([GOOD, cold, cold])
    writer = FakeWriter(fails=lambda number: number == 1)
    run(days(3), 2, propose=lambda reading: next(asked), writer=writer)
    supply = [s["east_supply_air_temp_setpoint_c"] for s in writer.written]
    assert supply == pytest.approx([22.5, 20.0, 20.0])


def test_nothing_is_written_after_a_stop_was_asked_for() -> None:
    writer, asked = FakeWriter(), list[Reading]()

    def propose(reading: Reading) -> Setpoints:
        asked.append(reading)
        return GOOD

    ticks = run(days(4), 3, propose=propose, writer=writer, stopped=lambda: len(asked) > 2)
    assert [t.outcome is None for t in ticks] == [False, False, True, True]
    assert (len(writer.written), writer.relinquished) == (2, 1)


def test_a_controller_that_uses_its_dict_again_does_not_move_the_ramp() -> None:
    own, asked = dict(GOOD), iter([22.5, 17.0])

    def propose(reading: Reading) -> Setpoints:
        own["east_supply_air_temp_setpoint_c"] = next(asked)
        return Setpoints(own)

    ticks = run(days(2), 1, propose=propose, writer=FakeWriter())
    supply = [t.verdict.setpoints["east_supply_air_temp_setpoint_c"] for t in ticks if t.verdict]
    assert supply == pytest.approx([22.5, 20.0]), "2.5 K a step"
    assert [t.proposal.setpoints["east_supply_air_temp_setpoint_c"] for t in ticks if t.proposal] == [22.5, 17.0]


def test_a_controller_cannot_fill_in_what_the_shield_will_judge() -> None:
    readings = [healthy(i, east_inlet_temp_c=None) for i in range(2)]

    def propose(reading: Reading) -> Setpoints:
        reading.values["east_inlet_temp_c"] = 23.0  # type: ignore[index]
        return GOOD

    ticks = run(readings, 1, propose=propose)
    assert all(isinstance(t.verdict, Rejected) for t in ticks)
    assert ticks[0].reading["west_inlet_temp_c"]
    assert ticks[0].reading.get("east_inlet_temp_c") is None


def test_a_proposal_after_the_deadline_is_dropped() -> None:
    def propose(reading: Reading) -> Setpoints:
        if reading.time == BEGIN + STEP:
            time.sleep(0.3)
        return GOOD

    ticks = run(days(3), 2, propose=propose, deadline_s=0.2)
    assert [(t.proposal is None, type(t.verdict).__name__) for t in ticks] == [
        (False, "Allowed"),
        (True, "Rejected"),
        (False, "Allowed"),
    ]


def test_steps_that_passed_meanwhile_are_left_out() -> None:
    """A controller stalls for three steps and a half: the next step is the next whole one, and no burst follows."""
    clock, times = FakeClock(3), list[float]()

    def propose(reading: Reading) -> Setpoints:
        times.append((clock.now() - BEGIN) / STEP)
        if len(times) == 2:
            clock.time += 3.5 * STEP
        return GOOD

    ticks = run(days(4), 3, propose=propose, clock=clock)
    assert times == [0.0, 1.0, 5.0, 6.0]
    assert [t.number for t in ticks] == [0, 1, 2, 3]


def test_in_shadow_supply_air_is_not_expected_to_follow_what_was_never_written() -> None:
    """The controller would cool by 4 K; the building stays warm, and that is no fault of its coil."""
    cool = Setpoints({**GOOD, "east_supply_air_temp_setpoint_c": 18.0, "west_supply_air_temp_setpoint_c": 18.0})
    warm = Setpoints({**GOOD, "east_supply_air_temp_setpoint_c": 20.5, "west_supply_air_temp_setpoint_c": 20.5})
    asked = iter([cool, cool, cool, warm])
    readings = [healthy(i, **{f"{z}_supply_air_temp_c": 25.0 for z in BUILDING.zones}) for i in range(4)]
    ticks = run(readings, 3, propose=lambda reading: next(asked))
    assert isinstance(ticks[-1].verdict, Allowed), ticks[-1].verdict


def test_an_interrupted_return_of_authority_is_tried_once_more() -> None:
    class Impatient(FakeWriter):
        def relinquish(self) -> WriteOutcome:
            outcome = super().relinquish()
            if self.relinquished == 1:
                raise KeyboardInterrupt
            return outcome

    writer = Impatient()
    with pytest.raises(KeyboardInterrupt):
        run(days(2), 1, writer=writer)
    assert writer.relinquished == 2


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
