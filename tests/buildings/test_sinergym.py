"""Sinergym's environments on our engine: the reader of its files, and parity with its own environments.

Run as a script, in a process of its own, this file records what Sinergym's environments do (`_serve`).
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import yaml

from airhandler.buildings.errors import SimulationError, UserError
from airhandler.buildings.model import Period
from airhandler.buildings.sinergym import configuration_paths, constants_path, weather_path
from airhandler.buildings.sinergym_config import SinergymId, VariableEntry, find_sinergym, read_ids, sinergym_ids
from airhandler.buildings.sinergym_env import SinergymEnv
from airhandler.buildings.sinergym_model import Calendar, prepare_sinergym, site_and_design_days
from airhandler.buildings.sinergym_reward import LinearReward, LinearRewardSettings
from airhandler.buildings.sinergym_spaces import action_table, bounds, choices
from airhandler.buildings.sinergym_weather import write_noisy

TWO_ZONE, FIVE_ZONE = "Eplus-datacenter_dx-chicago-continuous-v1", "Eplus-5zone-hot-continuous-v1"
SEED, MOST_ACTIONS = 7, 300


# --- spaces ---------------------------------------------------------------------------------------------------


def test_a_box_is_read_as_syntax() -> None:
    text = "gym.spaces.Box(low=np.array([-20.0, 5], dtype=np.float32), high=np.array([30.0, 10]), shape=(2,))"
    found = bounds(text)
    assert (found.low, found.high) == ((-20.0, 5.0), (30.0, 10.0))
    assert found.space().dtype == np.float32


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__import__('os').system('true')", "must be gym.spaces.Box"),
        ("gym.spaces.Box(low=np.array([open('x')]), high=np.array([1.0]))", "must be a finite number"),
        ("gym.spaces.Box(low=np.array([0.0]), high=np.array([1e999]))", "must be a finite number"),
        ("gym.spaces.Box(low=np.array([True]), high=np.array([2.0]))", "must be a finite number"),
        ("gym.spaces.Box(low=np.zeros(1), high=np.array([1.0]))", "must be np.array"),
        ("gym.spaces.Box(low=np.array([2.0]), high=np.array([1.0]))", "must be below"),
        ("gym.spaces.Box(low=np.array([0.0, 1.0]), high=np.array([1.0]))", "must be below"),
        ("gym.spaces.Box(low=np.array([0.0]))", "'high' is missing"),
        ("gym.spaces.Discrete(10)", "must be gym.spaces.Box"),
        ("gym.spaces.Box(low=", "is not Python"),
        (3, "must be gym.spaces.Box"),
    ],
)
def test_a_text_that_is_no_box_is_refused(text: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        bounds(text)


def test_discrete_spaces_are_read_as_syntax() -> None:
    assert choices("gym.spaces.Discrete(10)").counts == (10,)
    several = choices("gym.spaces.MultiDiscrete(nvec=np.array([2, 21]))")
    assert (several.counts, several.several) == ((2, 21), True)
    for wrong in ("gym.spaces.Discrete(2.5)", "gym.spaces.Discrete(0)", "gym.spaces.Discrete()", "10"):
        with pytest.raises(ValueError, match=r"must be|missing"):
            choices(wrong)


def test_discrete_actions_come_from_sinergyms_own_tables() -> None:
    table = action_table(constants_path(), "5zone")
    assert table.values(7).tolist() == [19.0, 23.25]
    assert table.values(np.array([0])).tolist() == [12.0, 30.0]
    with pytest.raises(UserError, match="action 10: must be one of 0, 1"):
        table.values(10)
    radiant = action_table(constants_path(), "radiant")
    assert radiant.values(np.array([1, 0, 1, 0, 1, 20])).tolist() == [1, 0, 1, 0, 1, 45]
    with pytest.raises(UserError, match="DEFAULT_HOSPITAL_DISCRETE_FUNCTION"):
        action_table(constants_path(), "hospital")


# --- configurations -------------------------------------------------------------------------------------------


def test_every_configuration_is_read() -> None:
    ids = sinergym_ids()
    assert len(configuration_paths()) == 9
    assert len(ids) == 109
    assert {item.config.id_base for item in ids.values()} >= {"demo", "5zone", "radiant", "officegrid", "shop"}


def test_observations_and_actions_have_sinergyms_names_and_order() -> None:
    config = find_sinergym(TWO_ZONE).config
    assert config.observation_names[:4] == ["month", "day_of_month", "hour", "outdoor_temperature"]
    assert config.observation_names[9:11] == ["east_zone_air_temperature", "west_zone_air_temperature"]
    assert list(config.commands) == ["cooling_setpoint"]
    assert config.commands["cooling_setpoint"].key == "Cooling Setpoints"
    assert find_sinergym(FIVE_ZONE).config.observation_names[-1] == "total_electricity_HVAC"


def test_an_unknown_id_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=FIVE_ZONE):
        find_sinergym("Eplus-5zone-hot-continous-v1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action_space": "eval('1')"}, r"action_space: .*must be gym.spaces.Box"),
        ({"action_space_discrete": "gym.spaces.Discrete(x)"}, r"action_space_discrete: .*finite number, not x"),
        ({"time_variables": ["month", "moon"]}, r"time_variables.1: .*'moon'"),
        ({"variables": {"Zone Air Temperature": {"variable_names": ["a", "b"], "keys": ["A"]}}}, "2 variable_names"),
        ({"variables": {"Zone Air Temperature": {"variable_names": "a"}}}, r"variables.Zone Air Temperature.keys"),
        ({"actuators": {}}, "action_space: 2 bounds for 0 actuators"),
        ({"meters": {"Electricity:HVAC": "hour"}}, "hour stands twice"),
        ({"weather_specification": {"weather_files": ["a.epw"], "keys": []}}, r"weather_specification: .*1 weather"),
        ({"building_config": {"timesteps_per_hour": 0}}, r"building_config.timesteps_per_hour: .*got 0"),
        ({"building_config": {"runperiod": [31, 2, 1991, 1, 3, 1991]}}, r"building_config: .*day"),
        ({"reward": "sinergym.utils.rewards:ExpReward"}, r"reward: .*LinearReward"),
        ({"rewards": 1}, r"rewards: .*did you mean `reward`"),
        ({"id_base": None}, r"id_base: .*string"),
    ],
)
def test_a_bad_configuration_names_its_file_and_field(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    good = next(path for path in configuration_paths() if path.name.startswith("5Zone"))
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(good.read_text()), **changes}))
    with pytest.raises(UserError, match=said) as caught:
        read_ids(path)
    assert str(path) in str(caught.value)


def test_a_reward_of_an_unknown_observation_is_refused(tmp_path: Path) -> None:
    good = next(path for path in configuration_paths() if path.name.startswith("5Zone")).read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(good.replace("- air_temperature", "- air_temprature"))
    with pytest.raises(UserError, match="reward_kwargs: air_temprature: not among the observations"):
        read_ids(path)


# --- model, calendar, weather, reward --------------------------------------------------------------------------


def test_design_days_are_those_that_sinergym_takes() -> None:
    location, days = site_and_design_days(weather_path("USA_AZ_Davis-Monthan.AFB.722745_TMY3.ddy"))
    assert [re.sub(".* Ann", "Ann", name) for name in days] == [
        "Ann Htg 99.6% Condns DB",
        "Ann Clg .4% Condns DB=>MWB",
    ]
    cooling = list(days.values())[1]
    assert cooling["maximum_dry_bulb_temperature"] == 40.8
    assert cooling["solar_model_indicator"] == "ASHRAETau"
    assert not any("optical_depth" in field for field in cooling)
    assert next(iter(location.values()))["elevation"] == 809.0


def test_a_ddy_file_without_the_days_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.ddy"
    path.write_text("Site:Location, Here, 1.0, 2.0, 3.0, 4.0;")
    with pytest.raises(UserError, match=r"empty.ddy: must hold a Site:Location and the design days"):
        site_and_design_days(path)


def test_a_model_keeps_everything_but_its_outputs() -> None:
    model, calendar = prepare_sinergym(find_sinergym(TWO_ZONE), Period(start=(7, 1), days=2))
    assert not [kind for kind in model if kind.startswith(("Output:Var", "Output:Table", "Output:SQL"))]
    assert calendar.steps == 2 * 24 * 6
    run_period = next(iter(model["RunPeriod"].values()))
    assert (run_period["begin_month"], run_period["end_day_of_month"], run_period["end_year"]) == (7, 2, 1991)


def test_programs_inside_a_model_stay_where_they_act_or_are_read() -> None:
    acting, idle = find_sinergym("Eplus-office-hot-continuous-v1"), find_sinergym(TWO_ZONE)
    assert len(prepare_sinergym(acting)[0]["EnergyManagementSystem:Program"]) == 17
    assert not [kind for kind in prepare_sinergym(idle)[0] if kind.startswith("EnergyManagementSystem")]
    name, entry = "Power Utilization Effectiveness", VariableEntry(variable_names="pue", keys="EMS")
    read = idle.config.model_copy(update={"variables": {**idle.config.variables, name: entry}})
    assert name in prepare_sinergym(replace(idle, config=read))[0]["EnergyManagementSystem:OutputVariable"]


def test_the_calendar_knows_the_hour_that_a_step_belongs_to() -> None:
    calendar = Calendar(days=((12, 31), (1, 1)), steps_per_hour=4)
    assert [calendar.at(step) for step in (1, 4, 5, 96)] == [(12, 31, 0), (12, 31, 0), (12, 31, 1), (12, 31, 23)]
    assert calendar.at(97) == (1, 1, 0)
    assert calendar.steps == 192


def test_a_default_run_period_may_pass_the_end_of_the_year() -> None:
    _, calendar = prepare_sinergym(find_sinergym("Eplus-radiant-hot-discrete-v1"))
    assert (calendar.days[0], calendar.days[-1], len(calendar.days)) == ((10, 1), (4, 30), 212)


def test_noise_changes_its_columns_only_within_limits_and_by_seed(tmp_path: Path) -> None:
    source, noise = weather_path("ESP_Granada.084190_SWEC.epw"), {"Relative Humidity": [[20.0, 30.0], 0, 24, [0, 100]]}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_noisy(source, tmp_path / name, noise, np.random.default_rng(seed))
    a, b, c = ((tmp_path / name).read_text(encoding="latin-1") for name in "abc")
    assert a == b != c
    before = [line.split(",") for line in source.read_text(encoding="latin-1").splitlines()]
    after = [line.split(",") for line in a.splitlines()]
    changed = {i for x, y in zip(before, after, strict=True) for i in range(len(x)) if x[i] != y[i]}
    assert changed == {8}
    humidities = [float(line[8]) for line in after[8:]]
    assert (min(humidities), max(humidities)) == (0, 100)
    with pytest.raises(UserError, match="weather_variability: Rain"):
        write_noisy(source, tmp_path / "d", {"Rain": [1, 0, 24]}, np.random.default_rng(0))


def test_the_reward_weighs_power_and_the_band_of_the_season() -> None:
    settings = LinearRewardSettings(
        temperature_variables=["t"],
        energy_variables=["p"],
        range_comfort_winter=[20.0, 23.5],
        range_comfort_summer=[23.0, 26.0],
        energy_weight=0.25,
        lambda_energy=1e-3,
        lambda_temperature=2.0,
    )
    reward = LinearReward(settings, ["p", "t"])
    assert reward(np.array([1000.0, 22.0]), 5, 31).reward == -0.25
    assert reward(np.array([1000.0, 22.0]), 6, 1).reward == -0.25 - 2.0 * 0.75 * 1.0
    assert reward(np.array([0.0, 27.0]), 9, 30).total_temperature_violation == 1.0
    assert reward(np.array([0.0, 24.5]), 10, 1).comfort_term == -1.5
    assert [reward(np.array([0.0, t]), 1, 1).total_temperature_violation for t in (20.0, 23.5)] == [0.0, 0.0]
    assert np.isnan(reward(np.array([0.0, np.nan]), 1, 1).reward), "what is no temperature is not comfortable"


# --- environment ----------------------------------------------------------------------------------------------


def test_an_episode_has_one_transition_less_than_steps_and_ends_truncated() -> None:
    env = SinergymEnv(FIVE_ZONE, Period(days=1))
    with pytest.raises(SimulationError, match="reset"):
        env.step(np.array([20.0, 25.0], np.float32))
    observation, info = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert info == {"month": 1, "day": 1, "hour": 0, "timestep": 0}
    ends = [env.step(np.array([20.0, 25.0], np.float32))[2:4] for _ in range(env.total_steps)]
    assert ends == [(False, False)] * 94 + [(False, True)]
    with pytest.raises(SimulationError, match="over"):
        env.step(np.array([20.0, 25.0], np.float32))
    env.close()


@pytest.mark.parametrize(
    ("action", "said"),
    [([20.0, 31.0], "cooling_setpoint: 31.0 must be within 23.25 to 30.0"), ([np.nan, 25.0], "nan"), ([20.0], "shape")],
)
def test_an_action_out_of_bounds_is_refused(action: list[float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        SinergymEnv(FIVE_ZONE).step(np.array(action, np.float32))


# --- parity ---------------------------------------------------------------------------------------------------

SUMMER, WINTER, DAY = Period(start=(7, 1), days=3), Period(start=(1, 9), days=3), Period(days=1)
CASES = {
    f"{name}-{period.first:%m-%d}" if period else name: (name, period)
    for name, period in (
        (TWO_ZONE, SUMMER),
        (TWO_ZONE, WINTER),
        (FIVE_ZONE, SUMMER),
        (FIVE_ZONE, WINTER),
        ("Eplus-5zone-mixed-continuous-stochastic-v1", SUMMER),
        ("Eplus-5zone-cool-discrete-v1", DAY),
        ("Eplus-smalldatacenter-aurora-continuous-v1", DAY),
        ("Eplus-smalldatacenter-mixed-continuous-stochastic-v1", DAY),
        ("Eplus-datacenter_dx-mixed-discrete-stochastic-v1", DAY),
        ("Eplus-datacenter_cw-hot-continuous-v1", Period(start=(5, 31), days=2)),
        ("Eplus-datacenter_cw-cool-discrete-stochastic-v1", DAY),
        ("Eplus-office-hot-continuous-v1", Period(start=(9, 30), days=2)),
        ("Eplus-office-mixed-discrete-stochastic-v1", DAY),
        ("Eplus-warehouse-mixed-continuous-v1", DAY),
        ("Eplus-warehouse-cool-discrete-stochastic-v1", DAY),
        ("Eplus-officegrid-cool-continuous-v1", DAY),
        ("Eplus-officegrid-hot-discrete-stochastic-v1", DAY),
        ("Eplus-shop-hot-continuous-v1", DAY),
        ("Eplus-shop-mixed-discrete-stochastic-v1", DAY),
        ("Eplus-radiant-stockholm-discrete-v1", None),
        ("Eplus-radiant-hot-discrete-stochastic-v1", DAY),
        ("Eplus-demo-v1", None),
    )
}


def kinds(item: SinergymId) -> set[tuple[str, str]]:
    """What a parity case of an environment shows: its building with its kind of actions, and with noise or without."""
    base = item.config.id_base
    return {(base, "discrete" if item.discrete else "continuous"), (base, "noise" if item.stochastic else "no noise")}


def test_parity_is_shown_for_every_building_with_every_kind_of_actions_and_with_noise() -> None:
    shown = {kind for name, _ in CASES.values() for kind in kinds(find_sinergym(name))}
    there = {kind for item in sinergym_ids().values() for kind in kinds(item)}
    assert {kind for kind in there if kind[1] != "no noise"} <= shown


class Recorder:
    """A process that has imported Sinergym, and records in a child of its own whatever it is asked for."""

    def __init__(self, folder: Path) -> None:
        paths = os.pathsep.join(p for p in sys.path if p)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},  # it forks: no threads before
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: object) -> Any:
        """Sends a question and waits for the answer; None: the process or its child failed (see its stderr)."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or "null")

    def record(self, case: str, environment: SinergymId, period: Period | None, actions: Any) -> dict[str, Any]:
        """What Sinergym's own environment answers to the actions."""
        (self.folder / case).mkdir()
        np.save(self.folder / case / "actions.npy", actions)
        assert self.ask([case, environment.id, _their_settings(environment, period)]) == "done"
        return dict(np.load(self.folder / case / "recorded.npz"))


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    started = Recorder(tmp_path_factory.mktemp("sinergym"))
    with started.process as process:
        yield started
        assert process.stdin
        process.stdin.close()
        assert process.wait() == 0


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_every_variable_and_reward_equals_sinergyms_own(case: str, recorder: Recorder) -> None:
    """Tolerance: none. Both sides call one EnergyPlus with one model, at one calling point: the bits are equal."""
    name, period = CASES[case]
    env = SinergymEnv(name, period)
    actions = _actions(env, MOST_ACTIONS)
    theirs = recorder.record(case, env.environment, period, actions)
    assert theirs["names"].tolist() == env.observation_names
    seen, rewards = [env.reset(seed=SEED)[0]], []
    for action in actions:
        observation, reward, _, _, _ = env.step(action)
        seen.append(observation)
        rewards.append(reward)
    env.close()
    for i, variable in enumerate(env.observation_names):
        assert np.array_equal(np.array(seen)[:, i], theirs["observations"][:, i]), variable
    assert np.array_equal(rewards, theirs["rewards"])
    assert len(np.unique(np.array(seen), axis=0)) > 0.9 * len(actions), "a trajectory must move to prove anything"


