"""A shadow run step by step: what the building's own control did, and what the shield would have let the controller do.

Step n lies between ticks n and n + 1: the verdict of tick n holds in it, and the meters of tick n + 1 are of it. All
arrays here are of steps. What is not known is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array, known_mean
from airhandler.safety.standing import shown_by

from .table import Mask, TickTable

_LATE = 0.5  # of a step: later than this, the next tick is of another step
_WET_BULB = "outdoor_wet_bulb_temp_c"  # as docs/vocabulary.md builds names


@dataclass(frozen=True, kw_only=True, eq=False)
class Beside:
    """The two beside each other.

    Attributes:
        table: the run.
        stood: what the building's own control had, by set-point [steps].
        asked: what the shield made of the controller's proposal, by set-point [steps].
        told_frac: share of `stood` that the site told; the rest is what sensors showed.
        judged: where there was a verdict, and no tick was lost until the next [steps].
    """

    table: TickTable
    stood: Mapping[str, Array]
    asked: Mapping[str, Array]
    told_frac: float
    judged: Mask

    @property
    def building(self) -> Building:
        """What was shadowed."""
        return self.table.building

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        return self.building.step_s / 3600.0

    @property
    def stood_frac(self) -> float:
        """Share of steps in which every set-point of the building's own control is known, told or shown."""
        return float(np.mean(np.all([np.isfinite(values) for values in self.stood.values()], axis=0)))

    @property
    def day(self) -> Array:
        """Number of the day since the first, by the building's own clock [steps]."""
        days = self.table.local_time[:-1].astype("datetime64[D]").astype(np.int64)
        return np.asarray(days - days.min(), dtype=np.float64)

    @property
    def outdoor_c(self) -> Array:
        """Outdoor temperature when it was decided [steps]."""
        return self.table.measured[self.building.file.outdoor_temp][:-1]

    def during(self, name: str | None) -> Array:
        """A point as it was at the end of each step, a meter's mean over it; NaN for what the building lacks."""
        measured = self.table.measured
        return measured[name][1:] if name is not None and name in measured else np.full(len(self.table) - 1, np.nan)

    @property
    def wet_bulb_c(self) -> Array:
        """Outdoor wet bulb during each step; NaN where the building has no such point."""
        return self.during(_WET_BULB)

    @property
    def load_frac(self) -> Array | None:
        """Load of the servers during each step, mean of the zones; None without servers."""
        names = dict.fromkeys(zone.it_load for zone in self.building.zones.values())
        return np.mean([self.during(name) for name in names], axis=0) if names else None


def beside(table: TickTable) -> Beside:
    """The steps of a shadow run. Raises UserError for a run that was not in shadow, or of less than a day."""
    if len(table) < 2 or set(table.stage[:-1].tolist()) != {"shadow"}:
        stages = ", ".join(sorted(set(table.stage.tolist()))) or "none"
        raise UserError(f"a shadow report is of a shadow run; the stages of this one: {stages}")
    if (days := len(table) * table.building.step_s / 86_400.0) < 1.0:
        raise UserError(f"{days:.2f} days are too short for a shadow report: a day at least")
    shown = dict(zip([p.name for p in table.building.setpoints], shown_by(table.building), strict=True))
    stood, told = {}, []
    for name, sensor in shown.items():
        said = table.incumbent[name][:-1]
        seen = table.measured[sensor][1:] if sensor else np.full(len(said), np.nan)
        stood[name] = np.where(np.isfinite(said), said, seen)
        told.append(known_mean(np.isfinite(said)))
    return Beside(
        table=table,
        stood=stood,
        asked={name: table.applied[name][:-1] for name in shown},
        told_frac=float(np.mean(told)),
        judged=table.judged[:-1] & (np.abs(np.diff(table.time_s) / table.building.step_s - 1.0) < _LATE),
    )
