"""Environments by id: what every id of the catalogue gives, Sinergym's among them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import airhandler
from airhandler.buildings.catalog import building_ids, find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.environments import make, middle_action
from airhandler.buildings.errors import UserError
from airhandler.buildings.gymnasium_ids import gymnasium_id
from airhandler.buildings.listing import building_row
from airhandler.buildings.sinergym_config import sinergym_ids
from airhandler.buildings.sinergym_env import SinergymEnv

FIVE_ZONE = "sinergym:Eplus-5zone-hot-continuous-v1"
# The first environment of each of Sinergym's buildings, and the same with noise where there is one.
FAMILIES = list({item.config.id_base: item.catalogue_id for item in reversed(sinergym_ids().values())}.values())
NOISY = "sinergym:Eplus-5zone-hot-continuous-stochastic-v1"


def test_importing_airhandler_is_light() -> None:
    code = "import airhandler, sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"gymnasium", "numpy", "pydantic", "pyenergyplus", "sinergym", "torch"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("name", sorted(item.catalogue_id for item in sinergym_ids().values()))
def test_every_id_of_sinergym_has_its_own_spaces(name: str) -> None:
    item, env = sinergym_ids()[name.removeprefix("sinergym:")], airhandler.make(name)
    assert isinstance(env, SinergymEnv)
    assert env.observation_space.shape == (len(item.config.observation_names),)
    assert isinstance(env.action_space, gym.spaces.Box) is not item.discrete
    assert len(env.commands(middle_action(env.action_space))) == len(item.config.commands)
    assert gymnasium_id(name) in gym.registry


@pytest.mark.parametrize("name", building_ids())
def test_every_building_of_ours_is_registered_under_its_id(name: str) -> None:
    assert gym.spec(gymnasium_id(name)).kwargs == {"name": name}
    assert isinstance(airhandler.make(name), BuildingEnv)


@pytest.mark.parametrize(("name", "said"), [("data-hall-4", "airhandler/data-hall-4-v0"), ("data-hall-5", None)])
def test_a_building_is_said_to_have_the_gymnasium_id_that_is_registered(name: str, said: str | None) -> None:
    assert building_row(find_building(name))["gymnasium"] == said
    assert said is None or said in gym.registry


def test_gymnasium_makes_sinergyms_building_on_our_engine_when_it_is_told_our_module() -> None:
    env = gym.make("airhandler.buildings.environments:airhandler/Eplus-5zone-hot-continuous-v1", days=1)
    assert isinstance(env.unwrapped, SinergymEnv)
    assert env.unwrapped.total_steps == 24 * 4 - 1


def test_sinergyms_run_period_can_be_replaced() -> None:
    assert len(made(FIVE_ZONE).days) == 365
    assert made(FIVE_ZONE, start=(12, 30)).days == ((12, 30), (12, 31))
    assert made(FIVE_ZONE, start=(7, 1), days=2).days == ((7, 1), (7, 2))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("datacenter-dx", {}, "did you mean datacentre-dx"),
        ("datacentre-dx", {"day": 3}, "no option day; known: .*days"),
        (FIVE_ZONE, {"weather": "chicago"}, "no option weather; known: days, start"),
        ("sinergym:Eplus-5zone-hot-continuos-v1", {}, "nearest: Eplus-5zone-hot-continuous-v1"),
        ("Eplus-5zone-hot-continuous-v1", {}, "did you mean sinergym:Eplus-5zone-hot-continuous-v1"),
    ],
)
def test_a_wrong_id_or_option_is_said(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make(name, **options)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*For Box action spaces, we recommend:UserWarning")  # Sinergym's are in degC
@pytest.mark.parametrize("name", FAMILIES)
def test_gymnasium_accepts_every_building_of_sinergym(name: str) -> None:
    env = made(name) if name.endswith("demo-v1") else made(name, days=1)
    check_env(env, skip_render_check=True)
    env.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", [FIVE_ZONE, NOISY])
def test_a_seed_repeats_and_only_noise_makes_seeds_differ(name: str) -> None:
    assert trajectory(name, 3) == trajectory(name, 3)
    assert (trajectory(name, 3) == trajectory(name, 4)) is (name != NOISY)


@pytest.mark.slow
def test_noise_differs_from_episode_to_episode_of_one_seed() -> None:
    env = made(NOISY, days=1)
    first, second = env.reset(seed=3)[0], env.reset()[0]
    env.close()
    assert not np.array_equal(first, second)


def made(name: str, **options: Any) -> SinergymEnv:
    env = make(name, **options)
    assert isinstance(env, SinergymEnv)
    return env


def trajectory(name: str, seed: int) -> list[bytes]:
    """Observations of a morning under one action."""
    env = made(name, days=1)
    seen = [env.reset(seed=seed)[0].tobytes()]
    seen += [env.step(middle_action(env.action_space))[0].tobytes() for _ in range(24)]
    env.close()
    return seen
