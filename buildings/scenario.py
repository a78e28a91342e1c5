"""Scenario: what a run is put through beside its weather."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .random_quantities import Randomise

if TYPE_CHECKING:
    from .world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """What a run is put through; by default nothing.

    Attributes:
        servers: a server type in place of the building's own; see servers.yaml.
        it_load: the servers' load in place of the model's own, a pattern or a trace; see load.py.
        faults: what is wrong with sensors and equipment, as on the command line; see faults.py.
        stress: level, 1 to 3, of what gets worse; see stress.py.
        randomise: what is drawn; see randomise.py.
    """

    servers: str | None = None
    it_load: str | None = None
    faults: tuple[str, ...] = ()
    stress: int | None = None
    randomise: Randomise | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "faults", tuple(self.faults))

    @property
    def is_of_simulation(self) -> bool:
        """Whether it needs a simulated building: nobody can put a recorded one through it."""
        return any((self.it_load, self.faults, self.stress, self.randomise))

    @property
    def words(self) -> str:
        """What it is, for titles and reports; empty where it is nothing."""
        return "; ".join(self._parts())

    def words_in(self, world: World | None) -> str:
        """What it is, and the world around it: empty where both are nothing."""
        return "; ".join([*self._parts(), *([] if world is None else [f"world {world.words}"])])

    def _parts(self) -> Iterator[str]:
        if self.servers is not None:
            yield f"servers {self.servers}"
        if self.it_load is not None:
            yield f"load {self.it_load}"
        if self.faults:
            yield f"faults {', '.join(self.faults)}"
        if self.stress is not None:
            yield f"stress {self.stress}"
        if self.randomise is not None:
            yield "randomised"

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "servers": self.servers,
            "it_load": self.it_load,
            "faults": list(self.faults),
            "stress": self.stress,
            "randomise": None if self.randomise is None else self.randomise.model_dump(mode="json", exclude_none=True),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Scenario:
        """From what `to_dict` gave, by way of JSON."""
        randomise = raw["randomise"]
        known = None if randomise is None else Randomise.model_validate_json(json.dumps(randomise))
        return cls(**{**raw, "faults": tuple(raw["faults"]), "randomise": known})


NORMAL = Scenario()
