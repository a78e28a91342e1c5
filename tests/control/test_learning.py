"""What training stores where the shield acted, what it says of the building, and who may not be in charge after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.errors import UserError
from airhandler.buildings.scenario import Scenario
from airhandler.control.agent import AgentSettings
from airhandler.control.objectives import LEARNS_FROM, LearnFrom, why_not_live
from airhandler.control.registry import find_controller
from airhandler.control.replay import BUFFERS, PENALTY_PER_SPAN, moved_spans
from airhandler.control.train import TrainSettings, train
from airhandler.control.training_envs import MOST, breaking_reward, training_env

DX = find_building("datacentre-dx")
BOX = gym.spaces.Box(-1, 1, (2,), np.float32)
A1 = THERMAL_CLASSES["A1"]


def stored(learn_from: LearnFrom) -> tuple[list[float], float]:
    """Action and reward that a buffer keeps of a proposal (1, 0.5) of which (0.6, 0.5) was executed, reward -1."""
    buffer = BUFFERS[learn_from](4, BOX, BOX)
    seen = np.zeros((1, 2), np.float32)
    asked, executed = np.array([[1.0, 0.5]]), np.array([0.6, 0.5], np.float32)
    buffer.add(seen, seen, asked, np.array([-1.0]), np.array([False]), [{"executed_action": executed}])
    return buffer.actions[0, 0].tolist(), float(buffer.rewards[0, 0])


def as_warm_as_it_goes(env: BuildingEnv) -> np.ndarray:
    return np.array([1.0 if a.setpoint.endswith("_c") else -1.0 for a in env.building.actions], np.float32)


def test_each_way_to_learn_stores_what_it_says() -> None:
    assert stored("executed") == (pytest.approx([0.6, 0.5]), -1.0)
    assert stored("proposed") == ([1.0, 0.5], -1.0)
    asked, reward = stored("penalty")
    assert asked == [1.0, 0.5]
    assert reward == pytest.approx(-1.0 - PENALTY_PER_SPAN * 0.2)


def test_how_far_an_action_was_moved_is_in_spans_of_its_range() -> None:
    asked, executed = np.array([[1.0, -1.0], [0.0, 0.0]]), np.array([[-1.0, -1.0], [0.5, -0.5]])
    assert moved_spans(asked, executed).tolist() == [1.0, 0.5]


def test_to_break_is_to_go_beyond_and_what_goes_the_furthest_counts_most() -> None:
    assert breaking_reward(0.0) == 1.0
    assert 0.0 < breaking_reward(-3.0) < 0.001
    steady, seldom = [-0.3] * 10, [-1.0] * 9 + [0.6]
    assert sum(map(breaking_reward, seldom)) > sum(map(breaking_reward, steady))
    assert breaking_reward(40.0) == MOST
    assert LEARNS_FROM["break"] == "proposed"


def test_a_building_without_server_zones_has_no_limit_to_break() -> None:
    with pytest.raises(UserError, match="no server zones"):
        training_env(BuildingEnv("office-5zone"), shielded=True, objective="break")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, None),
        ({"objective": "save", "shielded": True, "learn_from": "penalty"}, None),
        ({"objective": "break", "shielded": True}, "to break the shield"),
        ({"objective": "save", "shielded": False}, "without the shield"),
        ({"objective": "other"}, "to break"),
        ({"shielded": None}, "without"),
    ],
)
def test_what_may_be_in_charge_of_a_building(settings: dict[str, Any], why: str | None) -> None:
    found = why_not_live(settings)
    assert (found is None) if why is None else (found is not None and why in found)


@pytest.mark.slow
class TestTraining:
    def test_the_environment_says_how_far_the_warmest_inlet_is_beyond_its_limits(self) -> None:
        building_env = BuildingEnv(start=(7, 15), days=1, faults=["east_inlet_temp_c:bias=-5"])
        env = training_env(building_env, shielded=False, objective="break")
        env.reset(seed=0)
        warm = as_warm_as_it_goes(building_env)
        for _ in range(8):
            _, reward, *_, info = env.step(warm)
            truth = building_env.reading
            inlet_c = max(truth[roles.inlet_temp] for roles in DX.zones.values())
            assert info["over_recommended_k"] == pytest.approx(inlet_c - A1.recommended.high_c)
            assert info["over_allowable_k"] == pytest.approx(inlet_c - A1.allowable.high_c)
            assert reward == pytest.approx(breaking_reward(info["over_recommended_k"]))
            assert np.array_equal(info["executed_action"], warm)
        env.close()

    def test_the_shield_stands_in_the_way_unless_it_is_left_out(self) -> None:
        over_k = {}
        for shielded in (True, False):
            building_env = BuildingEnv(start=(7, 15), days=1)
            env = training_env(building_env, shielded=shielded, objective="save")
            env.reset(seed=0)
            steps = [env.step(as_warm_as_it_goes(building_env)) for _ in range(70)]
            assert all(reward < 0.0 for _, reward, *_ in steps), "the building's own reward"
            over_k[shielded] = max(info["over_recommended_k"] for *_, info in steps)
            env.close()
        assert over_k[True] < 0.3 < over_k[False]  # the margin of its building file

    def test_what_the_building_met_is_counted_from_the_first_step_and_over_a_checkpoint(self, tmp_path: Path) -> None:
        settings = TrainSettings(
            building="datacentre-dx",
            weathers=("tucson",),
            out=tmp_path,
            steps=60,
            environments=2,
            days=1,
            shielded=False,
            objective="break",
            learn_from="proposed",
            scenario=Scenario(faults=("dead-fan-east+1h",)),
            agent=AgentSettings(batch_size=32, width=32, gradient_steps=1, learning_starts=1000),
        )
        done = train(settings, resume=False, command="")
        assert done.met is not None
        assert 0 < done.met.above_allowable <= done.met.above_recommended < done.steps
        finished = train(settings, resume=True, command="")
        assert (finished.seconds, finished.met) == (0.0, done.met)
        card = json.loads((done.bundle / "card.json").read_text())
        assert card["provenance"]["met"] == done.met._asdict()
        assert find_controller(str(done.bundle), DX, hostile=True) is not None
        with pytest.raises(UserError, match="to break the shield"):
            find_controller(str(done.bundle), DX)
        with pytest.raises(UserError, match="another learn_from: it was proposed, now executed"):
            train(TrainSettings(**{**_fields(settings), "learn_from": "executed"}), resume=True, command="")


def _fields(settings: TrainSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}
