"""From a shadow run to its page, shadow.json and promotion.json."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from .promotion import PROMOTION_FILE, promotion_dict, write_promotion
from .promotion_checks import judge
from .shadow_findings import shadow_findings
from .shadow_page import finding, write_page
from .table import check_writable, replacing

SHADOW_FILE = "shadow.json"


def report_shadow(
    folder: Path, path: Path, *, truth: bool = False, command: str = "", title: str | None = None
) -> dict[str, object]:
    """Writes the page, and beside it what it found and the checklist.

    Args:
        folder: of `airhandler shadow`.
        path: of the page.
        truth: whether a simulated site is branched, to hold the estimate to the truth.
        command: for provenance.
        title: headline; by default made of the controller and the site.

    Returns what to tell. Raises UserError for a folder without a shadow run.
    """
    check_writable(path.parent)
    found = shadow_findings(folder, with_truth=truth)
    promotion = judge(found)
    notes = {"command": command, "written": datetime.now(UTC).isoformat(timespec="seconds")}
    write_page(path, found, promotion, notes, title)
    with replacing(path.parent / SHADOW_FILE) as temporary:
        temporary.write_text(json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n")
    write_promotion(path.parent / PROMOTION_FILE, promotion)
    lines = [f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.evidence}" for check in promotion.checks]
    verdict = "passes" if promotion.passed else f"does not pass ({len(promotion.failed)} lines fail)"
    return {
        "report": str(path),
        "promotion": str(path.parent / PROMOTION_FILE),
        "words": "\n".join([*finding(found, promotion), *lines, f"promotion {verdict}; report in {path}"]),
        **promotion_dict(promotion),
    }
