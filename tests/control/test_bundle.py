"""Bundles: what does not fit does not load, and what loads acts as the trained actor does."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from airhandler.buildings.catalog import Building, find_building, with_world
from airhandler.buildings.codec import AbsentValueError, Codec
from airhandler.buildings.env import BuildingEnv
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading
from airhandler.buildings.scenario import Scenario
from airhandler.buildings.world import World
from airhandler.control.agent import actor_weights
from airhandler.control.bundle import Provenance, Weights, load_bundle, save_bundle
from airhandler.control.familiar import familiar_with
from airhandler.control.policy import act, load_policy
from airhandler.control.registry import warn_of
from tests.fakes import healthy

BUILDING = find_building("datacentre-dx")
SOURCE = Provenance(
    created="2026-01-01T00:00:00+00:00",
    command="a test",
    weathers=("chicago",),
    steps=1,
    seed=0,
    versions={},
    settings={},
)


def weights(seed: int = 0) -> Weights:
    rng = np.random.default_rng(seed)
    sizes = [4 + len(BUILDING.observations), 16, len(BUILDING.setpoints)]
    made: Weights = {}
    for i in range(2):
        made[f"weight_{i}"] = rng.normal(size=(sizes[i + 1], sizes[i])).astype(np.float32)
        made[f"bias_{i}"] = rng.normal(size=sizes[i + 1]).astype(np.float32)
    return made


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    save_bundle(folder, BUILDING, weights(), SOURCE)
    return folder


def edit_card(folder: Path, change: Any) -> None:
    path = folder / "card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def test_a_bundle_comes_back_as_it_was_saved(bundle: Path) -> None:
    card, loaded = load_bundle(bundle, BUILDING)
    assert card.provenance == SOURCE
    assert {name: a.tobytes() for name, a in loaded.items()} == {name: a.tobytes() for name, a in weights().items()}


@pytest.mark.slow
def test_numpy_acts_as_torch_does() -> None:
    """The actor without torch gives the trained actor's deterministic actions, to single precision."""
    env = BuildingEnv(days=1)
    agent = SAC("MlpPolicy", env, policy_kwargs={"net_arch": [32, 32]}, seed=1, device="cpu")
    observations = np.random.default_rng(0).uniform(-1, 1, (500, *env.observation_space.shape)).astype(np.float32)
    with torch.no_grad():
        expected, _ = agent.predict(observations, deterministic=True)
    assert act(actor_weights(agent), observations) == pytest.approx(expected, abs=1e-5)


def test_a_changed_weight_is_found(bundle: Path) -> None:
    path = bundle / "weights.npz"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(UserError, match="SHA-256"):
        load_policy(bundle, BUILDING)


def test_another_building_is_refused(bundle: Path) -> None:
    edit_card(bundle, lambda card: card.update(building="elsewhere"))
    with pytest.raises(UserError, match="is of building 'elsewhere', not 'datacentre-dx'"):
        load_policy(bundle, BUILDING)


@pytest.mark.parametrize("part", ["observations", "actions", "limits"])
def test_another_scaling_or_limit_is_refused_and_named(bundle: Path, part: str) -> None:
    edit_card(bundle, lambda card: card[part][0].update(high=99.0))
    with pytest.raises(UserError, match=f"its {part} differ.*train it anew"):
        load_policy(bundle, BUILDING)


def test_a_card_without_a_field_is_refused_by_name(bundle: Path) -> None:
    edit_card(bundle, lambda card: card.pop("weights_sha256"))
    with pytest.raises(UserError, match="weights_sha256"):
        load_policy(bundle, BUILDING)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"{}"])
@pytest.mark.parametrize("name", ["card.json", "weights.npz"])
def test_a_corrupt_file_is_a_clear_error(bundle: Path, name: str, content: bytes) -> None:
    (bundle / name).write_bytes(content)
    with pytest.raises(UserError, match="bundle"):
        load_policy(bundle, BUILDING)


def test_a_pickle_in_the_weights_is_never_loaded(bundle: Path) -> None:
    import hashlib

    buffer = io.BytesIO()
    np.savez(buffer, weight_0=np.array([{"a": 1}], dtype=object))
    (bundle / "weights.npz").write_bytes(buffer.getvalue())
    edit_card(bundle, lambda card: card.update(weights_sha256=hashlib.sha256(buffer.getvalue()).hexdigest()))
    with pytest.raises(UserError, match="corrupt"):
        load_policy(bundle, BUILDING)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    broken = weights()
    broken["bias_1"][0] = bad
    save_bundle(tmp_path / "b", BUILDING, broken, SOURCE)
    with pytest.raises(UserError, match="not finite"):
        load_policy(tmp_path / "b", BUILDING)


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    broken = weights()
    broken["weight_0"] = broken["weight_0"][:, :-1]
    save_bundle(tmp_path / "b", BUILDING, broken, SOURCE)
    with pytest.raises(UserError, match="shapes"):
        load_policy(tmp_path / "b", BUILDING)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        save_bundle(tmp_path / "file" / "bundle", BUILDING, weights(), SOURCE)


