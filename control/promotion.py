"""Promotion: the checklist that a shadow run must pass before its controller may write, with the evidence.

What it finds is written with the SHA-256 of its content, so that a changed file is found out. That finds accidents and
hands that slip; who means harm can write a new hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from airhandler.buildings.errors import UserError

from .numerals import plain
from .table import replacing

FORMAT = 1
PROMOTION_FILE = "promotion.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """What a shadow run must keep to.

    Attributes:
        least_days: a week holds every weekday once; shorter, and a weekend is missing.
        most_missing_frac: of steps without a value for energy or inlets. A twentieth is more than a sound line loses.
        least_covered_frac: of steps that each estimate rests on: the same twentieth may be lacking.
        most_rejected_frac: of judged steps. Who is refused more often would be in charge for hours, not for days.
        most_handovers: rows of rejections that would have ended authority. One is enough to be no longer in charge.
        most_above_allowable_frac: with the model's error against us. None: what is allowable is not to be left.
        most_above_recommended_frac: predicted. Half an hour in a day: a short time is what the allowable range is for.
        least_bound_covered_frac: of the inlets' own errors on the record. Nominal is 0.95; below 0.9 the bound says
            nothing.
        least_saved_kwh: at the low end of the 95 % interval.
        most_uncertain_frac: half of the 68 % interval per saving. Source: ASHRAE Guideline 14-2014 (secondary).
        most_cv_rmse_frac, most_nmbe_frac: of hourly sums on days left out. Source: as above.
        most_outside_frac: of readings outside what the policy knows: where it must not decide.
        most_decide_p99_ms: a hundredth of what the loop waits for a proposal before it drops it.
    """

    least_days: float = 7.0
    most_missing_frac: float = 0.05
    least_covered_frac: float = 0.95
    most_rejected_frac: float = 0.01
    most_handovers: int = 0
    most_above_allowable_frac: float = 0.0
    most_above_recommended_frac: float = 0.02
    least_bound_covered_frac: float = 0.9
    least_saved_kwh: float = 0.0
    most_uncertain_frac: float = 0.5
    most_cv_rmse_frac: float = 0.3
    most_nmbe_frac: float = 0.1
    most_outside_frac: float = 0.05
    most_decide_p99_ms: float = 100.0


THRESHOLDS = Thresholds()
_NO_PROMOTION = "is no promotion: name the promotion.json that `airhandler report --shadow RUN` makes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One line of the checklist.

    Attributes:
        name: what is looked at.
        passed: whether it does.
        evidence: what was found.
        wanted: what it must be.
    """

    name: str
    passed: bool
    evidence: str
    wanted: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """What a checklist found.

    Attributes:
        site, building, controller: for what.
        building_sha256, controller_sha256: exactly for what.
        begin, end: of the shadow run.
        checks: the list.
        created: when it was judged.
    """

    site: str
    building: str
    building_sha256: str
    controller: str
    controller_sha256: str
    begin: str
    end: str
    checks: tuple[Check, ...]
    created: str

    @property
    def passed(self) -> bool:
        """Whether every line passes; a list without lines does not."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The lines that do not."""
        return tuple(check for check in self.checks if not check.passed)


def write_promotion(path: Path, promotion: Promotion) -> None:
    """Writes it, whole or not at all, with its hash."""
    held = promotion_dict(promotion)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({**held, "sha256": content_sha256(held)}, indent=2) + "\n")


def promotion_dict(promotion: Promotion) -> dict[str, object]:
    """As JSON has it, without the hash."""
    held = {"format": FORMAT, "passed": promotion.passed, "thresholds": asdict(THRESHOLDS), **asdict(promotion)}
    return {name: plain(value) for name, value in held.items()}


def content_sha256(held: Mapping[str, object]) -> str:
    """Of everything but the hash itself."""
    content = {name: value for name, value in held.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_promotion(path: Path) -> Promotion:
    """Reads one. Raises UserError for a file that is missing, was changed, or was judged by other thresholds."""
    try:
        held = json.loads(path.read_text())
        if not isinstance(held, dict) or not {"format", "thresholds", "sha256"} <= held.keys():
            raise UserError(f"promotion {path}: {_NO_PROMOTION}")
        if held["format"] != FORMAT or held["thresholds"] != asdict(THRESHOLDS):
            raise UserError(f"promotion {path}: judged by another version's thresholds: make the shadow report anew")
        if held["sha256"] != content_sha256(held):
            raise UserError(f"promotion {path}: is not what was written (SHA-256 differs): make the shadow report anew")
        checks = tuple(Check(**check) for check in held["checks"])
        names = ("site", "building", "building_sha256", "controller", "controller_sha256", "begin", "end", "created")
        return Promotion(checks=checks, **{name: held[name] for name in names})
    except FileNotFoundError as error:
        raise UserError(f"promotion {path}: is not there; `airhandler report --shadow RUN` makes one") from error
    except OSError as error:
        raise UserError(f"promotion {path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"promotion {path}: {_NO_PROMOTION}") from error
