"""The loop where authority is granted step by step, overridden, or where the site tells more than it was told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Written
from airhandler.control.loop import Loop
from airhandler.control.tick import LIVE, Grant, Tick
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield
from tests.fakes import BEGIN, BUILDING, STEP, FakeClock, FakeController, FakeSite, FakeWriter, healthy

ADVICE = Grant(stage="advisory", writes=False)
ACCEPTED = Grant(stage="advisory", writes=True)
WARM, COOL = (
    Setpoints({p.name: value if p.unit == "degC" else 4.0 for p in BUILDING.setpoints}) for value in (25.0, 20.0)
)
SUPPLY = "east_supply_air_temp_setpoint_c"


def run(
    grants: Sequence[Grant],
    writer: FakeWriter,
    *,
    incumbent: Setpoints | None = None,
    handover: Handover | None = None,
    propose: Callable[[Reading], Setpoints] = lambda reading: WARM,
) -> list[Tick]:
    """As many ticks as grants; the controller asks for warm air."""
    ticks: list[Tick] = []
    granted = iter(grants)
    readings: list[Reading] = [replace(healthy(i), incumbent=incumbent) for i in range(len(grants))]
    Loop(
        site=FakeSite(readings),
        clock=FakeClock(len(grants) - 1),
        step_s=BUILDING.step_s,
        controller=FakeController(propose),
        shield=Shield(BUILDING),
        writer=writer,
        on_tick=ticks.append,
        handover=handover,
        granted=lambda: next(granted),
    ).run()
    return ticks


def test_advice_that_nobody_accepts_is_judged_and_not_written() -> None:
    writer = FakeWriter()
    ticks = run([ADVICE] * 3, writer)
    assert [t.stage for t in ticks] == ["advisory"] * 3
    assert all(t.verdict is not None and t.outcome is None for t in ticks)
    assert (writer.written, writer.relinquished) == ([], 0)


def test_authority_that_is_no_longer_granted_goes_back_in_that_step() -> None:
    writer = FakeWriter()
    ticks = run([ADVICE, ACCEPTED, ACCEPTED, ADVICE, ADVICE], writer)
    assert [isinstance(t.outcome, Written) for t in ticks] == [False, True, True, False, False]
    assert writer.relinquished == 1


def test_taking_over_begins_where_the_buildings_own_control_stands() -> None:
    ticks = run([ADVICE, LIVE], FakeWriter(), incumbent=COOL)
    for tick in ticks:  # and advice says what the first step would be
        assert tick.verdict is not None
        assert tick.verdict.setpoints[SUPPLY] == 22.5  # by its ramp; measured are 22.0


def test_a_controller_is_told_what_the_building_asks_for_and_cannot_change_it() -> None:
    seen: list[Setpoints | None] = []

    def propose(reading: Reading) -> Setpoints:
        seen.append(reading.incumbent)
        with pytest.raises(TypeError):
            reading.incumbent.by_name[SUPPLY] = 0.0  # type: ignore[index, union-attr]
        return WARM

    run([ADVICE], FakeWriter(), incumbent=COOL, propose=propose)
    assert seen == [COOL]


def test_the_next_ramp_begins_at_what_the_site_says_is_in_force() -> None:
    class Slow(FakeWriter):
        def write(self, setpoints: Setpoints) -> WriteOutcome:
            super().write(setpoints)
            return Written(in_force=COOL)

    writer = Slow()
    run([LIVE] * 4, writer, incumbent=COOL)
    assert len({s[SUPPLY] for s in writer.written}) == 1


@pytest.mark.parametrize("in_force", [COOL, None])
def test_failed_write_that_shows_what_is_in_force_is_the_base_of_the_next_ramp(in_force: Setpoints | None) -> None:
    class Unsure(FakeWriter):
        def write(self, setpoints: Setpoints) -> WriteOutcome:
            super().write(setpoints)
            failed = len(self.written) == 3
            return WriteFailed(reason="no heartbeat", in_force=in_force) if failed else Written()

    writer = Unsure()
    run([LIVE] * 4, writer, incumbent=COOL)
    first, _, third, fourth = (s[SUPPLY] for s in writer.written)
    assert fourth == (first if in_force else third)


def test_one_who_overrides_ends_it_at_once_until_a_person_resets() -> None:
    class Held(FakeWriter):
        def write(self, setpoints: Setpoints) -> WriteOutcome:
            super().write(setpoints)
            return Overridden(reason="an operator holds it at priority 8") if len(self.written) == 1 else Written()

    writer, handover = Held(), Handover()
    ticks = run([LIVE] * 3, writer, handover=handover)
    assert [t.stage for t in ticks] == ["live", "fallback", "fallback"]
    assert (len(writer.written), writer.relinquished) == (1, 1)
    assert handover.reason is not None
    assert handover.reason.words == "authority must go back: an operator holds it at priority 8"
    handover.reset()
    assert [t.stage for t in run([LIVE], writer, handover=handover)] == ["live"]


def test_who_cannot_wait_for_a_step_is_heard_between_two() -> None:
    writer, handover, heard = FakeWriter(), Handover(), []

    def attend() -> None:
        heard.append(clock.time)
        handover.give_back("an operator asked for authority")

    clock, ticks = FakeClock(5), list[Tick]()
    Loop(
        site=FakeSite([healthy(i) for i in range(3)]),
        clock=clock,
        step_s=BUILDING.step_s,
        controller=FakeController(lambda reading: WARM),
        shield=Shield(BUILDING),
        writer=writer,
        on_tick=ticks.append,
        handover=handover,
        attend=attend,
        attend_s=BUILDING.step_s / 3,
    ).run()
    assert [round((time - BEGIN) / STEP, 2) for time in heard] == [0.33, 0.67, 1.33, 1.67]
    assert [t.stage for t in ticks] == ["live", "fallback"]
    assert (len(writer.written), writer.relinquished) == (1, 1)


def test_a_return_that_is_not_confirmed_is_asked_again_between_two_steps() -> None:
    writer, handover = FakeWriter(keeps=3), Handover()
    Loop(
        site=FakeSite([healthy(i) for i in range(3)]),
        clock=FakeClock(5),
        step_s=BUILDING.step_s,
        controller=FakeController(lambda reading: WARM),
        shield=Shield(BUILDING),
        writer=writer,
        on_tick=lambda tick: None,
        handover=handover,
        attend=lambda: handover.give_back("a doubt") and None,
        attend_s=BUILDING.step_s / 3,
    ).run()
    assert writer.relinquished == 4


def test_set_points_that_are_left_to_the_building_stand_where_it_has_them() -> None:
    class Told(FakeWriter):
        def write(self, setpoints: Setpoints) -> WriteOutcome:
            super().write(setpoints)
            return Written(in_force=WARM)

    seen: list[Setpoints | None] = []

    class Seeing(Shield):
        def judge(self, history, in_force, *rest, **more):  # type: ignore[no-untyped-def]
            seen.append(in_force)
            return super().judge(history, in_force, *rest, **more)

    Loop(
        site=FakeSite([replace(healthy(i), incumbent=COOL) for i in range(2)]),
        clock=FakeClock(1),
        step_s=BUILDING.step_s,
        controller=FakeController(lambda reading: WARM),
        shield=Seeing(BUILDING),
        writer=Told(),
        on_tick=lambda tick: None,
        left=lambda: frozenset({SUPPLY}),
    ).run()
    assert seen == [COOL, Setpoints({**WARM, SUPPLY: COOL[SUPPLY]})]
