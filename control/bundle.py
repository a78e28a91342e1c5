"""Bundle: a trained policy as files, without pickles: `weights.npz`, `familiar.npz` and `card.json`.

The card holds what the weights were trained for (building, point schema, scaling, limits), where they come from,
and the SHA-256 of the other files and of itself. A bundle that does not fit the building, or was changed, does not
load. The hashes find accidents: who means harm can write new ones.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from airhandler.buildings.catalog import Building, find_building, without_world
from airhandler.buildings.codec import TIME_FEATURES
from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import Action, Observation, Strict, validate
from airhandler.buildings.world import World

from .familiar import Familiar
from .table import replacing

FORMAT = 1
FAMILIAR = "familiar.npz"
Weights = dict[str, NDArray[np.float32]]


class Limit(Strict):
    """What a set-point may be [unit]."""

    setpoint: str
    unit: str
    low: float
    high: float


class Provenance(Strict):
    """Where a policy comes from; `met` is what the building met in training [steps]; see keeper.py."""

    created: str
    command: str
    weathers: tuple[str, ...] = Field(strict=False)
    steps: int
    seed: int
    versions: dict[str, str]
    settings: dict[str, Any]
    met: dict[str, int] = Field(default_factory=dict)


class Card(Strict):
    """What a bundle is.

    Attributes:
        world: what surrounded the building in training.
        familiar_sha256: of what its training was like; None for a bundle that does not say.
    """

    format: int
    building: str
    time_features: tuple[str, ...] = Field(strict=False)
    observations: tuple[Observation, ...] = Field(strict=False)
    actions: tuple[Action, ...] = Field(strict=False)
    limits: tuple[Limit, ...] = Field(strict=False)
    layers: tuple[int, ...] = Field(strict=False)
    weights_sha256: str
    familiar_sha256: str | None = None
    provenance: Provenance
    world: World | None = None
    card_sha256: str | None = None


def schema(building: Building) -> dict[str, Any]:
    """The part of a card that must equal the building's own: points, order, scaling."""
    return {
        "building": building.id,
        "time_features": TIME_FEATURES,
        "observations": building.observations,
        "actions": building.actions,
        "limits": tuple(Limit(setpoint=p.name, unit=p.unit, low=p.low, high=p.high) for p in building.setpoints),
    }


def save_bundle(
    folder: Path, building: Building, weights: Weights, provenance: Provenance, familiar: Familiar | None = None
) -> None:
    """Writes a bundle: arrays, then the card that vouches for them. Raises UserError if it cannot be written."""
    packed = pack(weights)
    seen = pack(familiar.arrays()) if familiar is not None else None
    if seen is not None:
        with replacing(folder / FAMILIAR) as temporary:
            temporary.write_bytes(seen)
    card = Card(
        format=FORMAT,
        **schema(building),
        layers=layers(weights),
        weights_sha256=sha256(packed),
        familiar_sha256=sha256(seen) if seen is not None else None,
        provenance=provenance,
        world=building.world,
    )
    write_files(folder, packed, card)


def load_bundle(folder: Path, building: Building) -> tuple[Card, Weights]:
    """Reads a bundle and checks it against the building, as the policy knows it: see `known_building`.

    Raises UserError if files are missing or corrupt, the hash differs, or it is of another building or schema, or
    needs signals of a world that the building is not in.
    """
    raw, packed = read_files(folder)
    check_named(raw, building.id, folder)
    card = validate(raw, Card, where=f"bundle {folder / 'card.json'}")
    _check_fits(card, known_building(card, building), folder)
    weights = unpack(packed, card.weights_sha256, folder)
    check_shapes(weights, card.layers, len(card.time_features) + len(card.observations), len(card.actions), folder)
    check_unchanged(raw, folder)
    return card, weights


def load_familiar(folder: Path, card: Card) -> Familiar | None:
    """What the training of a bundle was like; None where its card names nothing. Raises UserError if it is corrupt."""
    if card.familiar_sha256 is None:
        return None
    try:
        packed = (folder / FAMILIAR).read_bytes()
    except OSError as error:
        raise UserError(f"bundle {folder}: {FAMILIAR} is not readable ({error.strerror}): train it anew") from error
    arrays = unpack(packed, card.familiar_sha256, folder, FAMILIAR)
    return Familiar.of_arrays(arrays, len(card.time_features) + len(card.observations), where=f"bundle {folder}")


