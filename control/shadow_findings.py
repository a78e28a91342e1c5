"""What a shadow run shows, gathered from its folder: for the page, the checklist and shadow.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import known_mean
from airhandler.buildings.model import parse_month_day
from airhandler.buildings.scenario import Scenario

from .agreement import Agreement, agreed_frac, agreements
from .beside import Beside, beside
from .branch_truth import BranchTruth, Simulated, branch_truth
from .controller import Controller
from .counterfactual import counterfactual
from .identity import building_sha256, controller_sha256
from .known_ground import KnownGround, known_ground
from .kpis import Kpis, kpis
from .numerals import plain
from .registry import find_controller
from .run_files import SUMMARY_FILE, TICKS_FILE
from .savings import Savings, savings
from .table import TickTable
from .would_be_inlets import WouldBe, would_be

_HANDOVER_ROW = 3  # rejections in a row that would have ended authority; as Handover has it


@dataclass(frozen=True, kw_only=True, slots=True)
class Shadowed:
    """What was run, as its summary says.

    Attributes:
        site: what it is called.
        controller: its name, or its bundle's folder.
        building_sha256, controller_sha256: of what was run.
        simulated: what was simulated; None for a real or a recorded site.
        mended: what was mended in a recording.
        why: why it ended.
    """

    site: str
    controller: str
    building_sha256: str
    controller_sha256: str
    simulated: Simulated | None
    mended: tuple[Mapping[str, Any], ...]
    why: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """What a shadow run shows.

    Attributes:
        shadowed: what was run.
        run: the two beside each other.
        kpis: of the record, and of the shield's work.
        days: how long it was, from the first tick to the end of the last one's step.
        verdicts: share of judged ticks by kind.
        handovers: rows of rejections that would have ended the controller's authority.
        agreed_frac: share of steps in which the two agree about every set-point.
        agreements: by set-point.
        inlets: what the inlets would have been; None without server zones.
        savings: what would have been saved.
        ground: how often it was outside what the policy knows; None where the controller cannot be had any more.
        same: whether building and controller are today what they were in the run.
        truth: by branches; None where it was not asked for.
    """

    shadowed: Shadowed
    run: Beside
    kpis: Kpis
    days: float
    verdicts: Mapping[str, float]
    handovers: int
    agreed_frac: float
    agreements: tuple[Agreement, ...]
    inlets: WouldBe | None
    savings: Savings
    ground: KnownGround | None
    same: bool
    truth: BranchTruth | None

    def to_dict(self) -> dict[str, object]:
        """As JSON has it: what is not known is None."""
        saved = {name: value for name, value in _record(self.savings).items() if name != "by_step_w"}
        told: dict[str, object] = plain(
            {
                "site": self.shadowed.site,
                "controller": self.shadowed.controller,
                "building": self.run.building.reference,
                "begin": self.run.table.time[0].isoformat(),
                "end": self.run.table.time[-1].isoformat(),
                "days": self.days,
                "verdicts": dict(self.verdicts),
                "by_rule": dict(self.kpis.shield_by_rule),
                "handovers": self.handovers,
                "missing_frac": self.kpis.missing_frac,
                "decide_p99_ms": self.kpis.decide_p99_ms,
                "agreed_frac": self.agreed_frac,
                "told_frac": self.run.told_frac,
                "agreements": [asdict(agreement) for agreement in self.agreements],
                "inlets": None if self.inlets is None else asdict(self.inlets),
                "savings": saved,
                "ground": None if self.ground is None else asdict(self.ground),
                "truth": None if self.truth is None else _truth(self.truth),
                "mended": [dict(mend) for mend in self.shadowed.mended],
            }
        )
        return told


def _days(table: TickTable) -> float:
    """How long a run was, in whole steps: each begins a little sooner or later than a clock would have it [days]."""
    step_s = table.building.step_s
    return (round(float(table.time_s[-1] - table.time_s[0]) / step_s) + 1) * step_s / 86_400.0


def shadow_findings(
    folder: Path, *, with_truth: bool = False, every: int | None = None, progress: Callable[[int], None] | None = None
) -> Findings:
    """Reads the folder of a shadow run.

    Args:
        folder: of `airhandler shadow`.
        with_truth: whether a simulated site is simulated again, with branches.
        every: steps between two of them.
        progress: is told every step of that.

    Raises UserError for a folder without a run, one that was not in shadow, or a truth that cannot be had.
    """
    shadowed = read_summary(folder)
    table = TickTable.load(folder / TICKS_FILE)
    run = beside(table)
    air = counterfactual(run) if table.building.zones else None
    saved, controller = savings(run, air), _controller(shadowed, table.building)
    return Findings(
        shadowed=shadowed,
        run=run,
        kpis=kpis(table),
        days=_days(table),
        verdicts={
            kind: known_mean(table.verdict[table.judged] == kind) for kind in ("allowed", "adjusted", "rejected")
        },
        handovers=_rows_of(table.verdict == "rejected", _HANDOVER_ROW),
        agreed_frac=agreed_frac(run),
        agreements=agreements(run),
        inlets=None if air is None else would_be(run, air),
        savings=saved,
        ground=None if controller is None else known_ground(table, controller),
        same=controller is not None and building_sha256(table.building) == shadowed.building_sha256,
        truth=_branched(shadowed, table, controller, saved, every, progress) if with_truth else None,
    )


def read_summary(folder: Path) -> Shadowed:
    """What was run. Raises UserError for a folder without a shadow run."""
    path = folder / SUMMARY_FILE
    try:
        held = json.loads(path.read_text())
        simulated = held.get("simulated")
        return Shadowed(
            site=held["site"],
            controller=held["controller_named"],
            building_sha256=held["building_sha256"],
            controller_sha256=held["controller_sha256"],
            simulated=None if simulated is None else _simulated(simulated, held),
            mended=tuple(held.get("mended", ())),
            why=held["why"],
        )
    except FileNotFoundError as error:
        raise UserError(f"{folder}: holds no finished run; `airhandler shadow ... --out {folder}` makes one") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the summary of a shadow run of this version: {error!r}") from error


def _simulated(told: Mapping[str, Any], held: Mapping[str, Any]) -> Simulated:
    return Simulated(
        weather=told["weather"],
        start=parse_month_day(told["start"]),
        days=told["days"],
        seed=held["seed"],
        scenario=Scenario.from_dict(held["scenario"]),
    )


def _controller(shadowed: Shadowed, building: Building) -> Controller | None:
    """The controller of the run; None if it is gone, or is another by now."""
    try:
        found = find_controller(shadowed.controller, building)
        same = controller_sha256(shadowed.controller, building, found) == shadowed.controller_sha256
    except UserError:
        return None
    return found if same else None


def _branched(
    shadowed: Shadowed,
    table: TickTable,
    controller: Controller | None,
    saved: Savings,
    every: int | None,
    progress: Callable[[int], None] | None,
) -> BranchTruth:
    if shadowed.simulated is None:
        raise UserError(f"--truth: {shadowed.site} was not simulated here: nobody knows what would have been")
    if controller is None:
        raise UserError(f"--truth: {shadowed.controller} is gone, or is another than in the run")
    options = {} if every is None else {"every": every}
    return branch_truth(table, shadowed.simulated, controller, saved.by_step_w, progress=progress, **options)


def _rows_of(bad: Any, length: int) -> int:
    """How many rows of so many or more there are."""
    rows, row = 0, 0
    for one in bad:
        row = row + 1 if one else 0
        rows += row == length
    return rows


def _truth(truth: BranchTruth) -> dict[str, object]:
    return {
        "branches": len(truth.saved_w),
        "mean_saved_w": truth.mean_saved_w,
        "mean_estimated_w": truth.mean_estimated_w,
        "above_allowable_frac": truth.above_allowable_frac,
        "above_recommended_frac": truth.above_recommended_frac,
        "warmest_c": float(np.max(truth.warmest_c)),
    }


def _record(saved: Savings) -> dict[str, object]:
    return {**{name: getattr(saved, name) for name in saved.__slots__}, "parts": [asdict(p) for p in saved.parts]}
