"""Signed bundles: what was changed, by whomever, is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from airhandler.buildings.errors import UserError
from airhandler.control.bundle import FAMILIAR, save_bundle
from airhandler.control.cli_bundle import app
from airhandler.control.familiar import familiar_with
from airhandler.control.signature import SIGNATURE, check_signature, make_keys, sign_bundle
from tests.control.test_bundle import BUILDING, SOURCE, weights

AROUND = np.random.default_rng(0).normal(size=(200, 4 + len(BUILDING.observations))).astype(np.float32)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private = tmp_path / "training"
    return private, make_keys(private)


@pytest.fixture
def signed(tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    folder = tmp_path / "bundle"
    save_bundle(folder, BUILDING, weights(), SOURCE, familiar_with(AROUND))
    sign_bundle(folder, keys[0])
    return folder


def test_what_was_signed_is_known_by_the_public_key(signed: Path, keys: tuple[Path, Path]) -> None:
    check_signature(signed, keys[1])


@pytest.mark.parametrize("file", ["card.json", "weights.npz", FAMILIAR, SIGNATURE])
def test_a_bit_that_differs_is_found(file: str, signed: Path, keys: tuple[Path, Path]) -> None:
    path = signed / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError):
        check_signature(signed, keys[1])


def test_a_whole_other_bundle_with_the_same_signature_is_found(
    signed: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    save_bundle(other, BUILDING, weights(seed=1), SOURCE)
    shutil.copy(signed / SIGNATURE, other)
    with pytest.raises(UserError, match=r"was not signed by the holder of .*training\.pub, or was changed since$"):
        check_signature(other, keys[1])


def test_a_card_from_before_familiar_readings_can_be_signed(signed: Path, keys: tuple[Path, Path]) -> None:
    card = json.loads((signed / "card.json").read_text())
    del card["familiar_sha256"], card["card_sha256"]
    (signed / "card.json").write_text(json.dumps(card))
    sign_bundle(signed, keys[0])
    check_signature(signed, keys[1])


def test_another_key_does_not_know_it(signed: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was not signed by the holder of"):
        check_signature(signed, make_keys(tmp_path / "mallory"))


def test_a_bundle_without_a_signature_says_how_to_sign(signed: Path, keys: tuple[Path, Path]) -> None:
    (signed / SIGNATURE).unlink()
    with pytest.raises(UserError, match=r"is not signed .*`airhandler bundle sign` signs it$"):
        check_signature(signed, keys[1])


def test_a_private_key_is_its_owners_alone(signed: Path, keys: tuple[Path, Path]) -> None:
    assert keys[0].stat().st_mode & 0o777 == 0o600
    keys[0].chmod(0o640)
    with pytest.raises(UserError, match=r"can be read by others than its owner: chmod 600 "):
        sign_bundle(signed, keys[0])


def test_keys_are_never_replaced(keys: tuple[Path, Path]) -> None:
    before = keys[0].read_bytes()
    with pytest.raises(UserError, match="a key is never replaced"):
        make_keys(keys[0])
    assert keys[0].read_bytes() == before


@pytest.mark.parametrize("swapped", [True, False])
def test_a_key_that_is_none_is_said(swapped: bool, signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    wrong = keys[1] if swapped else tmp_path / "none"
    if not swapped:
        wrong.write_text("no key")
        wrong.chmod(0o600)
    wrong.chmod(0o600)
    with pytest.raises(UserError, match="is no private key"):
        sign_bundle(signed, wrong)
    with pytest.raises(UserError, match="is no public key"):
        check_signature(signed, keys[0] if swapped else wrong)


def test_commands(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    def said(*words: str | Path) -> str:
        result = CliRunner().invoke(app, ["bundle", *map(str, words)], catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    assert "new.pub" in said("keys", tmp_path / "new")
    said("sign", signed, "--key", tmp_path / "new")
    assert "signed" in said("verify", signed, "--key", tmp_path / "new.pub")
