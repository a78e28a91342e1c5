"""Signed bundles: who holds the private key made this card, and the card vouches for the rest of the bundle.

Hashes find accidents; a signature finds who means harm, as long as the private key is kept where bundles are not.
Source: Ed25519, RFC 8032, by the package cryptography (extra `sign`).
"""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from airhandler.buildings.errors import UserError

from .bundle import FAMILIAR, check_unchanged, read_files, unpack
from .table import replacing

SIGNATURE = "card.sig"
_WHO_ELSE = stat.S_IRWXG | stat.S_IRWXO


def make_keys(private: Path) -> Path:
    """Writes a new private key, readable by its owner only, and `NAME.pub` beside it, whose path is returned.

    Raises UserError where a file is there already or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    shown = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    public = private.with_name(f"{private.name}.pub")
    for path, content, mode in ((private, secret, 0o600), (public, shown, 0o644)):
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
        except OSError as error:
            raise UserError(f"key {path} cannot be written: {error.strerror}; a key is never replaced") from error
    return public


def sign_bundle(folder: Path, private: Path) -> Path:
    """Writes the signature of a bundle's card into it. Raises UserError for a bundle or a key that does not do."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    read_files(folder)  # it is a bundle
    secret = _read(private)
    if private.stat().st_mode & _WHO_ELSE:
        raise UserError(f"key {private} can be read by others than its owner: chmod 600 {private}, or make a new one")
    try:
        key = load_pem_private_key(secret, password=None)
    except (ValueError, TypeError) as error:
        raise UserError(f"key {private} is no private key: `airhandler bundle keys` makes one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"key {private} is no Ed25519 key: `airhandler bundle keys` makes one")
    with replacing(folder / SIGNATURE) as temporary:
        temporary.write_bytes(base64.b64encode(key.sign(_card(folder))) + b"\n")
    return folder / SIGNATURE


def check_signature(folder: Path, public: Path) -> None:
    """Raises UserError unless a bundle is what the holder of the private key signed."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(public))
    except ValueError as error:
        raise UserError(f"key {public} is no public key: it is what `airhandler bundle keys` calls NAME.pub") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(f"key {public} is no Ed25519 key: it is what `airhandler bundle keys` calls NAME.pub")
    if not (folder / SIGNATURE).is_file():
        raise UserError(f"bundle {folder} is not signed ({SIGNATURE} is not there): `airhandler bundle sign` signs it")
    try:
        key.verify(base64.b64decode(_read(folder / SIGNATURE), validate=False), _card(folder))
    except (InvalidSignature, ValueError) as error:
        raise UserError(f"bundle {folder} was not signed by the holder of {public}, or was changed since") from error
    raw, packed = read_files(folder)
    check_unchanged(raw, folder)
    unpack(packed, raw["weights_sha256"], folder)
    if raw.get("familiar_sha256") is not None:
        unpack(_read(folder / FAMILIAR), raw["familiar_sha256"], folder, FAMILIAR)


def _card(folder: Path) -> bytes:
    return _read(folder / "card.json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
