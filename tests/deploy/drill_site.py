"""The permission that a controller has in a drill: it was never in the shadow of that site."""

from __future__ import annotations

from pathlib import Path

from airhandler.control.identity import building_sha256, controller_sha256
from airhandler.control.promotion import Check, Promotion, write_promotion
from tests.deploy.twins import BUILDING


def promote(path: Path, site: str, controller: str) -> None:
    """Lets a controller be put in charge of a site, as a shadow run would that passes.

    Args:
        path: of the promotion.
        site: the site's name.
        controller: the controller's.
    """
    passed = Check(name="drill", passed=True, evidence="none", wanted="nothing")
    promotion = Promotion(
        site=site,
        building=BUILDING.id,
        building_sha256=building_sha256(BUILDING),
        controller=controller,
        controller_sha256=controller_sha256(controller, BUILDING),
        begin="",
        end="",
        checks=(passed,),
        created="",
    )
    write_promotion(path, promotion)
