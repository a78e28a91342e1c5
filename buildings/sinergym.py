"""Sinergym's building models and weather files, found without importing Sinergym (which takes seconds)."""

from __future__ import annotations

import difflib
import functools
import importlib.util
from pathlib import Path

from .errors import UserError


@functools.cache
def data_folder() -> Path:
    """Sinergym's `data/` folder. Raises UserError if Sinergym is not installed."""
    spec = importlib.util.find_spec("sinergym")
    if spec is None or spec.origin is None:
        raise UserError("Sinergym is not installed here: pip install 'airhandler[sim]'")
    return Path(spec.origin).parent / "data"


def model_path(name: str) -> Path:
    """One of Sinergym's building models, by file name. Raises UserError with the nearest names."""
    path = data_folder() / "buildings" / name
    if not path.exists():
        names = [p.name for p in path.parent.glob("*.epJSON")]
        raise UserError(f"Sinergym has no model {name!r}; nearest: {', '.join(difflib.get_close_matches(name, names))}")
    return path
