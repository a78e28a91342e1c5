"""A world around a building on real EnergyPlus: in the environment and at the simulated site."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from airhandler.buildings.bank import SnapshotBank
from airhandler.buildings.catalog import find_building, with_world
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.points import Reading
from airhandler.buildings.settings import validate
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.buildings.world import World

TARIFF = {"kind": "time-of-use", "otherwise": 0.1, "bands": [{"value": 0.3, "hours": [12, 20]}]}
FORESEEN = [{"of": "outdoor_air_temp_c", "leads_h": [1, 3], "model": "perfect-for-debugging"}]
JULY = {"kind": "declared", "windows": [{"start": "07-10 14:00", "hours": 2, "cap_kw": 60}]}
ACTION = np.zeros(4, np.float32)


def world(**declared: object) -> World:
    return validate({"tariff_usd_per_kwh": TARIFF, **declared}, World, where="test")


def day(env: BuildingEnv, **options: Any) -> tuple[list[np.ndarray], list[float], list[Reading], list[dict[str, Any]]]:
    """A day's observations, rewards, readings and infos under one action."""
    first, info = env.reset(seed=0, options=options)
    seen, rewards, readings, infos, over = [first], [], [env.reading], [info], False
    while not over:
        observation, reward, _, over, info = env.step(ACTION)
        seen.append(observation)
        rewards.append(float(reward))
        readings.append(env.reading)
        infos.append(info)
    env.close()
    return seen, rewards, readings, infos


def test_a_world_leaves_what_was_there_as_it_was_to_the_last_bit() -> None:
    bare = BuildingEnv(start=(7, 10), days=1)
    placed = BuildingEnv(start=(7, 10), days=1, world=world(events=JULY, forecasts=FORESEEN))
    assert placed.codec.names[: len(bare.codec.names)] == bare.codec.names
    (seen, rewards, _, _), (around, same, readings, _) = day(bare), day(placed)
    width = len(bare.codec.names)
    assert [o[:width].tobytes() for o in around] == [o.tobytes() for o in seen]
    assert same == rewards
    tariff = placed.codec.names.index("tariff_usd_per_kwh")
    assert [float(o[tariff]) for o in around] == pytest.approx([2 * r["tariff_usd_per_kwh"] - 1 for r in readings])
    assert placed.observation_space.shape == around[0].shape


def test_forecasts_are_of_the_weather_that_is_simulated() -> None:
    noise = {"outdoor_air_temp_c": {"sigma": 3.0, "tau_h": 5.0}, "outdoor_dew_point_temp_c": {"sigma": 3.0}}
    varied = BuildingEnv(start=(3, 9), days=1, world=world(weather_variability=noise, forecasts=FORESEEN, draws=2))
    _, _, readings, infos = day(varied, draw=1)
    assert infos[-1]["weather"] == "chicago+noise1"
    air = [r["outdoor_air_temp_c"] for r in readings]
    for lead in (1, 3):
        foreseen = [r[f"outdoor_air_temp_in_{lead}h_c"] for r in readings]
        assert foreseen[: -4 * lead] == pytest.approx(air[4 * lead :], abs=1e-3)
    _, _, others, _ = day(BuildingEnv(start=(3, 9), days=1))
    assert np.std(np.array(air) - [r["outdoor_air_temp_c"] for r in others]) > 0.5


def test_the_reward_is_priced_by_the_hour_that_the_step_begins_in() -> None:
    priced = world(events=JULY, reward={"price_weight": 1.0, "over_cap_per_kw": 0.01})
    env = BuildingEnv(start=(7, 10), days=1, world=priced)
    _, rewards, readings, infos = day(env)
    settings = env.building.file.reward
    mean = (16 * 0.1 + 8 * 0.3) / 24
    for i, (reward, info) in enumerate(zip(rewards, infos[1:], strict=True)):
        hour = i // 4
        over_kw = max(0.0, readings[i + 1]["total_power_w"] / 1e3 - 60.0) if 14 <= hour < 16 else 0.0
        energy = (0.3 if 12 <= hour < 20 else 0.1) / mean * info["controllable_w"] / settings.power_scale_w
        exceedance = settings.exceedance_weight_per_k * info["exceedance_k"]
        assert reward == pytest.approx(-energy - exceedance - 0.01 * over_kw)
        assert info["over_cap_kw"] == pytest.approx(over_kw)
    assert max(info["over_cap_kw"] for info in infos[1:]) > 0, "the building draws more than 60 kW"


@pytest.mark.slow
def test_each_reset_draws_one_of_the_years_and_the_same_seed_the_same() -> None:
    noise = {"outdoor_air_temp_c": {"sigma": 1.0}}
    env = BuildingEnv(days=1, world=world(weather_variability=noise, draws=3))
    first = [env.reset(seed=seed)[1]["weather"] for seed in range(5)]
    assert set(first) <= {f"chicago+noise{i}" for i in range(3)}
    assert len(set(first)) > 1
    assert [env.reset(seed=seed)[1]["weather"] for seed in range(2)] == first[:2]
    env.close()


def test_a_simulated_site_gives_the_signals_with_its_readings() -> None:
    placed = with_world(find_building("datacentre-dx"), world(forecasts=FORESEEN))
    site = SimulatedSite(placed, find_weather("chicago"), Period(start=(7, 10), days=1))
    readings = [site.read()]
    while site.advance():
        readings.append(site.read())
    site.close()
    assert {p.name for p in site.points if p.role.value != "setpoint"} == set(readings[0].values)
    tariffs = [r["tariff_usd_per_kwh"] for r in readings]
    assert (tariffs[47], tariffs[48], tariffs[79], tariffs[80]) == (0.1, 0.3, 0.3, 0.1)


@pytest.mark.slow
def test_episodes_that_begin_at_snapshots_are_in_the_world_too() -> None:
    with SnapshotBank("datacentre-dx", "chicago", Period(start=(7, 10), days=2), steps=[96]) as bank:
        env = BuildingEnv(banks=[bank], days=1, world=world())
        _, _, readings, _ = day(env)
        tariffs = [r["tariff_usd_per_kwh"] for r in readings]
        assert (tariffs[47], tariffs[48]) == (0.1, 0.3)
        noise = {"outdoor_air_temp_c": {"sigma": 1.0}}
        with pytest.raises(UserError, match="leave weather_variability out"):
            BuildingEnv(banks=[bank], days=1, world=world(weather_variability=noise))
