"""A set-point that stands where no control would put it: the site file misreads it, and would write it as wrong.

Reading back does not show that: a wrong scale writes and reads alike, and confirms itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Point

from .site_file import Place, SiteSettings


def is_absurd(point: Point, value: float) -> bool:
    """Whether a value lies further beyond a point's range than that is wide [the building's unit]; no number does."""
    width = point.high - point.low
    return not point.low - width <= value <= point.high + width


def suspected(place: Place) -> str:
    """What of a site file makes a set-point stand there."""
    if place.register is None:
        return "unit: or object: is wrong, or the device scales its values"
    return "scale:, type:, unit:, register: or modbus.word_order: is wrong"


def check_standing(settings: SiteSettings, values: Mapping[str, float | None]) -> None:
    """Raises UserError where a set-point of a site stands at what is absurd: nothing may be written there.

    Args:
        settings: which site.
        values: as it was read, by point [the building's unit]; what is absent says nothing of its scale.
    """
    for place in settings.setpoints:
        point, value = place.point, values.get(place.point.name)
        if value is not None and is_absurd(point, value):
            raise UserError(
                f"{settings.path}: points.{point.name}: {place.where} stands at {value:g} {point.unit}, far from "
                f"{point.low:g} to {point.high:g}: {suspected(place)}; nothing is written: "
                f"run `airhandler check {settings.path}`"
            )
