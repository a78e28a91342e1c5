"""What buildings are called in Gymnasium's registry."""

from __future__ import annotations

from .sinergym import PREFIX, is_sinergym

_NAMESPACE = "airhandler"
_VERSION = "v0"  # of our own environments; Sinergym's ids end with their own


def gymnasium_id(name: str) -> str:
    """The Gymnasium id of a building of the catalogue; a colon, as in our prefix, would be read as a module's end."""
    return f"{_NAMESPACE}/{name.removeprefix(PREFIX)}" if is_sinergym(name) else f"{_NAMESPACE}/{name}-{_VERSION}"
