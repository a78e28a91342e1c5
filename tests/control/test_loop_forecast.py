"""The loop and the environment show every reading to a Forecaster and hand in what it has learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.points import Reading, Setpoints
from airhandler.control.coverage import scores
from airhandler.control.loop import Loop
from airhandler.control.table import TickTable
from airhandler.control.tick import Tick
from airhandler.safety.forecast import Forecast
from airhandler.safety.forecaster import Forecaster
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed
from airhandler.safety.wrapper import ShieldedEnv
from tests.fakes import BUILDING, FakeClock, FakeController, FakeSite, FakeWriter, healthy
from tests.safety.hall import Hall
from tests.safety.situations import building, setpoints


class Listening(Shield):
    """A shield that keeps what it was handed."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.learned: list[Forecast | None] = []
        self.observed: list[Setpoints | None] = []

    def forecaster(self) -> Forecaster:
        forecaster, seen = super().forecaster(), self.observed
        observe = forecaster.observe

        def listening(reading: Reading, in_force: Setpoints | None) -> None:
            seen.append(in_force)
            observe(reading, in_force)

        forecaster.observe = listening  # type: ignore[method-assign]
        return forecaster

    def judge(self, *args: Any, **kwargs: Any) -> Any:
        self.learned.append(kwargs["forecast"])
        return super().judge(*args, **kwargs)


def at(temp_c: float) -> Setpoints:
    return Setpoints({p.name: temp_c if "temp" in p.name else 4.0 for p in BUILDING.setpoints})


def run(writer: FakeWriter | None, steps: int = 8) -> Listening:
    shield = Listening(BUILDING)
    Loop(
        site=FakeSite([healthy(i) for i in range(steps + 1)]),
        clock=FakeClock(steps - 1),
        step_s=BUILDING.step_s,
        controller=FakeController(lambda reading: at(22.0)),
        shield=shield,
        writer=writer,
        on_tick=lambda tick: None,
    ).run()
    return shield


def test_live_the_forecaster_knows_what_was_told_and_the_shield_what_was_learned() -> None:
    shield = run(FakeWriter())
    assert shield.observed == [None, *[at(22.0)] * (len(shield.observed) - 1)]
    bounds_k = [known.bound_k[0, 0] for known in shield.learned if known is not None]
    assert len(bounds_k) == len(shield.learned)
    assert bounds_k[0] == BUILDING.file.thermal.bound_k[0]
    assert bounds_k[-1] != bounds_k[0]  # steps were scored


def test_in_shadow_nothing_was_told() -> None:
    shield = run(None)
    assert shield.observed == [None] * len(shield.observed)
    assert len(shield.observed) > 4


@pytest.mark.slow
def test_in_training_each_episode_begins_anew() -> None:
    env = ShieldedEnv(BuildingEnv(BUILDING.id, weather="chicago", days=1), shield := Listening(BUILDING))
    for _ in range(2):
        env.reset(seed=0)
        shield.learned.clear()
        for _ in range(12):
            env.step(np.zeros(len(BUILDING.setpoints), dtype=np.float32))
        bounds_k = [known.bound_k[0, 0] for known in shield.learned if known is not None]
        assert bounds_k[0] == BUILDING.file.thermal.bound_k[0] != bounds_k[-1]
    env.close()


def test_what_a_shadow_gave_is_not_taken_for_what_was_in_force() -> None:
    table, hall = TickTable(building()), Hall()
    for number in range(12):
        reading, given = hall.step(setpoints(21.0)), Allowed(setpoints=setpoints(25.0))
        table.add(
            Tick(
                number=number,
                stage="shadow",
                reading=reading,
                proposal=None,
                verdict=given,
                outcome=None,
                decide_s=0.0,
                write_s=0.0,
            )
        )
    error_k = scores(table, Forecaster(building())).error_k
    assert np.isfinite(error_k[-1]).all()
    assert np.nanmax(np.abs(error_k)) < 1e-9
