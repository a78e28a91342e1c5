"""A user's own model file: IDF or epJSON, read by EnergyPlus itself, so that what loads is what runs."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

from .energyplus import convert, engine_version
from .epjson import Epjson
from .errors import UserError
from .folders import temporary

_IDF, _EPJSON = {".idf", ".imf"}, {".epjson", ".json"}
_VERSION = re.compile(r"^[ \t]*version\s*,\s*([\d.]+)\s*;", re.IGNORECASE | re.MULTILINE)
_TEMPLATE = re.compile(r"^[ \t]*(HVACTemplate:[\w:]+)\s*,", re.IGNORECASE | re.MULTILINE)


def read_model(path: Path) -> Epjson:
    """The objects of an IDF or epJSON file by type and name, checked against EnergyPlus's schema.

    Raises UserError for a file that is missing, of another kind or of another version of EnergyPlus, for one that holds
    HVACTemplate objects, and, in EnergyPlus's own words, for what its schema does not allow.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise UserError(f"model {path}: {error.strerror or error}") from error
    if path.suffix.lower() not in _IDF | _EPJSON or not path.is_file():
        raise UserError(f"model {path}: must be an IDF (.idf) or epJSON (.epJSON) file")
    tree: Epjson = json.loads(_checked(path.resolve(), changed))
    return tree


@functools.lru_cache(maxsize=16)
def _checked(path: Path, changed: int) -> str:
    """The file's epJSON text; `changed` [ns] makes an edited file a new one."""
    text = _text(path)
    is_idf = path.suffix.lower() in _IDF
    version, template = _of_idf(text) if is_idf else _of_epjson(text, path)
    _check_version(path, version)
    if template:
        raise UserError(
            f"model {path}: holds {template}, and templates have to be written out first: run ExpandObjects of "
            f"EnergyPlus {engine_version()} on it (`energyplus -x`), and give the expanded.idf that it makes"
        )
    with temporary("convert") as folder:
        copy = folder / f"{path.stem}{'.idf' if is_idf else '.epJSON'}"
        copy.write_text(text, encoding="utf-8")
        made = convert(copy, folder)
        return made.read_text(encoding="utf-8", errors="replace") if is_idf else text


def _text(path: Path) -> str:
    """The file's text: UTF-8, or Latin-1 as older Windows editors write it (EnergyPlus takes UTF-8 alone)."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"model {path}: {error.strerror or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _of_idf(text: str) -> tuple[str | None, str | None]:
    """Version and first template object of an IDF."""
    objects = re.sub(r"!.*", "", text)
    version, template = _VERSION.search(objects), _TEMPLATE.search(objects)
    return version and version[1], template and template[1]


def _of_epjson(text: str, path: Path) -> tuple[str | None, str | None]:
    """Version and first template object of an epJSON. Raises UserError for text that is none."""
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise UserError(f"model {path}: cannot be read as JSON: {error}") from error
    kinds = list(tree.values()) if isinstance(tree, dict) else []
    if not kinds or not all(isinstance(kind, dict) for kind in kinds):
        raise UserError(f"model {path}: is JSON, but not epJSON: an object of types, each an object of names")
    named = [fields for fields in tree.get("Version", {}).values() if isinstance(fields, dict)]
    version = str(named[0].get("version_identifier", "")) if named else None
    return version or None, next((kind for kind in tree if kind.lower().startswith("hvactemplate:")), None)


def _check_version(path: Path, version: str | None) -> None:
    engine = engine_version()
    if version is None:
        raise UserError(
            f"model {path}: does not say which EnergyPlus it is for. If it is for {engine}, add the object "
            f"'Version,{engine};'; if it is older, upgrade it first with IDFVersionUpdater of EnergyPlus {engine}"
        )
    if version.split(".")[:2] != engine.split("."):
        raise UserError(
            f"model {path}: is for EnergyPlus {version}, and this engine is {engine}: upgrade it with "
            f"IDFVersionUpdater (the Transition programs) of EnergyPlus {engine}, then try again"
        )
