"""The lines of the checklist, from what a shadow run shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from .numerals import percent
from .promotion import THRESHOLDS, Check, Promotion
from .shadow_findings import Findings


def judge(found: Findings) -> Promotion:
    """The checklist of what a shadow run shows."""
    table = found.run.table
    return Promotion(
        site=found.shadowed.site,
        building=found.run.building.reference,
        building_sha256=found.shadowed.building_sha256,
        controller=found.shadowed.controller,
        controller_sha256=found.shadowed.controller_sha256,
        begin=table.time[0].isoformat(),
        end=table.time[-1].isoformat(),
        checks=tuple(_checks(found)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _checks(found: Findings) -> Iterator[Check]:
    t, k = THRESHOLDS, found.kpis
    yield _at_least("length", found.days, t.least_days, f"{found.days:.1f} days", f"{t.least_days:g} days at least")
    yield _at_most_frac("missing", k.missing_frac, t.most_missing_frac, "of steps lack energy or inlets")
    yield _coverage_check(found)
    yield _at_most_frac("rejected", found.verdicts["rejected"], t.most_rejected_frac, "of verdicts")
    yield Check(
        name="handovers",
        passed=found.handovers <= t.most_handovers,
        evidence=f"{found.handovers} times so many rejections in a row that authority would have ended",
        wanted=f"{t.most_handovers} at most",
    )
    yield from _inlet_checks(found)
    yield from _savings_checks(found)
    yield _ground_check(found)
    p99_ms = k.decide_p99_ms
    yield Check(
        name="decision time",
        passed=p99_ms <= t.most_decide_p99_ms,
        evidence=f"99 % within {p99_ms:.2f} ms",
        wanted=f"{t.most_decide_p99_ms:g} ms at most",
    )
    yield Check(
        name="identity",
        passed=found.same,
        evidence=f"building {found.shadowed.building_sha256[:12]}, controller {found.shadowed.controller_sha256[:12]}: "
        + ("the same today" if found.same else "gone or changed since the run"),
        wanted="building file and controller as they were in the run",
    )


def _coverage_check(found: Findings) -> Check:
    """Every line below is of the steps that are known: of a few of them none says anything."""
    shares = {
        "own set-points known": found.run.stood_frac,
        "savings estimated": found.savings.steps_frac,
        **({} if found.inlets is None else {"inlets predicted": found.inlets.known_frac}),
        **({} if found.ground is None or not found.ground.learned else {"ground judged": found.ground.known_frac}),
    }
    least = THRESHOLDS.least_covered_frac
    return Check(
        name="coverage",
        passed=all(share >= least for share in shares.values()),
        evidence="of steps: " + ", ".join(f"{words} {percent(share)}" for words, share in shares.items()),
        wanted=f"{percent(least)} of steps at least, each",
    )


def _inlet_checks(found: Findings) -> Iterator[Check]:
    t, inlets = THRESHOLDS, found.inlets
    if inlets is None:
        words = "no model predicts what people would have felt: watch it in advisory first"
        yield Check(name="limits", passed=False, evidence=words, wanted="a prediction of what is guarded")
        return
    error = f"with the model's error ({inlets.bound_k:.2f} K) against us; predicted {inlets.warmest_c:.1f} degC at most"
    yield _at_most_frac("above allowable", inlets.above_allowable_most_frac, t.most_above_allowable_frac, error)
    own = max(t.most_above_recommended_frac, inlets.was_above_recommended_frac)
    beside = f"predicted; {percent(inlets.was_above_recommended_frac)} under the building's own control"
    yield _at_most_frac("above recommended", inlets.above_recommended_frac, own, beside)
    yield _at_least(
        "error of the inlets' model",
        inlets.covered_frac,
        t.least_bound_covered_frac,
        f"{percent(inlets.covered_frac)} of the record's inlets within its bound",
        f"{percent(t.least_bound_covered_frac)} at least",
    )


def _savings_checks(found: Findings) -> Iterator[Check]:
    t, s = THRESHOLDS, found.savings
    interval = f"{s.saved_kwh:,.0f} kWh saved, 95 % between {s.low_kwh:,.0f} and {s.high_kwh:,.0f}, by {s.method}"
    yield Check(
        name="savings",
        passed=s.told and s.low_kwh > t.least_saved_kwh,
        evidence=interval if s.told else f"cannot be told from this record: {s.why_not}",
        wanted="more than nothing at the low end of the interval",
    )
    uncertain = s.half_68_kwh / abs(s.saved_kwh) if s.told and s.saved_kwh else math.nan
    yield _at_most_frac("uncertainty of the savings", uncertain, t.most_uncertain_frac, "of the savings, at 68 %")
    fits = s.cv_rmse_frac <= t.most_cv_rmse_frac and abs(s.nmbe_frac) <= t.most_nmbe_frac
    yield Check(
        name="error of the power model",
        passed=fits,
        evidence=f"hourly CV(RMSE) {percent(s.cv_rmse_frac)}, NMBE {percent(abs(s.nmbe_frac))}, on days left out",
        wanted=f"{percent(t.most_cv_rmse_frac)} and {percent(t.most_nmbe_frac)} at most",
    )


def _ground_check(found: Findings) -> Check:
    ground, most = found.ground, THRESHOLDS.most_outside_frac
    if ground is not None and not ground.learned:
        return Check(name="known ground", passed=True, evidence="a rule: it has learned nothing", wanted="for policies")
    outside = math.nan if ground is None else ground.outside_frac
    words = "of readings unlike the policy's training" if math.isfinite(outside) else "nobody knows: train it anew"
    return _at_most_frac("known ground", outside, most, words)


def _at_most_frac(name: str, share: float, most: float, words: str) -> Check:
    """A share that is not known does not pass."""
    return Check(
        name=name, passed=share <= most, evidence=f"{percent(share)} {words}", wanted=f"{percent(most)} at most"
    )


def _at_least(name: str, value: float, least: float, evidence: str, wanted: str) -> Check:
    return Check(name=name, passed=value >= least, evidence=evidence, wanted=wanted)
