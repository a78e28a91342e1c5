"""Stress: commands that arrive late, noisy and held, rewards that come late, physics that differ."""

from __future__ import annotations

import math

import numpy as np
import pytest

from airhandler.buildings.actuators import Actuators
from airhandler.buildings.catalog import find_building
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.fitting import fit
from airhandler.buildings.known import Array
from airhandler.buildings.late_reward import LateReward
from airhandler.buildings.model import Period
from airhandler.buildings.points import Setpoints
from airhandler.buildings.reward import Priced, Reward, Terms
from airhandler.buildings.scenario import Scenario
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.stress import STRESS, Stress
from airhandler.buildings.weather import find_weather

DX = find_building("datacentre-dx")
JULY = Period(start=(7, 15), days=1)
CALM = Stress(delay_steps=0, noise_sd=0.0, spell_probability=0.0, spell_steps=1, held_steps=1, reward_delay_steps=0)


def arrived(commands: Array, seed: int = 0, **changes: float) -> Array:
    way = Actuators(CALM.model_copy(update=changes), DX.setpoints, steps=len(commands), seed=seed)
    return np.array([way.arrive(command) for command in commands])


def rising(steps: int) -> Array:
    low, high = (np.array([getattr(p, end) for p in DX.setpoints]) for end in ("low", "high"))
    return low + (high - low) * np.linspace(0.3, 0.7, steps)[:, None]


def test_calm_actuators_change_nothing() -> None:
    np.testing.assert_array_equal(arrived(rising(20)), rising(20))


def test_a_command_arrives_late_and_until_then_the_building_has_its_own_control() -> None:
    late = arrived(rising(20), delay_steps=3)
    assert np.isnan(late[:3]).all()
    np.testing.assert_array_equal(late[3:], rising(20)[:-3])


def test_a_command_is_held_whatever_follows() -> None:
    np.testing.assert_array_equal(arrived(rising(20), held_steps=3), rising(20)[np.arange(20) // 3 * 3])


def test_noise_has_its_size_stays_within_the_setpoints_range_and_has_its_seed() -> None:
    middle = np.tile(rising(2).mean(axis=0), (4000, 1))
    span = np.array([p.high - p.low for p in DX.setpoints])
    np.testing.assert_allclose((arrived(middle, noise_sd=0.1) - middle).std(axis=0), 0.1 * span / 2, rtol=0.05)
    wild = arrived(middle, noise_sd=3.0)
    assert all(
        p.low <= low and high <= p.high for p, low, high in zip(DX.setpoints, wild.min(0), wild.max(0), strict=True)
    )
    np.testing.assert_array_equal(arrived(middle, noise_sd=0.1), arrived(middle, noise_sd=0.1))
    assert not np.array_equal(arrived(middle, noise_sd=0.1), arrived(middle, noise_sd=0.1, seed=1))


def test_noise_leaves_the_buildings_own_control_alone() -> None:
    assert np.isnan(arrived(np.full((5, 4), math.nan), noise_sd=0.3)).all()


@pytest.mark.parametrize(
    ("level", "delays", "noise", "spell", "held"),
    [
        (1, (3, 10), 0.1, (0.01, 1), 1),
        (2, (6, 20), 0.3, (0.05, 5), 2),
        (3, (9, 40), 1.0, (0.10, 10), 3),
    ],
)
def test_levels_are_the_suites(
    level: int, delays: tuple[int, int], noise: float, spell: tuple[float, int], held: int
) -> None:
    """The suite's figures; source: stress.py."""
    stress = STRESS[level]
    assert (stress.delay_steps, stress.reward_delay_steps) == delays
    assert (stress.noise_sd, stress.held_steps) == (noise, held)
    assert (stress.spell_probability, stress.spell_steps) == spell


def test_a_reward_comes_late_and_its_terms_at_once() -> None:
    class Counted(Reward):
        def __init__(self) -> None:
            self.count = 0.0

        def __call__(self, values: Array, priced: Priced = Priced()) -> Terms:  # noqa: B008 - as its base
            self.count += 1.0
            return Terms(reward=self.count, controllable_w=self.count, exceedance_k=0.0, over_cap_kw=0.0)

    late = LateReward(Counted(), 3)
    for _ in range(2):
        late.begin()
        terms = [late(np.empty(0)) for _ in range(6)]
        first = terms[0].controllable_w
        assert [t.reward - first for t in terms] == [0, 0, 0, 0, 1, 2]
        assert [t.controllable_w - first for t in terms] == [0, 1, 2, 3, 4, 5]


def test_stress_draws_the_physics_of_the_building_file_and_no_second_set_of_sensors() -> None:
    drawn = fit(Scenario(stress=1), DX, JULY, variant=0, seed=0).randomised
    assert "leak_frac" in drawn
    assert not any(":" in name for name in drawn)
    assert fit(Scenario(stress=1), find_building("office-5zone"), JULY, variant=0, seed=0).randomised == {}


def test_a_site_under_stress_follows_its_commands_late() -> None:
    site = SimulatedSite(DX, find_weather("chicago"), JULY, scenario=Scenario(stress=1))
    airflows = []
    try:
        site.writer().write(Setpoints({p.name: p.low for p in DX.setpoints}))
        for _ in range(6):
            assert site.advance()
            airflows.append(site.truth()["east_supply_airflow_kg_s"])
    finally:
        site.close()
    assert min(airflows[:3]) > 5.0 > max(airflows[3:])


def test_an_environments_reward_is_late_and_begins_anew_with_each_episode() -> None:
    episodes = []
    env = BuildingEnv(start=(7, 15), days=1, stress=1)
    for _ in range(2):
        env.reset(seed=1)
        episodes.append([env.step(np.zeros(4, np.float32))[1] for _ in range(14)])
    env.close()
    assert episodes[0] == episodes[1]
    assert len(set(episodes[0][:11])) == 1
    assert len(set(episodes[0])) == 4
