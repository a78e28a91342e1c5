"""What live asks for before it writes to a real site: a promotion of this controller, for this site and building."""

from __future__ import annotations

from pathlib import Path

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.control.identity import building_sha256
from airhandler.control.promotion import Promotion, read_promotion

__all__ = ["Promotion", "load_promotion"]


def load_promotion(path: Path, *, site: str, building: Building, bundle_hash: str) -> Promotion:
    """A promotion that passed, and is of what is to be put in charge.

    Args:
        path: `promotion.json` of `airhandler report --shadow`.
        site: what the site is called.
        building: what is to be controlled.
        bundle_hash: of the controller, as `control.identity.controller_sha256` has it.

    Raises UserError that says what does not fit, or which lines of the checklist fail.
    """
    promotion = read_promotion(path)
    wanted = {"site": site, "building file": building_sha256(building), "controller": bundle_hash}
    found = {
        "site": promotion.site,
        "building file": promotion.building_sha256,
        "controller": promotion.controller_sha256,
    }
    for what, value in wanted.items():
        if found[what] != value:
            raise UserError(
                f"promotion {path}: is of another {what} ({_short(found[what])}, here {_short(value)}): "
                "shadow this one and make its report"
            )
    if not promotion.passed:
        lines = "; ".join(f"{check.name}: {check.evidence} (wanted: {check.wanted})" for check in promotion.failed)
        raise UserError(f"promotion {path}: does not pass: {lines or 'it has no lines'}")
    return promotion


def _short(value: str) -> str:
    """A hash by its first letters."""
    return value[:12] if len(value) == 64 else value
