"""The report of an evaluation: one self-contained HTML page that begins with the finding."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES, ThermalClass
from airhandler.buildings.errors import UserError

from . import plots
from .kpis import Kpis
from .plots import AGENTS, REFERENCE, STOCK, Drawing, Run
from .table import replacing

__all__ = ["Run", "finding", "write_report"]

_PACKAGES = (
    "airhandler",
    "numpy",
    "matplotlib",
    "pyenergyplus-lbnl",
    "sinergym",
    "stable-baselines3",
    "torch",
)
_KWH_PER_MWH = 1000.0
_SAME_FRAC = 0.0005  # differences that would print as 0.0 % are called the same
_MAIN_METER_FRAC = 0.005  # a larger gap between the main meter and its parts is worth a remark
_S_PER_H = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One plot on the page."""

    title: str
    reading: str
    svg: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """What the page says about one weather."""

    weather: str
    period: str
    finding: Sequence[str]
    tiles: Sequence[tuple[str, str, str]]
    rows: Sequence[tuple[Run, Sequence[str]]]
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
    import jinja2

    weathers = _by_weather(runs)
    chapters = [_chapter(building, group, number) for number, group in enumerate(weathers.values())]
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = pages.get_template("report.html.j2").render(
        title=title,
        building=building.file,
        limits=_limits(building),
        agents=AGENTS,
        chapters=chapters,
        provenance={**notes, "versions": _versions()},
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
    name = "The agent" if _agents(runs) == [run] else run.label
    stock, rule = _named(runs, STOCK), _best_rule(runs)
    compared: list[str] = []
    for other in (stock, rule):
        if other is not None and other is not run:
            compared.append(_against(run, other, noun="" if compared else " electricity"))
    used = " and ".join(compared) or f"{_mwh(run.kpis.total_kwh)} MWh of electricity"
    yield f"{name} used {used}; {_allowable(building, run)}."
    yield _comfort(building, run)
    if rule is not None and run.kpis.above_recommended_frac > rule.kpis.above_recommended_frac + _SAME_FRAC:
        share = _percent(rule.kpis.above_recommended_frac)
        yield f"{rule.label} was above it in {share}: the two did not run at equal temperatures."


def _against(run: Run, other: Run, *, noun: str) -> str:
    """«5.9 % less electricity than the best rule (Outdoor reset)», whichever way it is."""
    name = "the building's stock control" if other.name == STOCK else f"the best rule ({other.label})"
    saved = 1.0 - run.kpis.total_kwh / other.kpis.total_kwh
    if abs(saved) < _SAME_FRAC:
        return f"as much{noun} as {name}"
    return f"{_percent(abs(saved))} {'less' if saved > 0 else 'more'}{noun} than {name}"


def _allowable(building: Building, run: Run) -> str:
    limits, k = _limits(building).allowable, run.kpis
    if np.isnan(k.above_allowable_frac):
        return "no inlet temperature is known"
    hours = k.steps * building.step_s / _S_PER_H
    sides = (
        ("above", k.above_allowable_frac, limits.high_c),
        ("below", k.below_allowable_frac, limits.low_c),
    )
    broken = [
        f"an inlet was {side} the allowable {limit_c:g} °C in {_percent(share)} of steps ({share * hours:,.1f} h)"
        for side, share, limit_c in sides
        if share > 0.0
    ]
    return " and ".join(broken) or f"no step outside the allowable {limits.low_c:g} to {limits.high_c:g} °C"


def _comfort(building: Building, run: Run) -> str:
    limits, k = _limits(building).recommended, run.kpis
    acted = _acted_frac(k)
    return (
        f"The warmest inlet was {_number(k.inlet_max_c)} °C; "
        f"an inlet was above the recommended {limits.high_c:g} °C in {_percent(k.above_recommended_frac)} "
        f"of steps, below {limits.low_c:g} °C in {_percent(k.below_recommended_frac)}."
        + (f" The shield intervened in {_percent(acted)} of steps." if np.isfinite(acted) else "")
    )


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
    return Chapter(
        weather=runs[0].weather,
        period=_period(building, runs[0]),
        finding=finding(building, runs),
        tiles=list(_tiles(building, runs)),
        rows=[(run, _row(run, _named(runs, STOCK))) for run in runs],
        remarks=[remark for run in runs for remark in _remarks(run)],
        pictures=[
            Picture(title=title, reading=reading, svg=plots.to_svg(figure, name=f"w{number}p{i}", title=title))
            for i, (title, reading, figure) in enumerate(_figures(runs))
        ],
        measures=list(_measures([run.kpis for run in runs])),
    )


def _figures(runs: Sequence[Run]) -> Iterator[tuple[str, str, Drawing]]:
    """Title, how to read it, and the plot, in the order of the page."""
    if len(runs) > 1 and _named(runs, STOCK):
        yield (
            "Where the electricity was saved",
            "Bars to the right of zero are savings against the stock control; what cooling saves and warmer "
            "servers use again shows as a bar to the left.",
            plots.energy_plot(runs),
        )
        yield (
            "When it was saved",
            "A line that rises saves against the stock control at that time; one that falls uses more.",
            plots.cumulative_plot(runs),
        )
    yield (
        "Energy against warm inlets",
        "Further left is less electricity, further down is cooler; a red rim marks a run with a step above "
        "the allowable limit.",
        plots.trade_plot(runs),
    )
    yield (
        "How warm the worst inlet was",
        "Where a line crosses a limit, the axis below says how often the worst inlet was warmer than that.",
        plots.inlet_plot(runs),
    )
    yield (
        "What each does at which outdoor temperature",
        "Lines are medians over bins of 2 K; half of all steps lie in the shaded band around them.",
        plots.map_plot(_pair(runs)),
    )
    yield from _weeks(_pair(runs))
    for run in _agents(runs):
        if np.isfinite(run.kpis.shield_adjusted_frac):
            yield (
                "What the shield did",
                "Each cell is a share of the month's steps; several rules can act in one step, so that rows "
                "can add up to more than the first.",
                plots.shield_plot(run),
            )


def _weeks(pair: Sequence[Run]) -> Iterator[tuple[str, str, Drawing]]:
    warm, cold = plots.extreme_weeks(pair[0].table)
    reading = (
        "Where lines part, the controllers decide differently; a cross is what was asked for where the "
        "shield gave something else. There is a line for each zone, the first the stronger."
    )
    if warm == cold:
        yield "The first days, step by step", reading, plots.week_plot(pair, warm)
        return
    yield "The warmest week", reading, plots.week_plot(pair, warm)
    yield "The coldest week", "As for the warmest week.", plots.week_plot(pair, cold)


def _tiles(building: Building, runs: Sequence[Run]) -> Iterator[tuple[str, str, str]]:
    """Figure, what it is, and beside what: of the learned controller, else of the one that used least."""
    run = (_agents(runs) or [_least(runs)])[0]
    k, limits = run.kpis, _limits(building)
    for other, name in ((_named(runs, STOCK), "stock control"), (_best_rule(runs), "the best rule")):
        if other is not None and other is not run:
            change = _signed_percent(k.total_kwh / other.kpis.total_kwh - 1.0)
            beside = f"{_mwh(k.total_kwh)} against {_mwh(other.kpis.total_kwh)} MWh"
            yield change, f"electricity against {name}", beside
    ranges = f"recommended to {limits.recommended.high_c:g}, allowable to {limits.allowable.high_c:g} °C"
    yield f"{_number(k.inlet_max_c)} °C", "warmest server inlet", ranges
    if np.isfinite(k.shield_adjusted_frac):
        beside = f"fallback in force for {k.fallback_minutes:,.0f} minutes"
        yield _percent(_acted_frac(k)), "of steps with the shield acting", beside


def _row(run: Run, stock: Run | None) -> list[str]:
    """The cells of the main table, after the name."""
    k = run.kpis
    change = _signed_percent(k.total_kwh / stock.kpis.total_kwh - 1.0) if stock and stock is not run else "–"
    energies = [_mwh(value) for value in (k.hvac_kwh, k.server_fans_kwh, k.it_kwh)]
    shares = (k.above_recommended_frac, k.below_recommended_frac, k.above_allowable_frac)
    inlet = [f"{_number(k.inlet_max_c)}", *(_percent(share) for share in shares)]
    return [_mwh(k.total_kwh), change, *energies, _number(k.pue, 3), *inlet, _percent(_acted_frac(k))]


def _remarks(run: Run) -> Iterator[str]:
    """What a reader of the table must know about a run."""
    k = run.kpis
    if k.missing_frac > 0.0:
        share = _percent(k.missing_frac)
        yield f"{run.label}: {share} of steps lack a value; they are left out, not filled in."
    if abs(k.unaccounted_kwh) > _MAIN_METER_FRAC * k.total_kwh:
        difference = _mwh(k.unaccounted_kwh)
        yield f"{run.label}: the main meter differs from the sum of its parts by {difference} MWh."


def _measures(columns: Sequence[Kpis]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, meaning with unit, and a cell a run, of every field of Kpis."""
    for f in fields(Kpis):
        values = [getattr(k, f.name) for k in columns]
        unit, words = f.metadata["unit"], f.metadata["words"]
        words += f" [{unit}]" if unit not in ("", "1") else ""
        if not isinstance(values[0], Mapping):
            yield f.name, words, [_cell(value) for value in values]
            continue
        for key in dict.fromkeys(key for value in values for key in value):
            yield f"{f.name}: {key}", words, [_cell(value.get(key, np.nan)) for value in values]


def _best_rule(runs: Sequence[Run]) -> Run | None:
    """The rule that used least, of those that kept to the allowable range if any did."""
    rules = [run for run in runs if run.name not in (STOCK, "floor", *AGENTS)]
    return min(rules, key=lambda r: (r.kpis.above_allowable_frac > 0.0, r.kpis.total_kwh), default=None)


def _agents(runs: Sequence[Run]) -> list[Run]:
    """The learned runs that the page is about: those called agent, where there are any."""
    found = [[run for run in runs if run.name == name] for name in AGENTS]
    return next((group for group in found if group), [])


def _least(runs: Sequence[Run]) -> Run:
    return min(runs, key=lambda run: run.kpis.total_kwh)


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


def _limits(building: Building) -> ThermalClass:
    return THERMAL_CLASSES[building.file.shield.inlet_class]


def _period(building: Building, run: Run) -> str:
    first, last = run.table.time[0], run.table.time[-1]
    minutes = building.step_s / 60.0
    begin, end = (f"{t.day} {t:%B %Y %H:%M}" for t in (first, last))
    return f"{begin} to {end}, {run.kpis.steps:,} steps of {minutes:g} minutes"


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def _number(value: float, digits: int = 1) -> str:
    return f"{value:,.{digits}f}" if np.isfinite(value) else "–"


def _mwh(kwh: float) -> str:
    return _number(kwh / _KWH_PER_MWH)


def _percent(share: float) -> str:
    """A share as per cent; one that is not zero never prints as zero."""
    if not np.isfinite(share):
        return "–"
    return "<0.1\u00a0%" if 0.0 < share < _SAME_FRAC else f"{100.0 * share:.1f}\u00a0%"


def _signed_percent(change: float) -> str:
    if not np.isfinite(change):
        return "–"
    return f"{100.0 * change:+.1f}\u00a0%".replace("-", "−")


def _cell(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000.0 or value == round(value) else f"{value:.4g}"
