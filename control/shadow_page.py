"""The page of a shadow run: the finding, the checklist, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import plots, plots_shadow
from .counterfactual import Counterfactual, counterfactual
from .numerals import mwh, number, percent, signed_percent
from .pages import Picture, render, versions
from .plots import Run
from .promotion import Promotion
from .savings import PartSaved, Savings
from .shadow_findings import Findings
from .table import replacing


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A table of the page."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One part of the page."""

    title: str
    words: Sequence[str] = ()
    remarks: Sequence[str] = ()
    tables: Sequence[Grid] = ()
    pictures: Sequence[Picture] = ()


def write_page(
    path: Path, found: Findings, promotion: Promotion, notes: Mapping[str, str], title: str | None = None
) -> None:
    """Writes one self-contained HTML file. Raises UserError where it cannot be written."""
    page = render(
        "shadow.html.j2",
        title=title or f"Shadow: {found.shadowed.controller} beside {found.shadowed.site}",
        building=found.run.building.file,
        site=found.shadowed.site,
        period=_period(found),
        finding=list(finding(found, promotion)),
        tiles=list(_tiles(found, promotion)),
        passed=promotion.passed,
        checks=promotion.checks,
        sections=list(_sections(found)),
        provenance={**_provenance(found), **notes, "versions": versions()},
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def finding(found: Findings, promotion: Promotion) -> Iterator[str]:
    """What came out, in plain sentences made from the numbers; the first is the headline."""
    saved, inlets = found.savings, found.inlets
    broke = _broke(found)
    if saved.told:
        less = "saved" if saved.saved_kwh >= 0.0 else "used more:"
        yield (
            f"In {found.days:.0f} days the controller would have {less} {mwh(abs(saved.saved_kwh))} MWh, "
            f"{percent(abs(saved.saved_frac))} of {mwh(saved.was_kwh)} MWh, and {broke}."
        )
        yield (
            f"The 95 % interval is {mwh(saved.low_kwh)} to {mwh(saved.high_kwh)} MWh. "
            f"In {percent(saved.outside_frac)} of steps the controller would have gone where the building's own "
            "control "
            "never was; there it is the physics of the model that speaks, not the record."
        )
    else:
        it = "it " if inlets is not None else ""
        yield f"What the controller would have saved cannot be told from this record, and {it}{broke}."
        yield f"Why not: {saved.why_not}."
    yield (
        f"The two agree about every set-point in {percent(found.agreed_frac)} of steps. The shield let "
        f"{percent(found.verdicts['allowed'])} of the proposals pass, adjusted {percent(found.verdicts['adjusted'])} "
        "and "
        f"rejected {percent(found.verdicts['rejected'])}."
    )
    if found.truth is not None:
        yield (
            f"The truth, from {len(found.truth.saved_w):,} branches of the simulation: "
            f"{number(found.truth.mean_saved_w / 1e3, 2)} kW saved where the estimate says "
            f"{number(found.truth.mean_estimated_w / 1e3, 2)} kW."
        )
    if not promotion.passed:
        yield f"It does not pass: {', '.join(check.name for check in promotion.failed)}."
    if inlets is not None and inlets.known_frac < 1.0:
        yield f"Of {percent(1.0 - inlets.known_frac)} of steps nothing can be said about the inlets."


def _broke(found: Findings) -> str:
    inlets = found.inlets
    if inlets is None:
        return "what people would have felt is not predicted"
    if inlets.above_allowable_frac > 0.0:
        return f"would have been above what is allowable in {percent(inlets.above_allowable_frac)} of steps"
    if inlets.above_recommended_frac > 0.0:
        share = percent(inlets.above_recommended_frac)
        return f"would have kept every inlet allowable, with one above recommended in {share} of steps"
    return "would have kept every inlet within the recommended limit"


def _tiles(found: Findings, promotion: Promotion) -> Iterator[tuple[str, str, str]]:
    s, passed = found.savings, sum(check.passed for check in promotion.checks)
    yield f"{passed} of {len(promotion.checks)}", "lines of the checklist pass", "all must, before it may write"
    if s.told:
        beside = f"95 %: {signed_percent(-s.high_kwh / s.was_kwh)} to {signed_percent(-s.low_kwh / s.was_kwh)}"
        yield signed_percent(-s.saved_frac), "electricity against its own control", beside
    if found.inlets is not None:
        beside = f"{percent(found.inlets.above_recommended_frac)} of steps above recommended"
        yield f"{found.inlets.warmest_c:.1f} °C", "warmest inlet, predicted", beside
    beside = f"{percent(found.verdicts['rejected'])} rejected"
    yield (
        percent(found.verdicts["adjusted"] + found.verdicts["rejected"]),
        "of proposals with the shield acting",
        beside,
    )


def _sections(found: Findings) -> Iterator[Section]:
    air = counterfactual(found.run) if found.inlets is not None else None
    yield _savings(found)
    if found.truth is not None:
        yield _truth(found)
    if found.inlets is not None:
        yield _inlets(found)
    yield _agreement(found)
    yield _shield(found)
    yield _weeks(found, air)
    yield _record(found)


def _savings(found: Findings) -> Section:
    s = found.savings
    words = {
        "physics": "By a model of the air: fan power by airflow, cooling by the heat above what weather gives for "
        "nothing, chilled water at a price that follows its temperatures and the tower's, "
        "servers by their load and inlets, fitted on this record. Weather varies by itself, and so tells what other "
        "set-points would do even where the building's own control stands still.",
        "regression": "By a regression on weather, hour and set-points, fitted on this record: it knows of a "
        "set-point only "
        "what the building's own control tried.",
        "none": "There is nothing that a model could be fitted on.",
    }[s.method]
    rows = [_saved_row(part.name, part.was_kwh, part, part.outside_frac) for part in s.parts]
    if len(rows) > 1:
        rows.append(_saved_row("in all", s.was_kwh, s, s.outside_frac))
    quality = (
        f"Hourly sums on days that were not fitted on are off by {percent(s.cv_rmse_frac)} (CV(RMSE)), on average by "
        f"{percent(abs(s.nmbe_frac))} (NMBE). {percent(s.steps_frac)} of steps have all that is needed."
    )
    head = ("Part", "Used, MWh", "Saved, MWh", "95 % interval, MWh", "Outside the record")
    pictures = [
        _picture(
            "Where it would have been saved", "Black lines are 95 % intervals.", plots_shadow.parts_plot(s), "parts"
        ),
        _picture("When", "Without an interval.", plots_shadow.time_plot(found.run, s), "when"),
    ]
    return Section(
        title="What would have been saved",
        words=[words, quality] if s.parts else [words],
        remarks=[] if s.told else [f"Not to be relied on: {s.why_not}."],
        tables=[Grid(head=head, rows=rows)] if rows else [],
        pictures=pictures if s.parts else [],
    )


def _saved_row(name: str, was_kwh: float, saved: PartSaved | Savings, outside_frac: float) -> tuple[str, ...]:
    low, middle, high = (_signed(kwh / 1e3) for kwh in (saved.low_kwh, saved.saved_kwh, saved.high_kwh))
    return name, mwh(was_kwh), middle, f"{low} to {high}", percent(outside_frac)


def _truth(found: Findings) -> Section:
    truth = found.truth
    assert truth is not None
    error = truth.mean_estimated_w - truth.mean_saved_w
    words = (
        f"The site is simulated, so the truth can be had: {len(truth.saved_w):,} times the simulation was branched, "
        "the "
        "controller put in charge behind the shield for three hours, and the last of them compared with the record. "
        f"On average the estimate is {_signed(error / 1e3)} kW from the truth "
        f"({number(truth.mean_saved_w / 1e3, 2)} kW "
        f"saved). In {percent(truth.above_recommended_frac)} of the branches an inlet was above recommended, in "
        f"{percent(truth.above_allowable_frac)} above allowable."
    )
    picture = _picture("Estimate and truth", "A point a branch.", plots_shadow.truth_plot(truth), "truth")
    return Section(title="How good the estimate is", words=[words], pictures=[picture])


def _inlets(found: Findings) -> Section:
    i = found.inlets
    assert i is not None
    words = (
        "The inlets as the mass balance of the shield predicts them, with the leak and the bias that the record "
        "shows. Its "
        f"error on the record's own inlets is {i.error_k:.2f} K on average; its bound of {i.bound_k:.2f} K on average "
        "holds "
        f"{percent(i.covered_frac)} of them (nominal 95 %)."
    )
    rows = [
        ("above recommended", *map(percent, (i.was_above_recommended_frac, i.above_recommended_frac,
                                             i.above_recommended_most_frac))),
        ("above allowable", "–", *map(percent, (i.above_allowable_frac, i.above_allowable_most_frac))),
    ]  # fmt: skip
    head = (
        "Share of steps with an inlet",
        "Own control, measured",
        "Controller, predicted",
        "With the error against it",
    )
    return Section(title="What it would have broken", words=[words], tables=[Grid(head=head, rows=rows)])


def _agreement(found: Findings) -> Section:
    head = ("Set-point", "Agree within", "Agree in", "Own control", "Controller", "Difference", "Apart")
    rows = [
        (
            a.setpoint,
            f"{a.tolerance:.2g} {a.unit}",
            percent(a.agreed_frac),
            number(a.stood, 2),
            number(a.asked, 2),
            _signed(a.difference),
            number(a.apart, 2),
        )
        for a in found.agreements
    ]
    told = (
        f"The site told what its own control asks for in {percent(found.run.told_frac)} of cases; else it is what "
        "sensors "
        "showed. Differences are the controller less its own control, means of all steps; apart is the mean of their "
        "size."
    )
    picture = _picture(
        "Who asks for what in which weather",
        "Medians over the outdoor temperature, and the middle half of the steps.",
        plots_shadow.setpoint_plot(found.run),
        "map",
    )
    return Section(
        title="Where the two agree, and where not",
        words=[told],
        tables=[Grid(head=head, rows=rows), *_situations(found)],
        pictures=[picture],
    )


def _situations(found: Findings) -> Iterator[Grid]:
    """Mean differences by situation, a column a set-point; of a large hall the first eight."""
    shown = found.agreements[:8]
    names = list(dict.fromkeys(s.words for a in shown for s in a.situations))
    by_name = [{s.words: s.difference for s in a.situations} for a in shown]
    rows = [(name, *(_signed(by.get(name, np.nan)) for by in by_name)) for name in names]
    yield Grid(head=("Difference when", *(f"{_spaced(a.setpoint)} [{a.unit}]" for a in shown)), rows=rows)


def _spaced(name: str) -> str:
    """A name that may be broken into lines."""
    return name.replace("_", " ")


def _signed(value: float, digits: int = 2) -> str:
    return number(value, digits).replace("-", "−")


def _shield(found: Findings) -> Section:
    rows = [(rule, percent(share)) for rule, share in sorted(found.kpis.shield_by_rule.items(), key=lambda r: -r[1])]
    words = (
        f"Mean correction: {percent(found.kpis.shield_mean_correction_frac)} of the set-points' ranges. In shadow a "
        "controller does not see what its own set-points do: one that adds up what it sees, such as trim and respond, "
        "asks "
        "for more and more, and the shield holds it more often than it would in charge."
    )
    run = Run(name="policy", label="shadow", weather="", table=found.run.table, kpis=found.kpis)
    shown = (
        [_picture("When it acted", "A share of the month's steps.", plots.shield_plot(run), "shield")] if rows else []
    )
    grids = [Grid(head=("Rule", "Of the verdicts"), rows=rows)] if rows else []
    return Section(title="What the shield did", words=[words], tables=grids, pictures=shown)


def _weeks(found: Findings, air: Counterfactual | None) -> Section:
    warm, cold = plots.extreme_weeks(found.run.table)
    firsts = {"The warmest week": warm, "The coldest week": cold} if warm != cold else {"The first days": warm}
    pictures = [
        _picture(
            title,
            "Grey is the building's own control, blue the controller, had it been in charge.",
            plots_shadow.week_plot(found.run, found.savings, air, first),
            f"week{place}",
        )
        for place, (title, first) in enumerate(firsts.items())
    ]
    return Section(title="Step by step", pictures=pictures)


def _record(found: Findings) -> Section:
    ground = found.ground
    known = (
        "The controller of the run is gone or has changed: what it knows cannot be asked."
        if ground is None
        else "A rule has learned nothing: there is no ground that it would not know."
        if not ground.learned
        else f"In {percent(ground.beyond_frac)} of readings the site was further from the policy's training than "
        "nearly all "
        f"of that was, in {percent(ground.outside_frac)} outside of what it knows."
    )
    words = [known, f"{percent(found.kpis.missing_frac)} of steps lack a value for energy, inlets or comfort."]
    mends = [(str(m["what"]), f"{m['count']:,}", "; ".join(m["first"])) for m in found.shadowed.mended]
    grids = [Grid(head=("Mended in the recording", "How many", "First"), rows=mends)] if mends else []
    return Section(title="What it rests on", words=words, tables=grids)


def _picture(title: str, reading: str, figure: plots.Drawing, name: str) -> Picture:
    return Picture(title=title, reading=reading, svg=plots.to_svg(figure, name=name, title=title))


def _period(found: Findings) -> str:
    first, last = found.run.table.time[0], found.run.table.time[-1]
    begin, end = (f"{t.day} {t:%B %Y %H:%M}" for t in (first, last))
    return f"{begin} to {end}, {len(found.run.table) - 1:,} steps of {found.run.building.step_s / 60.0:g} minutes"


def _provenance(found: Findings) -> dict[str, str]:
    return {
        "controller": f"{found.shadowed.controller}, SHA-256 {found.shadowed.controller_sha256}",
        "building file": f"{found.run.building.reference}, SHA-256 {found.shadowed.building_sha256}",
        "run ended": found.shadowed.why,
    }
