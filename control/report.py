"""The report of an evaluation: one self-contained HTML page that begins with the finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import Building, Kind
from airhandler.buildings.errors import UserError

from . import plots
from .face import Column, Face, Figures, rules_of
from .hostile import HOSTILE
from .kpis import OF_CENTRES, OF_PEOPLE, Kpis
from .numerals import SAME_FRAC, cell, mwh, percent, signed_percent
from .pages import Picture, render, versions
from .plots import AGENTS, REFERENCE, STOCK, Run
from .report_centre import CentreFace
from .report_office import OfficeFace
from .table import replacing

__all__ = ["Run", "finding", "write_report"]

_MAIN_METER_FRAC = 0.005  # a larger gap between the main meter and its parts is worth a remark

FACES: Mapping[Kind, Face] = {"data centre": CentreFace(), "office": OfficeFace()}
"""What differs between the kinds of buildings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """What the page says about one weather."""

    weather: str
    period: str
    limits: str
    finding: Sequence[str]
    tiles: Sequence[tuple[str, str, str]]
    columns: Sequence[Column]
    rows: Sequence[tuple[Run, Sequence[tuple[str, bool]]]]
    remarks: Sequence[str]
    pictures: Sequence[Picture]
    measures: Sequence[tuple[str, str, Sequence[str]]]


