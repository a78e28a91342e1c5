"""What an operator has fixed by hand: limits inside the building's, and set-points that stay where they stand."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, model_validator

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Point
from airhandler.buildings.settings import load_yaml
from airhandler.buildings.strict import Strict
from airhandler.buildings.templates import for_zone

from .box import Box, Case


class OperatorRange(Strict):
    """Lowest and highest value of a set-point [unit]; the building's own where one is not given."""

    low: float | None = Field(default=None, allow_inf_nan=False)
    high: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _in_order(self) -> OperatorRange:
        if self.low is None and self.high is None:
            raise ValueError("give 'low', 'high' or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not be above high")
        return self


class OperatorFile(Strict):
    """What an operator has fixed by hand.

    Attributes:
        why: for everybody who reads a verdict.
        limits: of set-points (templates), inside those of the building.
        locks: set-points (templates) that stay where they stand.
        fan_power_cap_w, cooling_power_cap_w: as in a building file; the lower of the two counts [W].
    """

    why: str = ""
    limits: dict[str, OperatorRange] = Field(default_factory=dict)
    locks: tuple[str, ...] = Field(default=(), strict=False)
    fan_power_cap_w: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    cooling_power_cap_w: float | None = Field(default=None, gt=0, allow_inf_nan=False)


def load_operator_file(path: Path, building: Building) -> OperatorFile:
    """An OperatorFile for a building. Raises UserError with the file and the path of every error."""
    file = load_yaml(path, OperatorFile)
    try:
        OperatorLimits(building, file)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return file


class OperatorLimits:
    """Limits and locks by hand. They hold for the fallback and against the guards: a person's word comes before ours.

    A set-point that stands outside its limits gets there by its ramp.
    Source: mechanism 8 of DeepMind's eight (2018), human override.

    Raises UserError for a set-point that does not exist, limits that are not inside the building's, or a cap on power
    where there are no server zones.
    """

    name = "operator"

    def __init__(self, building: Building, file: OperatorFile) -> None:
        self._why = f" ({file.why})" if file.why else ""
        self._places = {p.name: i for i, p in enumerate(building.setpoints)}
        self._ranges = {
            self._place(name, "limits"): _within(building.point(name), given)
            for template, given in file.limits.items()
            for name in _written(template, building)
        }
        for cap in ("fan_power_cap_w", "cooling_power_cap_w"):
            if getattr(file, cap) is not None and not building.zones:
                raise UserError(f"{cap}: the building has no server zones: leave it out")
        self._locks = {self._place(name, "locks") for t in file.locks for name in _written(t, building)}

    def narrow(self, box: Box, case: Case) -> None:
        """Locks first: what is locked outside its limits stays there."""
        for index in self._locks:
            box.at_least(index, case.base[index], self)
            box.at_most(index, case.base[index], self)
        for index, (low, high) in self._ranges.items():
            box.at_least(index, low, self)
            box.at_most(index, high, self)

    def why(self, box: Box, case: Case, index: int) -> str:
        """The lock or the limits, and the operator's words."""
        if index in self._locks:
            return f"left at {case.base[index]:.4g}: locked by the operator, or the building's own{self._why}"
        low, high = self._ranges[index]
        return f"the operator permits {low:g} to {high:g}{self._why}"

    def _place(self, name: str, where: str) -> int:
        if name in self._places:
            return self._places[name]
        near = difflib.get_close_matches(name, self._places)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise UserError(f"{where}.{name}: the building has no such set-point{hint}")


def _written(template: str, building: Building) -> Iterable[str]:
    return dict.fromkeys(for_zone(template, zone, building.file) for zone in building.file.zones)


def _within(point: Point, given: OperatorRange) -> tuple[float, float]:
    for field, value in (("low", given.low), ("high", given.high)):
        if value is not None and not point.low <= value <= point.high:
            raise UserError(f"limits.{point.name}.{field} {value:g}: must be {point.low:g} to {point.high:g}")
    return (point.low if given.low is None else given.low, point.high if given.high is None else given.high)
