"""Weather files: finding them by name or path, checking them, and the design days that equipment is sized for."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from datetime import timedelta, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .design_days import DesignDays, from_ddy, from_hours
from .epw import HEADER_LINES, HOURS, column_index
from .errors import UserError
from .own_file import changed_ns
from .psychrometrics import wet_bulb_c
from .sinergym import data_folder

# Short names for the files that Sinergym brings.
NAMES = {
    "antananarivo": "MDG_Antananarivo.670830_IWEC",
    "bogota": "COL_Bogota.802220_IWEC",
    "chicago": "USA_IL_Chicago-OHare.Intl.AP.725300_TMY3",
    "denver": "USA_CO_Aurora-Buckley.Field.ANGB.724695_TMY3",
    "granada": "ESP_Granada.084190_SWEC",
    "helsinki": "FIN_Helsinki.029740_IWEC",
    "lisbon": "PRT_Lisboa.085360_INETI",
    "new-york": "USA_NY_New.York-J.F.Kennedy.Intl.AP.744860_TMY3",
    "pittsburgh": "USA_PA_Pittsburgh-Allegheny.County.AP.725205_TMY3",
    "port-angeles": "USA_WA_Port.Angeles-William.R.Fairchild.Intl.AP.727885_TMY3",
    "stockholm": "SWE_Stockholm.Arlanda.024600_IWEC",
    "sydney": "AUS_NSW.Sydney.947670_IWEC",
    "tokyo": "JPN_Tokyo.Hyakuri.477150_IWEC",
    "tucson": "USA_AZ_Davis-Monthan.AFB.722745_TMY3",
}

_PARTS = ("Dry Bulb Temperature", "Dew Point Temperature", "Atmospheric Station Pressure")


@dataclass(frozen=True, kw_only=True, eq=False)
class Weather:
    """One weather file.

    Attributes:
        name: short name, or the path as the user gave it.
        path: the EPW file.
        place: the site's name in the file.
        location: EnergyPlus's `Site:Location` fields (degrees, hours from UTC, m).
        design_days: `SizingPeriod:DesignDay` objects by name.
        has_ddy: whether they are from a DDY file beside it; else they are made from its own hours.
        dry_bulb_c: hourly outdoor dry bulb [8760 or more].
    """

    name: str
    path: Path
    place: str
    location: dict[str, float]
    design_days: DesignDays
    dry_bulb_c: NDArray[np.float64]
    has_ddy: bool = True

    @property
    def zone(self) -> timezone:
        """Local standard time, which the file is written in."""
        return timezone(timedelta(hours=self.location["time_zone"]))


def find_weather(name: str) -> Weather:
    """A weather by short name (`chicago`) or by the path of an EPW file.

    Raises UserError with the nearest names for an unknown one, and for a file that is not EPW.
    """
    if name in NAMES:
        return _load(name, data_folder() / "weather" / f"{NAMES[name]}.epw", 0)
    path = Path(name).expanduser()
    if path.is_file():
        return _load(name, path.resolve(), changed_ns(path))
    if path.suffix.lower() == ".epw" or "/" in name:
        raise UserError(f"weather {name!r}: no such file")
    near = difflib.get_close_matches(name, NAMES, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UserError(f"weather {name!r} is not known: {hint}Known: {', '.join(NAMES)}; or give the path of an EPW file")


@functools.lru_cache(maxsize=32)
def _load(name: str, path: Path, changed: int) -> Weather:
    """A weather file; `changed` [ns] makes an edited file a new one."""
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
        head = lines[0].split(",")
        if head[0] != "LOCATION" or not lines[HEADER_LINES - 1].startswith("DATA PERIODS"):
            raise ValueError("the header does not begin with LOCATION and end with DATA PERIODS")
        location = dict(zip(("latitude", "longitude", "time_zone", "elevation"), map(float, head[6:10]), strict=True))
        rows = [line.split(",") for line in lines[HEADER_LINES:] if line.strip()]
        columns = np.array([[float(r[column_index(name)]) for name in _PARTS] for r in rows])
        if len(columns) < HOURS:
            raise ValueError(f"{len(columns)} hourly rows where a year has {HOURS}")
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"weather {name!r}: {path} is not a readable EPW file: {error}") from error
    declared = from_ddy(path.with_suffix(".ddy"))
    return Weather(
        name=name,
        path=path,
        place=head[1] or path.stem,
        location=location,
        design_days=declared or _own_design_days(columns),
        dry_bulb_c=columns[:, 0],
        has_ddy=declared is not None,
    )


def _own_design_days(columns: NDArray[np.float64]) -> DesignDays:
    """Design days from the hours [n, (dry bulb, dew point, pressure)] of the file itself."""
    wet = np.array([wet_bulb_c(dry, min(dew, dry), pressure) for dry, dew, pressure in columns])
    return from_hours(columns[:, 0], wet, float(columns[:, 2].mean()))