@pytest.mark.slow
def test_the_ids_are_those_that_sinergym_registers(recorder: Recorder) -> None:
    assert recorder.ask("ids") == sorted(sinergym_ids())


def _actions(env: SinergymEnv, most: int) -> np.ndarray[Any, Any]:
    """Random actions for a whole episode, at most so many."""
    rng, space, count = np.random.default_rng(SEED), env.action_space, min(most, env.total_steps)
    if isinstance(space, gym.spaces.Box):
        return rng.uniform(space.low, space.high, (count, *space.shape)).astype(np.float32)
    if isinstance(space, gym.spaces.MultiDiscrete):
        return rng.integers(space.nvec, size=(count, len(space.nvec)))
    assert isinstance(space, gym.spaces.Discrete)
    return rng.integers(space.n, size=count)


def _their_settings(environment: SinergymId, period: Period | None) -> dict[str, Any]:
    """Sinergym's `building_config` for a period."""
    config = environment.config.building_config
    building = config.model_dump(exclude_none=True) if config else {}
    if period is not None:
        days = (period.first, period.last)
        building["runperiod"] = [part for day in days for part in (day.day, day.month, day.year)]
    return building


def _serve() -> None:
    """Answers questions, a line of JSON each: "ids", or a run to record in its folder, in a child of its own."""
    import sinergym

    logging.disable(logging.CRITICAL)
    answers, sys.stdout = sys.stdout, sys.stderr  # Sinergym prints
    for line in sys.stdin:
        question = json.loads(line)
        answer = sorted(sinergym.ids()) if question == "ids" else _recorded(*question)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _recorded(case: str, name: str, building: dict[str, Any]) -> str | None:
    child = os.fork()
    if child == 0:
        os.dup2(sys.stderr.fileno(), 1)  # EnergyPlus prints
        os.chdir(case)
        try:
            _record(name, building)
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    return "done" if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 else None


def _record(name: str, building: dict[str, Any]) -> None:
    """In the current folder: actions.npy -> recorded.npz."""
    _wait_patiently()
    env = gym.make(name, **({"building_config": building} if building else {}))
    observation, _ = env.reset(seed=SEED)
    observations, rewards = [observation], []
    for action in np.load("actions.npy"):
        observation, reward, _, truncated, _ = env.step(action)
        if truncated:
            raise RuntimeError("the episode ended early")
        observations.append(observation)
        rewards.append(reward)
    names = env.get_wrapper_attr("observation_variables")
    np.savez("recorded.npz", observations=observations, rewards=rewards, names=names)


def _wait_patiently() -> None:
    """Gives Sinergym's queues a minute: on a busy machine they time out, and it then makes an observation up."""
    get = Queue.get

    def patient(queue: Queue[Any], block: bool = True, timeout: float | None = None) -> Any:
        return get(queue, block, None if timeout is None else max(timeout, 60.0))

    Queue.get = patient  # type: ignore[method-assign]


if __name__ == "__main__":
    from airhandler.control.bench_sinergym import energyplus_folder

    energyplus_folder(Path.cwd())
    _serve()
