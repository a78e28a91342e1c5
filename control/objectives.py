"""What an agent is trained for, and what its replay buffer learns from: names, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

LearnFrom = Literal["executed", "proposed", "penalty"]
"""What the replay buffer stores where the shield moved a proposal: the action that was executed; the one that was
proposed; or the one that was proposed, with the reward less a penalty for how far it was moved."""

Objective = Literal["save", "break"]
"""What the reward is: the building's own, or how near the inlets come to their limit and how far beyond."""

LEARNS_FROM: Mapping[Objective, LearnFrom] = {"save": "executed", "break": "proposed"}
"""By default. To one who would break the shield it is part of the building: what was asked for had what followed."""


def why_not_live(settings: Mapping[str, Any]) -> str | None:
    """Why a policy may not be in charge of a building, from its provenance's settings; None where it may."""
    if settings.get("objective", "save") != "save":
        return "was trained to break the shield"
    if settings.get("shielded", True) is not True:
        return "was trained without the shield"
    return None
