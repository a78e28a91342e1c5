"""Sinergym's building models, weather files and configurations, found without importing it (which takes seconds)."""

from __future__ import annotations

import difflib
import functools
import importlib.util
from pathlib import Path

from .errors import UserError

PREFIX = "sinergym:"  # of Sinergym's ids in the catalogue


def is_sinergym(name: str) -> bool:
    """Whether an id of the catalogue is one of Sinergym's environments."""
    return name.startswith(PREFIX)


def is_installed() -> bool:
    """Whether Sinergym is here."""
    return importlib.util.find_spec("sinergym") is not None


@functools.cache
def data_folder() -> Path:
    """Sinergym's `data/` folder. Raises UserError if Sinergym is not installed."""
    spec = importlib.util.find_spec("sinergym")
    if spec is None or spec.origin is None:
        raise UserError("Sinergym is not installed here: pip install 'airhandler[sim]'")
    return Path(spec.origin).parent / "data"


def model_path(name: str) -> Path:
    """One of Sinergym's building models, by file name. Raises UserError with the nearest names."""
    return _find("buildings", name, "model")


def weather_path(name: str) -> Path:
    """One of Sinergym's weather files, by file name. Raises UserError with the nearest names."""
    return _find("weather", name, "weather file")


def configuration_paths() -> list[Path]:
    """The YAML files that Sinergym registers its environments from, sorted."""
    return sorted((data_folder() / "default_configuration").glob("*.yaml"))


def constants_path() -> Path:
    """The source file that holds Sinergym's tables of discrete actions."""
    return data_folder().parent / "utils" / "constants.py"


def _find(folder: str, name: str, what: str) -> Path:
    path = data_folder() / folder / name
    if not path.is_file():
        names = [p.name for p in path.parent.glob(f"*{path.suffix}")]
        near = ", ".join(difflib.get_close_matches(name, names))
        raise UserError(f"Sinergym has no {what} {name!r}; nearest: {near or 'none'}")
    return path
