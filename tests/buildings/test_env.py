"""The Gymnasium environment, on real EnergyPlus."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import SimulationError, UserError


@pytest.mark.slow
def test_gymnasium_accepts_it() -> None:
    env = gym.make("airhandler/DataCentreDX-v0", days=2)
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


@pytest.mark.slow
def test_stable_baselines_accepts_it() -> None:
    env = BuildingEnv(days=2)
    sb3_check_env(env)
    env.close()


def trajectory(seed: int) -> list[tuple[bytes, float]]:
    """Observations, as bytes, and rewards of two days under random actions, in one of two weathers."""
    env = BuildingEnv(weather=["chicago", "tucson"], start="random", days=2)
    observation, _ = env.reset(seed=seed)
    rng, seen, over = np.random.default_rng(seed), [(observation.tobytes(), 0.0)], False
    while not over:
        action = rng.uniform(-1, 1, 4).astype(np.float32)
        observation, reward, terminated, over, _ = env.step(action)
        assert not terminated
        seen.append((observation.tobytes(), float(reward)))
    env.close()
    return seen


@pytest.mark.slow
def test_the_same_seed_and_actions_give_the_same_bits() -> None:
    assert trajectory(3) == trajectory(3)
    assert trajectory(3) != trajectory(4)


def test_an_episode_ends_truncated_at_its_last_step() -> None:
    env = BuildingEnv(days=1)
    env.reset(seed=0)
    ends = [env.step(np.zeros(4, np.float32))[2:4] for _ in range(96)]
    assert ends == [(False, False)] * 95 + [(False, True)]
    with pytest.raises(SimulationError, match="reset"):
        env.step(np.zeros(4, np.float32))
    env.close()


@pytest.mark.slow
def test_a_year_ends_truncated_and_not_terminated() -> None:
    env = BuildingEnv()
    env.reset(seed=0)
    steps, terminated, truncated = 0, False, False
    while not (terminated or truncated):
        _, reward, terminated, truncated, _ = env.step(np.zeros(4, np.float32))
        assert np.isfinite(reward)
        steps += 1
    assert (steps, terminated, truncated) == (35_040, False, True)
    env.close()


def test_info_adds_up_to_the_reward() -> None:
    env = BuildingEnv(start=(7, 10), days=1)
    env.reset(seed=0)
    settings = env.building.file.reward
    hottest = np.array([1, -1, 1, -1], dtype=np.float32)
    for _ in range(96):
        _, reward, _, _, info = env.step(hottest)
        power = info["controllable_w"] / settings.power_scale_w
        assert reward == pytest.approx(-power - settings.exceedance_weight_per_k * info["exceedance_k"])
        reading = env.reading
        outside = sum(
            max(0.0, reading[f"{z}_inlet_temp_c"] - 27, 18 - reading[f"{z}_inlet_temp_c"]) for z in ("east", "west")
        )
        assert info["exceedance_k"] == pytest.approx(outside)
    assert info["exceedance_k"] > 0, "27 degC with recirculation must be above the recommended range"
    env.close()


def test_the_load_driven_floor_is_below_the_servers_power_and_near_it() -> None:
    env = BuildingEnv(start=(7, 10), days=1)
    env.reset(seed=0)
    assert env.building.servers is not None
    installed_w = 200.0 * (259.08 + 232.2576)  # watts per area, floors of the two zones
    idle_w, per_load_w = env.building.servers.floor_w(installed_w)
    for _ in range(96):
        info = env.step(np.array([-1, 0, -1, 0], dtype=np.float32))[-1]
        reading = env.reading
        floor_w = idle_w + per_load_w * reading["it_load_frac"]
        assert 0 <= reading["it_power_w"] / floor_w - 1 < 0.15
        assert info["controllable_w"] == pytest.approx(reading["hvac_power_w"] + reading["it_power_w"] - floor_w)
    env.close()


def loads(env: BuildingEnv, seed: int | None) -> list[float]:
    """The load in each step of an episode of a day."""
    env.reset(seed=seed)
    found = []
    for _ in range(96):
        env.step(np.zeros(4, np.float32))
        found.append(env.reading["it_load_frac"])
    return found


def test_a_load_is_drawn_anew_in_each_episode_and_the_same_for_a_seed() -> None:
    env = BuildingEnv(days=1, it_load="bursty", servers="dense-a2")
    assert env.building.file.servers == "dense-a2"
    first, second = loads(env, seed=7), loads(env, seed=None)
    assert first != second
    assert loads(env, seed=7) == first
    env.close()


def test_a_weather_that_is_not_among_the_environments_is_refused() -> None:
    env = BuildingEnv(weather=["chicago", "tucson"], days=1)
    with pytest.raises(UserError, match="tucson"):
        env.reset(options={"weather": "lisbon"})
    with pytest.raises(SimulationError, match="reset"):
        env.step(np.zeros(4, np.float32))