def write_report(path: Path, *, title: str, building: Building, runs: Sequence[Run], notes: Mapping[str, str]) -> None:
    """Writes one HTML file: finding, table, plots, all measures, glossary, provenance.

    Args:
        path: the file; its folder is made where it lacks.
        title: the page's headline.
        building: what the runs are of.
        runs: one for each controller and weather; plots need `stock`, and are best with `outdoor-reset`.
        notes: provenance: command, time, weather file, hash of the bundle, ...

    Raises UserError where the runs cannot be compared, or the file cannot be written.
    """
    weathers = _by_weather(runs)
    chapters = [_chapter(group[0].table.building, group, number) for number, group in enumerate(weathers.values())]
    page = render(
        "report.html.j2",
        title=title,
        building=building.file,
        words=FACES[building.kind].words,
        agents=AGENTS,
        chapters=chapters,
        provenance={**notes, "versions": versions()},
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def finding(building: Building, runs: Sequence[Run]) -> list[str]:
    """What came out, in plain sentences made from the numbers; the first is the headline.

    `runs` are of one weather. Without a learned controller it speaks of the one that used least.
    """
    spoken_of = _agents(runs) or [_least(runs)]
    return [sentence for run in spoken_of for sentence in _finding(building, run, runs)]


def _finding(building: Building, run: Run, runs: Sequence[Run]) -> Iterator[str]:
    face, name = FACES[building.kind], "The agent" if _agents(runs) == [run] else run.label
    stock, rule = _named(runs, STOCK), _best_rule(runs)
    energy, compared = _energy(building), list[str]()
    for other in (stock, rule):
        if other is not None and other is not run:
            compared.append(_against(run, other, noun="" if compared else f" {energy}"))
    used = " and ".join(compared) or f"{mwh(run.kpis.site_kwh)} MWh of {energy}"
    yield f"{name} used {used}; {face.kept(building, run)}."
    first, *rest = [*face.told(building, run, stock, rule), ""]
    acted = _acted_frac(run.kpis)
    yield " ".join(
        filter(None, [first, f"The shield intervened in {percent(acted)} of steps." if np.isfinite(acted) else ""])
    )
    yield from filter(None, rest)


def _against(run: Run, other: Run, *, noun: str) -> str:
    """«5.9 % less electricity than the best rule (Outdoor reset)», whichever way it is."""
    name = "the building's stock control" if other.name == STOCK else f"the best rule ({other.label})"
    saved = 1.0 - run.kpis.site_kwh / other.kpis.site_kwh
    if abs(saved) < SAME_FRAC:
        return f"as much{noun} as {name}"
    return f"{percent(abs(saved))} {'less' if saved > 0 else 'more'}{noun} than {name}"


def _by_weather(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by weather, in order. Raises UserError where runs of one weather cannot be compared."""
    if not runs:
        raise UserError("a report needs at least one run")
    weathers: dict[str, list[Run]] = {}
    for run in runs:
        weathers.setdefault(run.weather, []).append(run)
    for weather, group in weathers.items():
        labels = [run.label for run in group]
        if len(set(labels)) < len(labels):
            raise UserError(f"{weather}: two runs have one label: {', '.join(labels)}")
        if len({(run.kpis.steps, float(run.table.time_s[0])) for run in group}) > 1:
            lengths = ", ".join(f"{run.label}: {run.kpis.steps} from {run.table.time[0]}" for run in group)
            raise UserError(f"{weather}: runs of different steps cannot be compared: {lengths}")
    return weathers


def _chapter(building: Building, runs: Sequence[Run], number: int) -> Chapter:
    stock, columns = _named(runs, STOCK), FACES[building.kind].columns(building)
    return Chapter(
        weather=runs[0].weather,
        period=_period(building, runs[0]),
        limits=FACES[building.kind].limits(building),
        finding=finding(building, runs),
        tiles=list(_tiles(building, runs)),
        columns=columns,
        rows=[(run, _row(run, stock, columns)) for run in runs],
        remarks=[remark for run in runs for remark in _remarks(run)],
        pictures=[
            Picture(title=title, reading=reading, svg=plots.to_svg(figure, name=f"w{number}p{i}", title=title))
            for i, (title, reading, figure) in enumerate(_figures(building, runs))
        ],
        measures=list(_measures(building, [run.kpis for run in runs])),
    )


def _figures(building: Building, runs: Sequence[Run]) -> Figures:
    """Title, how to read it, and the plot, in the order of the page."""
    if len(runs) > 1 and _named(runs, STOCK):
        yield (
            f"Where the {_energy(building)} was saved",
            "Bars to the right of zero are savings against the stock control; one to the left is what was used more.",
            plots.energy_plot(runs),
        )
        yield (
            "When it was saved",
            "A line that rises saves against the stock control at that time; one that falls uses more.",
            plots.cumulative_plot(runs),
        )
    pair = _pair(runs)
    yield from FACES[building.kind].figures(runs, pair)
    yield from _weeks(FACES[building.kind], pair)
    for run in _agents(runs):
        if np.isfinite(run.kpis.shield_adjusted_frac):
            yield (
                "What the shield did",
                "Each cell is a share of the month's steps; several rules can act in one step, so that rows "
                "can add up to more than the first.",
                plots.shield_plot(run),
            )


def _weeks(face: Face, pair: Sequence[Run]) -> Figures:
    warm, cold = plots.extreme_weeks(pair[0].table)
    reading = (
        "Where lines part, the controllers decide differently; a cross is what was asked for where the "
        "shield gave something else. There is a line for each zone, the first the stronger."
    )
    if warm == cold:
        yield "The first days, step by step", reading, face.week(pair, warm)
        return
    yield "The warmest week", reading, face.week(pair, warm)
    yield "The coldest week", "As for the warmest week.", face.week(pair, cold)


def _tiles(building: Building, runs: Sequence[Run]) -> Iterator[tuple[str, str, str]]:
    """Figure, what it is, and beside what: of the learned controller, else of the one that used least."""
    run = (_agents(runs) or [_least(runs)])[0]
    k = run.kpis
    for other, name in ((_named(runs, STOCK), "stock control"), (_best_rule(runs), "the best rule")):
        if other is not None and other is not run:
            change = signed_percent(k.site_kwh / other.kpis.site_kwh - 1.0)
            beside = f"{mwh(k.site_kwh)} against {mwh(other.kpis.site_kwh)} MWh"
            yield change, f"{_energy(building)} against {name}", beside
    yield FACES[building.kind].tile(building, k)
    if np.isfinite(k.shield_adjusted_frac):
        beside = f"fallback in force for {k.fallback_minutes:,.0f} minutes"
        yield percent(_acted_frac(k)), "of steps with the shield acting", beside


def _row(run: Run, stock: Run | None, columns: Sequence[Column]) -> list[tuple[str, bool]]:
    """The cells of the main table after the name, and whether each is broken."""
    k = run.kpis
    change = signed_percent(k.site_kwh / stock.kpis.site_kwh - 1.0) if stock and stock is not run else "–"
    own = [(column.cell(k), column.bad(k)) for column in columns]
    return [(mwh(k.site_kwh), False), (change, False), *own, (percent(_acted_frac(k)), False)]


def _remarks(run: Run) -> Iterator[str]:
    """What a reader of the table must know about a run."""
    k = run.kpis
    if k.missing_frac > 0.0:
        share = percent(k.missing_frac)
        yield f"{run.label}: {share} of steps lack a value; they are left out, not filled in."
    if abs(k.unaccounted_kwh) > _MAIN_METER_FRAC * k.total_kwh:
        difference = mwh(k.unaccounted_kwh)
        yield f"{run.label}: the main meter differs from the sum of its parts by {difference} MWh."


def _measures(building: Building, columns: Sequence[Kpis]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, meaning with unit, and a cell a run, of every field of Kpis that the building has."""
    for f in fields(Kpis):
        values = [getattr(k, f.name) for k in columns]
        unit, words = f.metadata["unit"], f.metadata["words"]
        words += f" [{unit}]" if unit not in ("", "1") else ""
        if isinstance(values[0], Mapping):
            for key in dict.fromkeys(key for value in values for key in value):
                yield f"{f.name}: {key}", words, [cell(value.get(key, np.nan)) for value in values]
        elif f.name not in _foreign(building):
            yield f.name, words, [cell(value) for value in values]


def _foreign(building: Building) -> set[str]:
    """Measures of what a building does not have: meters, inlets, people."""
    meters = {f"{part}_kwh" for part, name in building.file.meters if name is None}
    priced = () if building.world else ("cost_usd", "carbon_kg", "event_kwh", "over_cap_kwh")
    return meters | {*priced, *(OF_PEOPLE if building.kind == "data centre" else OF_CENTRES)}


def _best_rule(runs: Sequence[Run]) -> Run | None:
    """The rule that a learned controller has to beat."""
    return FACES[runs[0].table.building.kind].best_rule(rules_of(runs)) if runs else None


def _energy(building: Building) -> str:
    """What is compared: all that is bought."""
    return "energy (electricity and gas)" if building.file.meters.gas else "electricity"


def _agents(runs: Sequence[Run]) -> list[Run]:
    """The learned runs that the page is about: those called agent, where there are any."""
    found = [[run for run in runs if run.name == name] for name in AGENTS]
    return next((group for group in found if group), [])


def _least(runs: Sequence[Run]) -> Run:
    meant = [run for run in runs if run.name not in HOSTILE]
    return min(meant or runs, key=lambda run: run.kpis.site_kwh)


def _pair(runs: Sequence[Run]) -> list[Run]:
    """The run that is looked at closely, after the one that it is held against."""
    run = (_agents(runs) or [_least(runs)])[0]
    beside = (_named(runs, REFERENCE), _best_rule(runs), _named(runs, STOCK))
    return [*[other for other in beside if other is not None and other is not run][:1], run]


def _acted_frac(k: Kpis) -> float:
    """Share of steps in which the shield intervened."""
    return k.shield_adjusted_frac + k.shield_rejected_frac


def _named(runs: Sequence[Run], name: str) -> Run | None:
    return next((run for run in runs if run.name == name), None)


def _period(building: Building, run: Run) -> str:
    first, last = run.table.time[0], run.table.time[-1]
    minutes = building.step_s / 60.0
    begin, end = (f"{t.day} {t:%B %Y %H:%M}" for t in (first, last))
    return f"{begin} to {end}, {run.kpis.steps:,} steps of {minutes:g} minutes"