def pack(weights: Weights) -> bytes:
    """Arrays as the bytes of a file."""
    buffer = io.BytesIO()
    np.savez(buffer, **weights)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(packed: bytes, expected_sha256: str, folder: Path, file_name: str = "weights.npz") -> Weights:
    """The arrays of a file. Raises UserError if its hash is another or it is corrupt."""
    if sha256(packed) != expected_sha256:
        raise UserError(f"bundle {folder}: {file_name} is not what card.json was written for (SHA-256 differs)")
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as file:
            return {name: np.asarray(file[name], dtype=np.float32) for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"bundle {folder}: {file_name} is corrupt: {error}") from error


def sha256(packed: bytes) -> str:
    """The hash that a card vouches with."""
    return hashlib.sha256(packed).hexdigest()


def check_unchanged(raw: Mapping[str, Any], folder: Path) -> None:
    """Raises UserError if a card is not what was written; one from before cards had a hash cannot be checked."""
    if raw.get("card_sha256") is not None and raw["card_sha256"] != _card_sha256(raw):
        raise UserError(f"bundle {folder}: card.json is not what was written (SHA-256 differs): train it anew")


def _card_sha256(raw: Mapping[str, Any]) -> str:
    held = {name: value for name, value in raw.items() if name != "card_sha256"}
    return sha256(json.dumps(held, sort_keys=True).encode())


def remarks(card: Card, building: Building) -> Iterator[str]:
    """What is no reason to refuse a bundle, and still to be known: each a line without an end."""
    if card.card_sha256 is None:
        yield "its card.json is from before cards had a hash, and is not checked against one"
    through = card.provenance.settings.get("scenario")
    if isinstance(through, dict) and building.file.servers is not None:
        trained = through.get("servers") or find_building(building.reference).file.servers
        if trained != building.file.servers:
            yield f"trained with servers {trained}; here {building.file.servers}"


def layers(weights: Weights) -> tuple[int, ...]:
    """Units of each layer."""
    return tuple(weights[f"bias_{i}"].shape[0] for i in range(len(weights) // 2))


def write_files(folder: Path, packed: bytes, card: Strict) -> None:
    """Writes the weights, then the card. Raises UserError if they cannot be written."""
    with replacing(folder / "weights.npz") as temporary:
        temporary.write_bytes(packed)
    with replacing(folder / "card.json") as temporary:
        held = card.model_dump()
        temporary.write_text(json.dumps({**held, "card_sha256": _card_sha256(held)}, indent=2) + "\n")


def read_files(folder: Path) -> tuple[Any, bytes]:
    """The card as parsed JSON, and the packed weights. Raises UserError if one is missing or unreadable."""
    try:
        return json.loads((folder / "card.json").read_text()), (folder / "weights.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(
            f"bundle {folder}: not readable ({error}); a bundle is a folder with card.json and weights.npz"
        ) from error


def check_shapes(weights: Weights, sizes: Sequence[int], inputs: int, outputs: int, folder: Path) -> None:
    """Raises UserError if the weights are not layers of these sizes from inputs to outputs, all finite."""
    width = inputs
    expected: dict[str, tuple[int, ...]] = {}
    for i, size in enumerate(sizes):
        expected[f"weight_{i}"], expected[f"bias_{i}"], width = (size, width), (size,), size
    if {name: a.shape for name, a in weights.items()} != expected or width != outputs:
        raise UserError(f"bundle {folder}: weights do not have the shapes that its card declares")
    if not all(np.isfinite(a).all() for a in weights.values()):
        raise UserError(f"bundle {folder}: weights hold values that are not finite")


def check_named(raw: Any, building: str, folder: Path) -> None:
    """Raises UserError if a card is of another building."""
    found = raw.get("building") if isinstance(raw, dict) else None
    if isinstance(found, str) and found != building:
        raise UserError(f"bundle {folder} is of building {found!r}, not {building!r}: use --building")


def known_building(card: Card, building: Building) -> Building:
    """The building as a policy knows it: one that was trained without a world sees nothing of the one around it."""
    return building if card.world is not None else without_world(building)


def _check_fits(card: Card, building: Building, folder: Path) -> None:
    if card.format != FORMAT:
        raise UserError(f"bundle {folder}: format {card.format}, this version reads {FORMAT}: train it anew")
    if card.world is not None and building.world is None:
        names = ", ".join(point.name for point, _ in card.world.signals()) or "none"
        raise UserError(
            f"bundle {folder} was trained in a world, and {building.id} is in none here: give the same signals with "
            f"--world FILE ({names})"
        )
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
