"""Bundle: a trained policy as files, without pickles: `weights.npz` and `card.json`.

The card holds what the weights were trained for (building, point schema, scaling, limits), where they come from,
and the SHA-256 of the weights. A bundle that does not fit the building, or was changed, does not load.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from airhandler.buildings.catalog import Building
from airhandler.buildings.codec import TIME_FEATURES
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import Action, Observation, Strict, validate

from .table import replacing

FORMAT = 1
Weights = dict[str, NDArray[np.float32]]


class Limit(Strict):
    """What a set-point may be [unit]."""

    setpoint: str
    unit: str
    low: float
    high: float


class Provenance(Strict):
    """Where a policy comes from."""

    created: str
    command: str
    weathers: tuple[str, ...] = Field(strict=False)
    steps: int
    seed: int
    versions: dict[str, str]
    settings: dict[str, Any]


class Card(Strict):
    """What a bundle is."""

    format: int
    building: str
    time_features: tuple[str, ...] = Field(strict=False)
    observations: tuple[Observation, ...] = Field(strict=False)
    actions: tuple[Action, ...] = Field(strict=False)
    limits: tuple[Limit, ...] = Field(strict=False)
    layers: tuple[int, ...] = Field(strict=False)
    weights_sha256: str
    provenance: Provenance


def schema(building: Building) -> dict[str, Any]:
    """The part of a card that must equal the building's own: points, order, scaling."""
    return {
        "building": building.id,
        "time_features": TIME_FEATURES,
        "observations": building.observations,
        "actions": building.actions,
        "limits": tuple(Limit(setpoint=p.name, unit=p.unit, low=p.low, high=p.high) for p in building.setpoints),
    }


def save_bundle(folder: Path, building: Building, weights: Weights, provenance: Provenance) -> None:
    """Writes a bundle: weights, then the card that vouches for them. Raises UserError if it cannot be written."""
    buffer = io.BytesIO()
    np.savez(buffer, **weights)  # type: ignore[arg-type]
    card = Card(
        format=FORMAT,
        **schema(building),
        layers=tuple(weights[f"bias_{i}"].shape[0] for i in range(len(weights) // 2)),
        weights_sha256=hashlib.sha256(buffer.getvalue()).hexdigest(),
        provenance=provenance,
    )
    with replacing(folder / "weights.npz") as temporary:
        temporary.write_bytes(buffer.getvalue())
    with replacing(folder / "card.json") as temporary:
        temporary.write_text(json.dumps(card.model_dump(), indent=2) + "\n")


def load_bundle(folder: Path, building: Building) -> tuple[Card, Weights]:
    """Reads a bundle and checks it against the building.

    Raises UserError if files are missing or corrupt, the hash differs, or it is of another building or schema.
    """
    card_path, weights_path = folder / "card.json", folder / "weights.npz"
    try:
        raw, packed = json.loads(card_path.read_text()), weights_path.read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(
            f"bundle {folder}: not readable ({error}); a bundle is a folder with card.json and weights.npz"
        ) from error
    card = validate(raw, Card, where=f"bundle {card_path}")
    _check_fits(card, building, folder)
    if hashlib.sha256(packed).hexdigest() != card.weights_sha256:
        raise UserError(f"bundle {folder}: weights.npz is not what card.json was written for (SHA-256 differs)")
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as file:
            weights = {name: np.asarray(file[name], dtype=np.float32) for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"bundle {folder}: weights.npz is corrupt: {error}") from error
    _check_shapes(card, weights, folder)
    return card, weights


def _check_fits(card: Card, building: Building, folder: Path) -> None:
    if card.format != FORMAT:
        raise UserError(f"bundle {folder}: format {card.format}, this version reads {FORMAT}: train it anew")
    if card.building != building.id:
        raise UserError(f"bundle {folder} is of building {card.building!r}, not {building.id!r}: use --building")
    for part, expected in schema(building).items():
        if getattr(card, part) != expected:
            raise UserError(
                f"bundle {folder}: its {part} differ from those of {building.id} today"
                f" ({_first_difference(getattr(card, part), expected)}): train it anew"
            )


def _first_difference(found: Any, expected: Any) -> str:
    for a, b in zip(found, expected, strict=False):
        if a != b:
            return f"{a} is now {b}"
    return f"{len(found)} entries, now {len(expected)}"


def _check_shapes(card: Card, weights: Mapping[str, NDArray[np.float32]], folder: Path) -> None:
    width = len(card.time_features) + len(card.observations)
    expected: dict[str, tuple[int, ...]] = {}
    for i, size in enumerate(card.layers):
        expected[f"weight_{i}"], expected[f"bias_{i}"], width = (size, width), (size,), size
    if {name: a.shape for name, a in weights.items()} != expected or width != len(card.actions):
        raise UserError(f"bundle {folder}: weights do not have the shapes that its card declares")
    if not all(np.isfinite(a).all() for a in weights.values()):
        raise UserError(f"bundle {folder}: weights hold values that are not finite")
