"""The loop and the environment keep what was in force, so that the shield can limit a pace."""

from __future__ import annotations

import numpy as np
import pytest

from airhandler.buildings.catalog import Building, expand
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.points import Setpoints
from airhandler.control.loop import Loop
from airhandler.control.tick import Tick
from airhandler.safety.handover import Handover
from airhandler.safety.shield import Shield
from airhandler.safety.wrapper import ShieldedEnv
from tests.fakes import BUILDING, FakeClock, FakeController, FakeSite, FakeWriter, healthy

TEMP = "east_supply_air_temp_setpoint_c"
TEMPLATE = "{zone}_supply_air_temp_setpoint_c"


def paced(**settings: float) -> Building:
    """The two-zone building whose supply air has a pace."""
    shield = BUILDING.file.shield
    rules = {**shield.setpoints, TEMPLATE: shield.setpoints[TEMPLATE].model_copy(update=settings)}
    return expand(BUILDING.file.model_copy(update={"shield": shield.model_copy(update={"setpoints": rules})}))


def run(
    building: Building, temps_c: list[float], writer: FakeWriter | None = None, past: tuple[Setpoints, ...] = ()
) -> list[float]:
    """What the shield gave the east zone for these proposals, one a step."""
    asked, ticks = iter(temps_c), list[Tick]()
    Loop(
        site=FakeSite([healthy(i) for i in range(len(temps_c) + 1)]),
        clock=FakeClock(len(temps_c) - 1),
        step_s=building.step_s,
        controller=FakeController(lambda reading: at(next(asked))),
        shield=Shield(building),
        writer=writer,
        on_tick=ticks.append,
        in_force=past[-1] if past else None,
        past=past,
    ).run()
    return [t.verdict.setpoints[TEMP] for t in ticks if t.verdict is not None]


def at(temp_c: float) -> Setpoints:
    return Setpoints({p.name: temp_c if "temp" in p.name else 4.0 for p in BUILDING.setpoints})


@pytest.mark.parametrize("live", [True, False])
def test_pace_counts_from_step_to_step_in_live_and_in_shadow(live: bool) -> None:
    dwell = paced(dwell_s=2 * BUILDING.step_s)
    assert run(dwell, [22.0, 22.5, 22.0, 22.0], FakeWriter() if live else None) == [22.0, 22.5, 22.5, 22.0]
    assert run(BUILDING, [22.0, 22.5, 22.0, 22.0], FakeWriter() if live else None) == [22.0, 22.5, 22.0, 22.0]


def test_what_was_before_the_begin_counts() -> None:
    dwell = paced(dwell_s=2 * BUILDING.step_s)
    assert run(dwell, [21.5], FakeWriter(), past=(at(21.0), at(22.0))) == [22.0]
    assert run(dwell, [21.5], FakeWriter(), past=(at(22.0),)) == [21.5]


def test_a_write_that_failed_is_no_change() -> None:
    dwell = paced(dwell_s=4 * BUILDING.step_s)
    assert run(dwell, [22.0, 22.5, 21.5], FakeWriter(fails=lambda number: number >= 1)) == [22.0, 22.5, 21.5]


def test_the_past_ends_where_the_building_takes_its_control_back() -> None:
    lengths: list[int] = []
    loop = Loop(
        site=FakeSite([healthy(i) for i in range(7)]),
        clock=FakeClock(5),
        step_s=BUILDING.step_s,
        controller=FakeController(lambda reading: at(22.0)),
        shield=Shield(paced(dwell_s=4 * BUILDING.step_s)),
        writer=FakeWriter(fails=lambda number: number >= 2),
        on_tick=lambda tick: lengths.append(len(loop._past)),
        handover=Handover(failed_writes=2),
    )
    loop.run()
    assert lengths == [1, 2, 3, 0, 0, 0]


@pytest.mark.slow
def test_environment_keeps_it_and_forgets_it_at_a_reset() -> None:
    env = ShieldedEnv(BuildingEnv("datacentre-dx", "chicago", days=1), Shield(paced(ramp_per_hour=2.5)))
    try:
        for _ in range(2):
            env.reset(seed=0)
            warm = np.full(4, 1.0, dtype=np.float32)
            stood = []
            for _ in range(6):
                env.step(warm)
                stood.append(env._in_force[TEMP] if env._in_force else 0.0)
            assert max(stood[:4]) - min(stood[:4]) <= 2.5
            assert len(env._past) == env.shield.past_steps == 4
        env.reset(seed=0)
        assert len(env._past) == 0
    finally:
        env.close()
