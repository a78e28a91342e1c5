"""What live asks for before it writes to a real site: a promotion of this controller, for this site and building."""

from __future__ import annotations

from pathlib import Path

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.control.identity import building_sha256
from airhandler.control.promotion import Promotion, read_promotion

__all__ = ["Promotion", "check_promotion", "load_promotion"]


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
    _check_is_of(promotion, path, site, building)
    _check_same(path, "controller", promotion.controller_sha256, bundle_hash)
    _check_passed(promotion, path)
    return promotion


def check_promotion(path: Path, *, site: str, building: Building) -> Promotion:
    """The same for a site whose controller has not been named yet: whichever the promotion is of.

    Raises UserError as `load_promotion` does.
    """
    promotion = read_promotion(path)
    _check_is_of(promotion, path, site, building)
    _check_passed(promotion, path)
    return promotion


def _check_is_of(promotion: Promotion, path: Path, site: str, building: Building) -> None:
    _check_same(path, "site", promotion.site, site)
    _check_same(path, "building file", promotion.building_sha256, building_sha256(building))


def _check_same(path: Path, what: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise UserError(
            f"promotion {path}: is of another {what} ({_short(found)}, here {_short(wanted)}): "
            "shadow this one and make its report"
        )


def _check_passed(promotion: Promotion, path: Path) -> None:
    if not promotion.passed:
        lines = "; ".join(f"{check.name}: {check.evidence} (wanted: {check.wanted})" for check in promotion.failed)
        raise UserError(f"promotion {path}: does not pass: {lines or 'it has no lines'}")


def _short(value: str) -> str:
    """A hash by its first letters."""
    return value[:12] if len(value) == 64 else value