WORLD = World.model_validate_json('{"tariff_usd_per_kwh": {"kind": "flat", "value": 0.1}}')
PLACED = with_world(BUILDING, WORLD)


@pytest.fixture
def worldly(tmp_path: Path) -> Path:
    """A bundle that was trained in a world."""
    made = weights()
    made["weight_0"] = np.hstack([made["weight_0"], np.ones((16, 1), dtype=np.float32)])
    save_bundle(tmp_path / "worldly", PLACED, made, SOURCE)
    return tmp_path / "worldly"


def test_a_bundle_that_needs_signals_is_refused_where_there_are_none(worldly: Path) -> None:
    assert load_bundle(worldly, PLACED)[0].world == WORLD
    with pytest.raises(UserError, match=r"trained in a world.*--world FILE \(tariff_usd_per_kwh\)"):
        load_policy(worldly, BUILDING)
    carbon = World.model_validate_json('{"carbon_kg_per_kwh": {"kind": "flat", "value": 0.1}}')
    with pytest.raises(UserError, match=r"its observations differ.*carbon_kg_per_kwh"):
        load_policy(worldly, with_world(BUILDING, carbon))


def test_a_bundle_that_needs_signals_needs_their_values(worldly: Path) -> None:
    policy = load_policy(worldly, PLACED)
    assert set(policy.propose(healthy(tariff_usd_per_kwh=0.1))) == {p.name for p in BUILDING.setpoints}
    with pytest.raises(AbsentValueError, match="tariff_usd_per_kwh absent"):
        policy.propose(healthy())


def test_a_bundle_without_a_world_acts_the_same_in_one(bundle: Path) -> None:
    bare, placed = load_policy(bundle, BUILDING), load_policy(bundle, PLACED)
    assert placed.propose(healthy(tariff_usd_per_kwh=0.1)) == bare.propose(healthy())


def test_a_card_from_before_worlds_still_loads(bundle: Path) -> None:
    edit_card(bundle, lambda card: (card.pop("world"), card.pop("card_sha256")))
    assert load_bundle(bundle, BUILDING)[0].world is None


def test_a_changed_card_is_found(bundle: Path) -> None:
    edit_card(bundle, lambda card: card["provenance"].update(seed=9))
    with pytest.raises(UserError, match=r"card\.json is not what was written"):
        load_bundle(bundle, BUILDING)


def told(folder: Path, building: Building, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    warn_of("mine", load_policy(folder, building), building)
    return caplog.messages


def test_a_card_from_before_hashes_is_told(bundle: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert told(bundle, BUILDING, caplog) == []
    edit_card(bundle, lambda card: card.pop("card_sha256"))
    (line,) = told(bundle, BUILDING, caplog)
    assert "bundle mine: its card.json is from before" in line


def test_other_servers_than_in_training_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for trained, here, line in (
        ("dense-a2", None, "trained with servers dense-a2; here volume-a2"),
        (None, "dense-a2", "trained with servers volume-a2; here dense-a2"),
        (None, None, None),
        ("dense-a2", "dense-a2", None),
    ):
        source = SOURCE.model_copy(update={"settings": {"scenario": Scenario(servers=trained).to_dict()}})
        folder = tmp_path / f"{trained}-{here}"
        save_bundle(folder, find_building(BUILDING.id, trained), weights(), source)
        said = told(folder, find_building(BUILDING.id, here), caplog)
        assert said == ([] if line is None else [f"bundle mine: {line}"])


@pytest.fixture
def familiar_bundle(tmp_path: Path) -> Path:
    """One that has seen a thousand readings around the healthy one."""
    seen = Codec(BUILDING).encode(healthy())
    around = np.random.default_rng(0).normal(seen, 0.05, (1000, len(seen))).astype(np.float32)
    save_bundle(tmp_path / "familiar", BUILDING, weights(), SOURCE, familiar_with(around))
    return tmp_path / "familiar"


def test_a_policy_says_how_much_like_its_training_a_reading_is(familiar_bundle: Path, bundle: Path) -> None:
    usual = healthy()
    odd = Reading(time=usual.time, values={**usual.values, "outdoor_air_temp_c": 58.0, "east_zone_temp_c": 5.0})
    policy = load_policy(familiar_bundle, BUILDING)
    assert policy.confidence(usual) == 1.0
    assert policy.confidence(odd) == 0.0
    assert load_policy(bundle, BUILDING).confidence(usual) is None


def test_a_bundle_whose_training_was_changed_does_not_load(familiar_bundle: Path) -> None:
    path = familiar_bundle / "familiar.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"familiar.npz is not what card.json was written for"):
        load_policy(familiar_bundle, BUILDING)
    path.unlink()
    with pytest.raises(UserError, match=r"familiar.npz is not readable \(No such file or directory\): train it anew"):
        load_policy(familiar_bundle, BUILDING)
