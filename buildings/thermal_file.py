"""The thermal section of a building file: how the air of its server zones answers set-points.

`airhandler identify` writes it from runs. Building by building, not zone by zone: what one zone has of its own is
learned while it runs, from these values on.
"""

from __future__ import annotations

from pydantic import Field

from .strict import Strict


class ThermalFile(Strict):
    """What was identified. Every value has a default, for a building that nothing has been identified of.

    Attributes:
        leak_frac: share of the servers' intake that comes from the hot side however much supply air there is; by
            default the building's parameter of that name.
        bias_k: how much more an inlet sensor reads than the air is warm, by the others [K].
        follow_frac: share of a change of its set-point that the supply air follows within the step.
        keep_frac: share of what the supply air is off its set-point that is left after a step.
        inlet_lag_steps: by how many readings an inlet sensor is behind the others.
        bound_k: error of the predicted inlet that 95 % of held-out steps kept, 1, 2, ... steps ahead [K]; by default
            what is wide for any hall, until its own steps have shown better.
        found: what it was found from, for people.
    """

    leak_frac: float | None = Field(default=None, ge=0, lt=1)
    bias_k: float = Field(default=0.0, ge=-3, le=3)
    follow_frac: float = Field(default=0.9, gt=0, le=1)
    keep_frac: float = Field(default=0.9, ge=0, le=1)
    inlet_lag_steps: int = Field(default=0, ge=0, le=1)
    bound_k: tuple[float, ...] = Field(default=(1.5, 1.5, 1.5, 1.5), strict=False, min_length=1, max_length=60)
    found: str = ""
