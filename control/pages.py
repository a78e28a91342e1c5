"""What all pages have in common: their templates, pictures, and the versions they were made with."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path

_PACKAGES = (
    "airhandler",
    "numpy",
    "matplotlib",
    "pyenergyplus-lbnl",
    "sinergym",
    "stable-baselines3",
    "torch",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One plot on a page."""

    title: str
    reading: str
    svg: str


def render(template: str, **shown: object) -> str:
    """A page from a template beside this file; what it shows is escaped."""
    import jinja2

    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template(template).render(**shown)


def versions() -> str:
    """Of Python and of what a report rests on, as far as it is installed."""
    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
