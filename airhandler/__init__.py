"""airhandler: learned set-points for buildings and data centres, behind a shield."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gymnasium

__version__ = "0.1.0"


def make(name: str, **options: Any) -> gymnasium.Env[Any, Any]:
    """The Gymnasium environment of a building: `airhandler.make("datacentre-dx", weather="chicago", days=14)`.

    Takes every id that `airhandler buildings` lists; see `airhandler.buildings.environments.make`.
    """
    from airhandler.buildings.environments import make as make_environment

    return make_environment(name, **options)
