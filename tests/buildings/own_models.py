"""Models as a user brings them: IDF files, made by EnergyPlus from the ones that ship, or shipped with it."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from airhandler.buildings.energyplus import convert
from airhandler.buildings.epjson import Epjson
from airhandler.buildings.model_file import read_model
from airhandler.buildings.sinergym import model_path

HALL = "2ZoneDataCenterHVAC_wEconomizer_DX"
CRAC = "1ZoneDataCenterCRAC_wApproachTemp"
OFFICE = "RefBldgSmallOfficeNew2004_Chicago"


def hall(name: str = HALL) -> Epjson:
    """One of Sinergym's models, to be changed as a test likes."""
    return read_model(model_path(f"{name}.epJSON"))


def hall_idf(folder: Path, name: str = HALL) -> Path:
    """The same as an IDF in a folder: `hall.idf`."""
    scratch = folder / "converted"
    scratch.mkdir()
    convert(model_path(f"{name}.epJSON"), scratch)
    shutil.move(scratch / f"{name}.idf", folder / "hall.idf")
    shutil.rmtree(scratch)
    return folder / "hall.idf"


def office_idf(folder: Path) -> Path:
    """An office that comes with EnergyPlus as an IDF: `office.idf`."""
    spec = importlib.util.find_spec("pyenergyplus")
    assert spec is not None
    assert spec.origin is not None
    return Path(shutil.copy(Path(spec.origin).parent / "data" / "model" / f"{OFFICE}.idf", folder / "office.idf"))
