"""A user's own files: paths relative to the building file that names them, and when a file was last changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def beside(raw: Any, folder: Path) -> Any:
    """A building file as YAML holds it, with the paths of its model and weathers made absolute.

    Args:
        raw: the file's content, not yet checked.
        folder: the folder that the file is in.
    """
    if not isinstance(raw, dict):
        return raw
    done = dict(raw)
    if isinstance(source := raw.get("source"), dict) and isinstance(source.get("file"), str):
        done["source"] = {**source, "file": _absolute(source["file"], folder)}
    if isinstance(weathers := raw.get("weather"), list):
        done["weather"] = [_absolute(w, folder) if str(w).lower().endswith(".epw") else w for w in weathers]
    return done


def _absolute(path: str, folder: Path) -> str:
    return str((folder / Path(path).expanduser()).resolve())


def changed_ns(path: Path) -> int:
    """When a file was last changed [ns]; 0 where it cannot be read: whoever reads it says why."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
