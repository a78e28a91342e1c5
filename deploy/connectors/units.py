"""Units at the edge: what a device speaks, as what a building file speaks. The one place where they are converted.

Volume flow and mass flow differ by the density of air, which nobody measures: it is a number of the site file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airhandler.buildings.mistakes import near

# Dry air at 20 degC and 101325 Pa: 101325 / (287.042 * 293.15). Source: ASHRAE Fundamentals 2021, chapter 1.
AIR_KG_M3 = 1.204


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """building's value = device's value * scale + offset.

    Attributes:
        scale: building's units in one of the device's.
        offset: the building's value where the device's is zero.
    """

    scale: float = 1.0
    offset: float = 0.0

    def to_building(self, value: float) -> float:
        """A value of the device in the building's unit. The same unit is not touched: not a bit of it changes."""
        return value if self == SAME else value * self.scale + self.offset

    def to_device(self, value: float) -> float:
        """A value of the building in the device's unit."""
        return value if self == SAME else (value - self.offset) / self.scale


SAME = Conversion()

_F = 5.0 / 9.0
_CFM = 0.3048**3 / 60.0  # exact: the foot is 0.3048 m. Source: international yard and pound agreement, 1959
_BTU_J = 1055.05585262  # International Table. Source: ISO 31-4
_TON_W = 12000.0 * _BTU_J / 3600.0

# Building's unit -> the device's -> how. Volume flow has m3/s as its base.
_TABLE: Mapping[str, Mapping[str, Conversion]] = {
    "degC": {"degF": Conversion(scale=_F, offset=-32.0 * _F), "K": Conversion(offset=-273.15)},
    "K": {"degF": Conversion(scale=_F)},  # a difference
    "W": {
        "kW": Conversion(scale=1e3),
        "MW": Conversion(scale=1e6),
        "Btu/h": Conversion(scale=_BTU_J / 3600.0),
        "ton": Conversion(scale=_TON_W),
        "hp": Conversion(scale=745.6998715822702),  # mechanical: 550 ft lbf/s
    },
    "W/m2": {"W/ft2": Conversion(scale=1.0 / 0.3048**2)},
    "1": {"%": Conversion(scale=0.01), "ppm": Conversion(scale=1e-6)},
    "%": {"1": Conversion(scale=100.0)},
    "kg/s": {
        "kg/min": Conversion(scale=1.0 / 60.0),
        "kg/h": Conversion(scale=1.0 / 3600.0),
        "g/s": Conversion(scale=1e-3),
        "lb/min": Conversion(scale=0.45359237 / 60.0),
    },
    "m3/s": {
        "m3/min": Conversion(scale=1.0 / 60.0),
        "m3/h": Conversion(scale=1.0 / 3600.0),
        "L/s": Conversion(scale=1e-3),
        "L/min": Conversion(scale=1e-3 / 60.0),
        "cfm": Conversion(scale=_CFM),
        "gpm": Conversion(scale=3.785411784e-3 / 60.0),  # US gallon of 231 cubic inches
    },
    "Pa": {
        "kPa": Conversion(scale=1e3),
        "hPa": Conversion(scale=1e2),
        "bar": Conversion(scale=1e5),
        "inH2O": Conversion(scale=249.08891),  # at 4 degC. Source: NIST SP 811, appendix B
        "psi": Conversion(scale=6894.757293168361),
    },
}
# Air alone: no one meters it in gallons.
_AIRFLOWS = ("m3/s", "m3/min", "m3/h", "L/s", "cfm")

# BACnetEngineeringUnits. Source: ANSI/ASHRAE 135-2020, clause 21.
OF_BACNET: Mapping[int, str] = {
    62: "degC",
    64: "degF",
    63: "K",
    121: "K",
    120: "degF",
    47: "W",
    48: "kW",
    49: "MW",
    50: "Btu/h",
    52: "ton",
    51: "hp",
    35: "W/m2",
    34: "W/ft2",
    95: "1",
    98: "%",
    29: "%",
    96: "ppm",
    42: "kg/s",
    43: "kg/min",
    44: "kg/h",
    154: "g/s",
    45: "lb/min",
    85: "m3/s",
    165: "m3/min",
    135: "m3/h",
    87: "L/s",
    88: "L/min",
    84: "cfm",
    89: "gpm",
    53: "Pa",
    54: "kPa",
    133: "hPa",
    55: "bar",
    58: "inH2O",
    56: "psi",
}
_BACNET_HAS_NO = ("people",)  # it says "no units" of them


def convert(unit: str, building: str, air_kg_m3: float = AIR_KG_M3) -> Conversion:
    """From a device's unit to a building's. Raises ValueError that lists what is known.

    Args:
        unit: the device's.
        building: the building's, as its file writes it.
        air_kg_m3: density of air, for volume flow that is wanted as mass flow [kg/m3].
    """
    if unit == building:
        return SAME
    if building == "kg/s" and unit in _AIRFLOWS:
        volume = convert(unit, "m3/s")
        return Conversion(scale=volume.scale * air_kg_m3)
    known = _TABLE.get(building, {})
    if unit not in known:
        others = [*known, *(_AIRFLOWS if building == "kg/s" else ())]
        names = [building, *others]
        raise ValueError(
            f"unit {unit!r} cannot be converted to {building}; known: {', '.join(names)}{near(unit, names)}"
        )
    return known[unit]


def agrees(told: int, unit: str) -> bool:
    """Whether what a BACnet object says of its units fits the unit that a site file gives it."""
    return OF_BACNET.get(told) == unit or (unit in _BACNET_HAS_NO and OF_BACNET.get(told) == "1")
