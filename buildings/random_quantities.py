"""What differs from run to run, as a building file or a file of its own declares it: quantities and their ranges."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from .strict import Strict


class RandomQuantity(Strict):
    """One quantity that is drawn; give one of `parameter`, `drive` and `sensor`, and `low` with `high`, or `choice`.

    Attributes:
        parameter: a parameter of the building file [its unit]: another value is another model.
        drive: a drive (template) [its unit], which has what is drawn throughout a run.
        sensor: a sensor or meter (template) that is wrong by what is drawn.
        kind: of a sensor: `bias` or `noise` (standard deviation) [unit of the point], `delay` [control steps].
        low: least value; all from here to `high` are as likely.
        high: greatest value.
        choice: values of which one is drawn, all as likely.
        why: where the range comes from.
    """

    parameter: str | None = None
    drive: str | None = None
    sensor: str | None = None
    kind: Literal["bias", "noise", "delay"] | None = None
    low: float | None = None
    high: float | None = None
    choice: tuple[float, ...] = Field(default=(), strict=False)
    why: str

    @model_validator(mode="after")
    def _complete(self) -> RandomQuantity:
        if sum(name is not None for name in (self.parameter, self.drive, self.sensor)) != 1:
            raise ValueError("give one of 'parameter', 'drive' and 'sensor'")
        if (self.sensor is None) != (self.kind is None):
            raise ValueError("kind (bias, noise or delay) belongs to a sensor, and a sensor needs it")
        if (self.low is None) != (self.high is None) or (self.low is None) == (not self.choice):
            raise ValueError("give either 'low' and 'high', or 'choice'")
        if not all(math.isfinite(value) for value in self.ends):
            raise ValueError("needs finite numbers")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not be above high")
        if self.kind in ("noise", "delay") and self.ends[0] < 0:
            raise ValueError(f"{self.kind} must be 0 or more")
        if self.kind == "delay" and not all(step.is_integer() for step in self.choice or (0.5,)):
            raise ValueError("delay needs a 'choice' of whole control steps")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value that can be drawn."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        return min(self.choice), max(self.choice)


class Randomise(Strict):
    """What is drawn for each run.

    Attributes:
        variants: how many models training draws from, each with its own values of the parameters.
        seed: of the variants.
        quantities: what is drawn, in order.
    """

    variants: int = Field(default=8, ge=1)
    seed: int = Field(default=0, ge=0)
    quantities: tuple[RandomQuantity, ...] = Field(strict=False, min_length=1)

    @property
    def physics(self) -> Randomise | None:
        """The same without what is wrong with sensors; None where nothing is left."""
        left = tuple(q for q in self.quantities if q.sensor is None)
        return self.model_copy(update={"quantities": left}) if left else None
