"""The shield around an environment: what it is asked to judge, and what the agent is told. On the real engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from airhandler.buildings.catalog import Building, expand, find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.points import Reading, Setpoints
from airhandler.safety.forecast import Forecast
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Proposal, Verdict
from airhandler.safety.wrapper import ShieldedEnv

TEMPLATE = "{zone}_supply_air_temp_setpoint_c"
MIDDLE, WARMEST = np.zeros(4, dtype=np.float32), np.ones(4, dtype=np.float32)


class Call(NamedTuple):
    """What the shield was given, and its answer."""

    history: list[Reading]
    in_force: Setpoints | None
    proposal: Proposal | None
    past: list[Setpoints]
    forecast: Forecast | None
    verdict: Verdict


class NotedShield(Shield):
    """The shield, which also keeps what it was given."""

    def __init__(self, building: Building) -> None:
        super().__init__(building)
        self.calls: list[Call] = []

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
        verdict = super().judge(history, in_force, proposal, past=past, written=written, forecast=forecast)
        self.calls.append(Call(list(history), in_force, proposal, list(past), forecast, verdict))
        return verdict


def paced() -> Building:
    """The two-zone building whose supply air may change by 4 K an hour: four control steps are its past."""
    file = find_building("datacentre-dx").file
    rule = file.shield.setpoints[TEMPLATE].model_copy(update={"ramp_per_hour": 4.0})
    shield = file.shield.model_copy(update={"setpoints": {**file.shield.setpoints, TEMPLATE: rule}})
    return expand(file.model_copy(update={"shield": shield}))


def made(*faults: str) -> ShieldedEnv:
    """A day in July in the two-zone building, begun."""
    env = ShieldedEnv(BuildingEnv(start=(7, 15), days=1, faults=faults), NotedShield(paced()))
    env.reset(seed=0)
    return env


def calls(env: ShieldedEnv) -> list[Call]:
    """What its shield was asked."""
    assert isinstance(env.shield, NotedShield)
    return env.shield.calls


@pytest.fixture
def env() -> Iterator[ShieldedEnv]:
    with contextlib.closing(made()) as begun:
        yield begun


def test_a_shield_of_the_environments_own_building_is_the_default() -> None:
    env = ShieldedEnv(BuildingEnv(start=(7, 15), days=1))
    assert type(env.shield) is Shield
    assert env.shield.fallback == Shield(env.env.building).fallback


def test_a_safe_action_is_executed_bit_for_bit(env: ShieldedEnv) -> None:
    env.step(MIDDLE)  # from the building's own control: that takes a step of the ramp
    observation, reward, terminated, truncated, info = env.step(MIDDLE.astype(np.float64))
    assert info["verdict"] == "allowed"
    assert info["rules"] == tuple(reason.rule for reason in calls(env)[1].verdict.reasons)
    assert info["executed_action"].tolist() == MIDDLE.tolist()
    assert info["executed_action"].dtype == np.float32
    assert tuple(info["setpoints"]) == tuple(calls(env)[1].verdict.setpoints.values())
    assert env.observation_space.contains(observation)
    assert np.isfinite(reward)
    assert (terminated, truncated) == (False, False)


def test_an_action_that_is_held_says_by_which_rules_and_what_was_executed(env: ShieldedEnv) -> None:
    before = env.env.seen
    info = env.step(WARMEST)[4]
    verdict = calls(env)[0].verdict
    assert info["verdict"] == "adjusted"
    assert info["rules"] == tuple(reason.rule for reason in verdict.reasons)
    assert "ramp" in info["rules"]
    assert info["executed_action"].tolist() == env.env.codec.encode_setpoints(verdict.setpoints, before).tolist()
    assert info["executed_action"][0] < 1.0
    assert tuple(info["setpoints"]) == tuple(verdict.setpoints.values())


def test_the_shield_is_given_what_was_seen_and_what_is_in_force(env: ShieldedEnv) -> None:
    shield, seen = env.shield, [env.env.seen]
    for _ in range(shield.memory + 1):
        env.step(WARMEST)
        seen.append(env.env.seen)
    in_force = [call.verdict.setpoints for call in calls(env)]
    assert [call.in_force for call in calls(env)] == [None, *in_force[:-1]]
    for step, call in enumerate(calls(env)):
        assert [r.time for r in call.history] == [r.time for r in seen[: step + 1][-shield.memory :]]
        assert call.past == in_force[:step][-shield.past_steps :]
        assert call.proposal is not None
        assert call.proposal.setpoints == env.env.codec.decode(WARMEST, seen[step])
        assert (call.proposal.time, call.proposal.controller) == (seen[step].time, "agent")
    assert shield.past_steps == 4


def test_the_shield_is_given_what_was_learned_until_this_reading(env: ShieldedEnv) -> None:
    learner = env.shield.forecaster()
    for _ in range(6):
        seen = env.env.seen
        env.step(WARMEST)
        call = calls(env)[-1]
        learner.observe(seen, call.in_force)
        assert learner.forecast is not None
        assert call.forecast is not None
        assert call.forecast.leak_frac.tolist() == learner.forecast.leak_frac.tolist()
        assert call.forecast.bias_k.tolist() == learner.forecast.bias_k.tolist()
        assert call.forecast.bound_k.tolist() == learner.forecast.bound_k.tolist()


def test_a_reset_forgets_what_was_before_it(env: ShieldedEnv) -> None:
    for _ in range(3):
        env.step(WARMEST)
    _, info = env.reset(seed=1)
    assert info["weather"] == "chicago"
    env.step(WARMEST)
    last = calls(env)[-1]
    assert (len(last.history), last.in_force, last.past) == (1, None, [])
    assert last.forecast is not None
    fresh = env.shield.forecaster()
    fresh.observe(last.history[0], None)
    assert fresh.forecast is not None
    assert last.forecast.leak_frac.tolist() == fresh.forecast.leak_frac.tolist()
    assert last.forecast.bound_k.tolist() == fresh.forecast.bound_k.tolist()


def test_seed_and_options_of_a_reset_reach_the_environment() -> None:
    made = BuildingEnv(weather=["chicago", "tucson"], start="random", days=1)
    with contextlib.closing(ShieldedEnv(made)) as env:
        for weather in ("tucson", "chicago"):
            assert env.reset(seed=0, options={"weather": weather})[1]["weather"] == weather
        drawn = [env.reset(seed=seed) for seed in (3, 4, 3)]
    times = [info["time"] for _, info in drawn]
    assert times[0] == times[2] != times[1]
    assert drawn[0][0].tolist() == drawn[2][0].tolist()


def test_the_last_step_of_an_episode_is_said(env: ShieldedEnv) -> None:
    ends = [env.step(WARMEST)[2:4] for _ in range(96)]
    assert ends == [(False, False)] * 95 + [(False, True)]


@pytest.mark.parametrize("fault", ["east_inlet_temp_c:nan", "east_server_airflow_kg_s:dropout"])
def test_where_a_sensor_shows_nothing_a_policy_makes_no_proposal(fault: str) -> None:
    with contextlib.closing(made(fault)) as env:
        info = env.step(WARMEST)[4]
    assert calls(env)[0].proposal is None
    assert info["verdict"] == "rejected"
    assert "proposal" in info["rules"]


def test_a_fallback_is_told_as_the_action_that_asks_for_it() -> None:
    with contextlib.closing(made("east_inlet_temp_c:nan")) as env:
        seen = env.env.seen
        told = env.step(WARMEST)[4]["executed_action"]
    fallback = calls(env)[0].verdict.setpoints
    assert told.tolist() == env.env.codec.encode_setpoints(fallback, seen).tolist() != WARMEST.tolist()


def test_a_fallback_is_told_as_the_action_that_was_taken_where_none_can_be_worked_out() -> None:
    """Airflow is asked for per what the servers draw, and the sensor of that shows nothing."""
    with contextlib.closing(made("east_server_airflow_kg_s:dropout")) as env:
        assert env.step(WARMEST)[4]["executed_action"].tolist() == WARMEST.tolist()
