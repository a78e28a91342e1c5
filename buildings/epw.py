"""The layout of an EPW weather file: its columns, what marks a missing value, and reading and writing them.

Source: EnergyPlus 25.1, Auxiliary Programs, EnergyPlus Weather File (EPW) Data Dictionary.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import UserError
from .known import Array

HEADER_LINES = 8
FIRST_COLUMN = 6  # after year, month, day, hour, minute and the marks of where each value comes from
HOURS = 8760  # of a year

# Every column that is a number, in file order, with the value from which on it counts as missing.
_MISSING_FROM = {
    "Dry Bulb Temperature": 99.9,
    "Dew Point Temperature": 99.9,
    "Relative Humidity": 999.0,
    "Atmospheric Station Pressure": 999_999.0,
    "Extraterrestrial Horizontal Radiation": 9999.0,
    "Extraterrestrial Direct Normal Radiation": 9999.0,
    "Horizontal Infrared Radiation Intensity": 9999.0,
    "Global Horizontal Radiation": 9999.0,
    "Direct Normal Radiation": 9999.0,
    "Diffuse Horizontal Radiation": 9999.0,
    "Global Horizontal Illuminance": 999_900.0,
    "Direct Normal Illuminance": 999_900.0,
    "Diffuse Horizontal Illuminance": 999_900.0,
    "Zenith Luminance": 9999.0,
    "Wind Direction": 999.0,
    "Wind Speed": 999.0,
}
COLUMNS = tuple(_MISSING_FROM)
"""Names of the columns that noise can be added to, in file order."""


def column_index(name: str) -> int:
    """Where a column stands in a row."""
    return FIRST_COLUMN + COLUMNS.index(name)


@dataclass(kw_only=True, eq=False)
class Epw:
    """A weather file in memory; what is not set stays as it was, to the letter.

    Attributes:
        head: the header's lines.
        rows: the cells of each hour.
    """

    head: Sequence[str]
    rows: list[list[str]]

    def __getitem__(self, name: str) -> Array:
        """A column [hours] in the file's unit; a missing value is NaN."""
        index = column_index(name)
        values = np.array([float(row[index]) for row in self.rows])
        return np.where(values >= _MISSING_FROM[name], np.nan, values)

    def __setitem__(self, name: str, values: Array) -> None:
        """Puts values [hours] in; where they are NaN the file keeps what it has."""
        index = column_index(name)
        for row, value in zip(self.rows, values.tolist(), strict=True):
            if value == value:
                row[index] = f"{value:.4f}".rstrip("0").rstrip(".")

    @property
    def leap_day(self) -> NDArray[np.bool_]:
        """Which rows are of 29 February [hours]: EnergyPlus leaves them out of a year of 365 days."""
        return np.array([(int(row[1]), int(row[2])) == (2, 29) for row in self.rows])

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        text = "\n".join([*self.head, *(",".join(row) for row in self.rows), ""])
        temporary.write_text(text, encoding="latin-1")
        temporary.replace(path)


def read_epw(path: Path) -> Epw:
    """Reads a weather file that `find_weather` has checked. Raises UserError for more than one row an hour."""
    lines = path.read_text(encoding="latin-1").splitlines()
    if (per_hour := lines[HEADER_LINES - 1].split(",")[2].strip()) != "1":
        raise UserError(f"weather {path}: has {per_hour} rows an hour: noise and forecasts need a file with one")
    rows = [line.split(",") for line in lines[HEADER_LINES:] if line.strip()]
    return Epw(head=lines[:HEADER_LINES], rows=rows)
