"""Controllers on Sinergym's environments: what they command, what their runs are summed up to, trained policies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.sinergym_env import SinergymEnv
from airhandler.control.agent import AgentSettings
from airhandler.control.bundle import Provenance
from airhandler.control.sinergym_controllers import find_sinergym_controller
from airhandler.control.sinergym_evaluate import evaluate_sinergym
from airhandler.control.sinergym_policy import CLIP, Scaling, load_sinergym_policy, save_sinergym_policy, spanned
from airhandler.control.train_sinergym import SinergymTraining, continuous_only, seasons, train_sinergym

FIVE_ZONE, RADIANT = "sinergym:Eplus-5zone-hot-continuous-v1", "sinergym:Eplus-radiant-hot-discrete-v1"
TWO_ZONE, CRAC = (
    "sinergym:Eplus-datacenter_dx-chicago-continuous-v1",
    "sinergym:Eplus-smalldatacenter-hot-continuous-v1",
)
SOURCE = Provenance(created="2026-01-01", command="a test", weathers=(), steps=1, seed=0, versions={}, settings={})
SUMMER, WINTER = {"month": 6, "day": 1}, {"month": 5, "day": 31}


def commanded(name: str, building: str, info: dict[str, Any], seed: int = 0) -> list[float]:
    env = SinergymEnv(building)
    values: list[float] = find_sinergym_controller(name, env, seed)(np.zeros(len(env.observation_names)), info).tolist()
    return values


# --- controllers ----------------------------------------------------------------------------------------------


def test_stock_commands_nothing() -> None:
    assert np.isnan(commanded("stock", FIVE_ZONE, SUMMER)).all()


def test_a_constant_is_the_middle_of_each_range() -> None:
    assert commanded("constant", FIVE_ZONE, SUMMER) == [(12 + 23.25) / 2, (23.25 + 30) / 2]
    assert commanded("constant", RADIANT, SUMMER) == [1, 1, 1, 1, 1, 25 + 10]


def test_comfort_band_is_the_reward_s_band_of_the_season_within_the_limits() -> None:
    assert commanded("comfort-band", FIVE_ZONE, SUMMER) == [23.0, 26.0]
    assert commanded("comfort-band", FIVE_ZONE, WINTER) == [20.0, 23.5]
    assert commanded("comfort-band", TWO_ZONE, WINTER) == [27.0]


def test_comfort_band_leaves_what_is_no_temperature_to_the_model() -> None:
    values = commanded("comfort-band", "sinergym:Eplus-officegrid-hot-continuous-v1", SUMMER)
    assert np.isnan(values).tolist() == [False, False, True, True]


def test_random_repeats_by_seed() -> None:
    first = commanded("random", FIVE_ZONE, SUMMER, seed=1)
    assert first == commanded("random", FIVE_ZONE, SUMMER, seed=1)
    assert first != commanded("random", FIVE_ZONE, SUMMER, seed=2)


@pytest.mark.parametrize(
    ("name", "building", "said"),
    [
        ("outdoor-reset", FIVE_ZONE, "there are stock, random, constant, comfort-band"),
        ("comfort-band", RADIANT, "has choices from a table"),
    ],
)
def test_a_controller_that_is_not_there_is_refused(name: str, building: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        find_sinergym_controller(name, SinergymEnv(building), 0)


# --- runs -----------------------------------------------------------------------------------------------------


def test_a_run_is_summed_up_by_the_terms_of_the_reward() -> None:
    result = evaluate_sinergym("stock", FIVE_ZONE, Period(start=(7, 1), days=1), seed=0)
    assert (result.start, result.days, result.steps) == ("07-01", 1, 95)
    assert result.total_reward == pytest.approx(95 * result.mean_reward)
    assert result.mean_reward == pytest.approx(result.mean_energy_term + result.mean_comfort_term)
    assert result.mean_energy_term == pytest.approx(-0.5 * 1e-4 * result.mean_power_demand)
    assert result.mean_comfort_term == pytest.approx(-0.5 * result.mean_temperature_violation)
    assert 0 < result.comfort_violation_frac < 1


def test_the_rule_that_follows_the_band_is_more_comfortable_than_the_stock_schedules() -> None:
    stock, band = (evaluate_sinergym(c, FIVE_ZONE, Period(start=(7, 1), days=2), seed=0) for c in NAMES)
    assert band.mean_temperature_violation < stock.mean_temperature_violation


NAMES = ("stock", "comfort-band")


# --- policies -------------------------------------------------------------------------------------------------


def saved(folder: Path, building: str = FIVE_ZONE) -> SinergymEnv:
    """A bundle whose actor is one layer that returns tanh(1) for each action."""
    env = SinergymEnv(building)
    inputs, outputs = len(env.observation_names), len(env.action_names)
    weights = {"weight_0": np.zeros((outputs, inputs), np.float32), "bias_0": np.ones(outputs, np.float32)}
    scaling = Scaling(mean=(0.0,) * inputs, deviation=(1.0,) * inputs)
    save_sinergym_policy(folder, env, weights, scaling, SOURCE)
    return env


def test_a_bundle_acts_as_its_actor_says_within_the_limits(tmp_path: Path) -> None:
    env = saved(tmp_path)
    policy = load_sinergym_policy(tmp_path, env)
    share = (np.tanh(1) + 1) / 2
    expected = [12 + share * (23.25 - 12), 23.25 + share * (30 - 23.25)]
    assert policy.commands(np.zeros(17, np.float32), {}) == pytest.approx(expected, rel=1e-6)
    assert spanned(env, np.array([-1.0, 1.0])).tolist() == [12.0, 30.0]


def test_observations_are_scaled_by_mean_and_deviation_and_clipped() -> None:
    scaling = Scaling(mean=(1.0, 0.0), deviation=(2.0, 1e-6))
    assert scaling.scaled(np.array([5.0, 1.0])).tolist() == [2.0, CLIP]


def test_a_bundle_serves_every_weather_of_its_building_and_no_other_building(tmp_path: Path) -> None:
    saved(tmp_path)
    load_sinergym_policy(tmp_path, SinergymEnv("sinergym:Eplus-5zone-cool-continuous-stochastic-v1"))
    with pytest.raises(UserError, match=f"of '{FIVE_ZONE}', whose observations are not those of '{CRAC}'"):
        load_sinergym_policy(tmp_path, SinergymEnv(CRAC))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scaling": {"mean": [0.0], "deviation": [1.0]}}, "17 means and deviations"),
        ({"scaling": {"mean": [0.0] * 17, "deviation": [0.0] * 17}}, "every deviation above 0"),
        ({"weights_sha256": "0"}, "SHA-256 differs"),
        ({"layers": [3]}, "shapes"),
        ({"format": 0}, "format"),
    ],
)
def test_a_bundle_that_was_changed_does_not_load(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    env = saved(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, **change}))
    with pytest.raises(UserError, match=said):
        load_sinergym_policy(tmp_path, env)


# --- training -------------------------------------------------------------------------------------------------


def test_seasons_are_parts_of_the_run_period_side_by_side() -> None:
    parts = seasons(SinergymEnv(FIVE_ZONE).days)
    firsts = [part.first.month for part in parts if part]
    assert (firsts, sum(part.days for part in parts if part)) == ([1, 4, 7, 10], 365)
    assert seasons(SinergymEnv(RADIANT).days) == [None] * 4


def test_discrete_environments_are_refused_with_the_continuous_one() -> None:
    with pytest.raises(UserError, match="take sinergym:Eplus-shop-hot-continuous-stochastic-v1"):
        continuous_only("sinergym:Eplus-shop-hot-discrete-stochastic-v1")
    with pytest.raises(UserError, match="no continuous one of this building"):
        continuous_only(RADIANT)


@pytest.mark.slow
def test_training_leaves_the_same_bundle_for_a_seed_and_it_acts_within_limits(tmp_path: Path) -> None:
    small = AgentSettings(batch_size=32, width=16, gradient_steps=1, learning_starts=20, target_entropy=-2.0)
    for run in ("a", "b"):
        settings = SinergymTraining(building=FIVE_ZONE, out=tmp_path / run, steps=80, seed=3, agent=small)
        assert train_sinergym(settings, command="a test").steps == 80
    a, b = (json.loads((tmp_path / run / "bundle" / "card.json").read_text()) for run in ("a", "b"))
    assert (a["weights_sha256"], a["scaling"]) == (b["weights_sha256"], b["scaling"])
    result = evaluate_sinergym(str(tmp_path / "a" / "bundle"), FIVE_ZONE, Period(days=1), seed=0)
    assert (result.controller, result.steps) == ("agent", 95)
    with pytest.raises(UserError, match="holds a bundle that another run made"):
        train_sinergym(settings, command="a test")
