"""Floor areas of a model's zones, from its surfaces."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from .epjson import Epjson, Fields, objects
from .topology import zones

Vertex = tuple[float, float, float]


def polygon_area_m2(vertices: Sequence[Vertex]) -> float:
    """Area of a plane polygon in space [m2] from its corners [n, (x, y, z) m], in order.

    Source: Newell's method: half the length of the sum of the cross products of neighbouring corners.
    """
    total = [0.0, 0.0, 0.0]
    for (x1, y1, z1), (x2, y2, z2) in itertools.pairwise([*vertices, vertices[0]]) if vertices else ():
        total[0] += y1 * z2 - z1 * y2
        total[1] += z1 * x2 - x1 * z2
        total[2] += x1 * y2 - y1 * x2
    return math.hypot(*total) / 2


def floor_areas_m2(model: Epjson) -> dict[str, float]:
    """Floor area of every zone that has one [m2]: as the zone states it, else the sum of its floors."""
    areas: dict[str, float] = {}
    for _, _, surface in objects(model, "BuildingSurface:Detailed", "Floor:*"):
        if str(surface.get("surface_type", "Floor")).casefold() == "floor":
            for zone in zones(model, surface.get("zone_name", "")):
                areas[zone] = areas.get(zone, 0.0) + _area_m2(surface)
    for _, zone, fields in objects(model, "Zone"):
        if isinstance(stated := fields.get("floor_area"), int | float):
            areas[zone] = float(stated)
    return areas


def _area_m2(surface: Fields) -> float:
    if "length" in surface:
        return float(surface["length"]) * float(surface.get("width", 0.0))
    return polygon_area_m2([_corner(v) for v in surface.get("vertices", [])])


def _corner(vertex: dict[str, Any]) -> Vertex:
    x, y, z = (float(vertex[f"vertex_{axis}_coordinate"]) for axis in "xyz")
    return x, y, z
