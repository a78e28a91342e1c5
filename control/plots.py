"""Plots of runs: each function draws one Figure; `to_svg` and `write_png` put it on paper."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from airhandler.buildings.envelope import THERMAL_CLASSES, ThermalClass
from airhandler.buildings.known import Array

from .kpis import Kpis
from .table import Mask, TickTable, replacing

STOCK, REFERENCE = "stock", "outdoor-reset"
AGENTS = ("agent", "policy")  # what learned controllers are called; the first is what a page is about

# Told apart by the colour-blind. Source: Okabe and Ito, Color Universal Design, 2008.
GREY, BLUE, _VERMILION = "#6b7280", "#0072b2", "#d55e00"
_KNOWN_COLOURS = {STOCK: GREY, REFERENCE: _VERMILION} | dict.fromkeys(AGENTS, BLUE)
_OTHER_COLOURS = ("#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
BAND, GOOD, INK, _LIMIT = "#e3f1e8", "#2f6f4f", "#1f2933", "#b91c1c"
SAME = 1e-9  # set-points that differ by less are the same

type Drawing = Figure
"""What every function here draws."""

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#9aa5b1",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.dpi": 150,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "svg.hashsalt": "airhandler",
    "text.color": INK,
    "xtick.color": "#52606d",
    "xtick.labelsize": 8,
    "ytick.color": "#52606d",
    "ytick.labelsize": 8,
}
styled = mpl.rc_context(_STYLE)
_dates: Any = mpl.dates  # has no types
WIDTH_IN = 9.6
_KWH_PER_MWH = 1000.0
W_PER_KW = 1000.0
_S_PER_DAY = 86400.0
_DAYS_SHOWN = 7


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One controller's run, and what it cost.

    Attributes:
        name: of the controller: `stock`, `outdoor-reset`, `agent` or `policy` (a learned one), ...
        label: what readers call it.
        weather: where and when.
    """

    name: str
    label: str
    weather: str
    table: TickTable
    kpis: Kpis


def to_svg(figure: Figure, *, name: str, title: str) -> str:
    """SVG text to put into a page: every id begins with `name`, the width is the page's, text stays text."""
    text = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{name}-", svg)
    svg = re.sub(r'^<svg (.*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'^<svg (.*?)height="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r' (d|x|y)="[^"]*"', lambda match: re.sub(r"(\.\d\d)\d+", r"\1", match[0]), svg)
    label = html.escape(title, quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def write_png(figure: Figure, path: Path, *, dpi: float = 150.0) -> None:
    """Writes a PNG, whole or not at all. Raises UserError where it cannot."""
    with replacing(path) as temporary, mpl.rc_context(_STYLE):
        figure.savefig(temporary, format="png", dpi=dpi, facecolor="white")


@styled
def energy_plot(runs: Sequence[Run]) -> Figure:
    """What each controller saved against stock: in all, and where. The runs hold one named `stock`."""
    stock = next(run for run in runs if run.name == STOCK)
    shown = [run for run in runs if run is not stock]
    parts = _parts(stock)
    figure = Figure(figsize=(WIDTH_IN, 1.0 + 0.46 * len(shown)), layout="constrained")
    panels = figure.subplots(1, len(parts), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, part) in zip(panels, parts.items(), strict=True):
        _saved_bars(axes, shown, stock, part)
        axes.set_title(title)
    panels[0].set_yticks(range(len(shown)), [run.label for run in shown])
    panels[0].invert_yaxis()
    low, high = panels[0].get_xlim()
    panels[0].set_xlim(low - 0.6 * (high - low) * (low < 0), high + 0.6 * (high - low))
    figure.supxlabel("MWh saved against stock, and per cent of stock (left of zero: used more)", fontsize=8.5)
    return figure


def _parts(stock: Run) -> dict[str, str]:
    """Which energies a building's savings are shown by: title to field of Kpis."""
    if stock.table.building.kind == "data centre":
        servers = {"Servers (IT)": "it_kwh", "of which server fans": "server_fans_kwh"}
        return {"Total": "total_kwh", "HVAC": "hvac_kwh", **servers}
    gas = {"Gas": "gas_kwh"} if stock.table.building.file.meters.gas else {}
    return {"Electricity": "total_kwh", "HVAC": "hvac_kwh", "of which fans": "fans_kwh", **gas}


@styled
def trade_plot(runs: Sequence[Run]) -> Figure:
    """Energy against what it is for, one mark a controller: warm inlets, or discomfort."""
    figure = Figure(figsize=(WIDTH_IN, 3.2), layout="constrained")
    axes = figure.subplots()
    for (run, colour), marker in zip(coloured(runs), _cycle(_MARKERS, len(runs)), strict=True):
        total_mwh, warm = run.kpis.site_kwh / _KWH_PER_MWH, 100.0 * run.kpis.missed_frac
        label = f"{run.label}: {total_mwh:.1f} MWh, {warm:.1f} %"
        broke = run.kpis.above_allowable_frac > 0.0
        edge, width = (_LIMIT, 1.8) if broke else ("white", 0.8)
        axes.scatter(total_mwh, warm, s=80, color=colour, marker=marker, label=label, zorder=3,
                     edgecolors=edge, linewidths=width, clip_on=False)  # fmt: skip
    axes.margins(x=0.08, y=0.15)
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), max(1.0, axes.get_ylim()[1]))
    building = runs[0].table.building
    inlets = building.kind == "data centre"
    axes.set_xlabel("Electricity and gas [MWh]" if building.file.meters.gas else "Total electricity [MWh]")
    axes.set_ylabel("Steps with an inlet\nabove recommended [%]" if inlets else "Occupied steps with\ndiscomfort [%]")
    axes.annotate("better", (0.015, 0.05), (0.09, 0.24), xycoords="axes fraction", color=GREY,
                  ha="center", arrowprops={"arrowstyle": "->", "color": GREY})  # fmt: skip
    figure.legend(loc="outside right center")
    return figure


def extreme_weeks(table: TickTable) -> tuple[int, int]:
    """First ticks of the warmest and of the coldest seven days by mean outdoor temperature, from midnight on.

    A run that is shorter than seven days gives its first tick twice.
    """
    outdoor_c = table.measured[table.building.file.outdoor_temp]
    per_day = round(_S_PER_DAY / table.building.step_s)
    time = table.local_time
    day = time.astype("datetime64[D]")
    midnights = np.flatnonzero(np.append(time[:1] == day[:1], day[1:] > day[:-1]))
    starts = [int(n) for n in midnights if n + _DAYS_SHOWN * per_day < len(table)]
    weeks = {s: outdoor_c[s : s + _DAYS_SHOWN * per_day] for s in starts}
    means = {s: float(np.nanmean(week)) for s, week in weeks.items() if np.isfinite(week).any()}
    return (max(means, key=means.__getitem__), min(means, key=means.__getitem__)) if means else (0, 0)


@styled
def week_plot(runs: Sequence[Run], first: int) -> Figure:
    """Seven days, step by step: outdoors, set-points asked for and given, worst inlet, HVAC power."""
    figure = Figure(figsize=(WIDTH_IN, 7.4), layout="constrained")
    rows = figure.subplots(5, 1, sharex=True, height_ratios=(0.8, 1.2, 1.0, 1.2, 1.0))
    building = runs[0].table.building
    span = week_span(runs[0].table, first)
    time = runs[0].table.local_time[span]
    rows[0].plot(time, runs[0].table.measured[building.file.outdoor_temp][span], color=INK, lw=1.2)
    for run, colour in coloured(runs):
        zones = building.zones.values()
        _setpoint_lines(rows[1], run.table, [z.supply_temp_setpoint for z in zones], span, colour)
        _setpoint_lines(rows[2], run.table, [z.supply_flow_setpoint for z in zones], span, colour)
        rows[3].plot(time, worst_inlet_c(run.table)[span], color=colour)
        hvac_kw = run.table.measured[building.file.meters.hvac][span] / W_PER_KW
        rows[4].plot(time, hvac_kw, color=colour, drawstyle="steps-pre", lw=1.0)
    _inlet_limits(rows[3], _limits(runs[0].table))
    titles = ("Outdoor air [°C]", "Supply air set-point [°C]", "Airflow set-point [kg/s]")
    for axes, title in zip(rows, (*titles, "Worst server inlet [°C]", "HVAC power [kW]"), strict=True):
        axes.set_title(title)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    rows[4].set_ylim(bottom=0.0)
    days_below(rows[4], time)
    figure.legend(handles=week_legend(runs), loc="outside upper left", ncols=5)
    return figure


def week_span(table: TickTable, first: int) -> slice:
    """The ticks of seven days."""
    return slice(first, first + round(_DAYS_SHOWN * _S_PER_DAY / table.building.step_s) + 1)


def days_below(axes: Axes, time: NDArray[np.datetime64]) -> None:
    """One mark for each day on the axis of time."""
    axes.set_xlim(time[0], time[-1])
    axes.xaxis.set_major_locator(_dates.DayLocator())
    axes.xaxis.set_major_formatter(_dates.DateFormatter("%a %d %b"))


@styled
def map_plot(runs: Sequence[Run], *, bin_k: float = 2.0) -> Figure:
    """What each controller does at which outdoor temperature: median of each bin, and its middle half."""
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for run, colour in coloured(runs):
        zones = run.table.building.zones.values()
        outdoor_c = np.tile(run.table.measured[run.table.building.file.outdoor_temp], len(zones))
        supply_c = np.concatenate([run.table.applied[z.supply_temp_setpoint] for z in zones])
        flow = np.concatenate([run.table.measured[z.supply_flow] for z in zones])
        drawn = np.concatenate([run.table.measured[z.server_flow] for z in zones])
        ratio = np.divide(flow, drawn, out=np.full_like(flow, np.nan), where=drawn > 0.0)
        binned(left, outdoor_c, supply_c, bin_k, colour, run.label)
        binned(right, outdoor_c, ratio, bin_k, colour, run.label)
    left.set_title("Supply air set-point [°C]")
    right.set_title("Supply airflow per server airflow [1]")
    right.axhline(1.0, color=_LIMIT, lw=1.0, ls="--")
    note(right, "below: servers draw more than is supplied", 1.0, colour=_LIMIT)
    right.margins(y=0.12)
    for axes in (left, right):
        axes.set_xlabel("Outdoor temperature [°C]")
    left.legend(*right.get_legend_handles_labels(), loc="upper left")
    return figure


@styled
def inlet_plot(runs: Sequence[Run]) -> Figure:
    """How much of the time the worst inlet was how warm: the whole run, and its warmest part."""
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    whole, warmest = figure.subplots(1, 2, sharey=True)
    for run, colour in coloured(runs):
        worst_c = worst_inlet_c(run.table)[1:]
        worst_c = worst_c[np.isfinite(worst_c)]
        for axes, upto in ((whole, 100.0), (warmest, 5.0)):
            share = np.linspace(0.0, upto, 201)
            if worst_c.size:
                axes.plot(share, np.percentile(worst_c, 100.0 - share), color=colour, label=run.label)
            axes.set_xlim(0.0, upto)
    for axes, title in ((whole, "All steps"), (warmest, "The warmest 5 % of steps")):
        _inlet_limits(axes, _limits(runs[0].table))
        axes.set_title(title)
        axes.set_xlabel("Share of steps with a worst inlet this warm or warmer [%]")
    whole.set_ylabel("Worst server inlet [°C]")
    figure.legend(*whole.get_legend_handles_labels(), loc="outside right center")
    return figure


@styled
def shield_plot(run: Run) -> Figure:
    """Share of steps in which each rule intervened, month by month."""
    masks = _interventions(run.table)
    months, month = np.unique(run.table.local_time[:-1].astype("datetime64[M]"), return_inverse=True)
    judged = np.bincount(month, weights=run.table.judged[:-1])
    share = np.array([100.0 * np.bincount(month, weights=m) / np.maximum(1, judged) for m in masks.values()])
    figure = Figure(figsize=(WIDTH_IN, 1.1 + 0.34 * len(masks)), layout="constrained")
    axes = figure.subplots()
    axes.grid(visible=False)
    axes.imshow(share, aspect="auto", cmap="Oranges", vmin=0.0, vmax=max(1.0, 1.4 * share.max()))
    for (row, column), value in np.ndenumerate(share):
        axes.text(column, row, _percent(value), ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(months)), _month_names(months))
    axes.set_yticks(range(len(masks)), list(masks))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{run.label}: steps in which the shield intervened [%]")
    return figure


@styled
def cumulative_plot(runs: Sequence[Run]) -> Figure:
    """Electricity, and gas where there is any, saved against stock from the start on. One run is named `stock`."""
    stock = next(run for run in runs if run.name == STOCK)
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    axes = figure.subplots()
    time = stock.table.local_time
    every = max(1, len(time) // 400)
    for run, colour in sorted(coloured(runs), key=lambda pair: pair[0].kpis.site_kwh):
        if run is stock:
            continue
        saved_mwh = np.nancumsum(_total_w(stock.table) - _total_w(run.table)) * stock.table.building.step_s / 3.6e9
        axes.plot(time[::every], saved_mwh[::every], color=colour, label=f"{run.label}: {saved_mwh[-1]:+.1f} MWh")
    axes.axhline(0.0, color=GREY, lw=1.0)
    axes.set_ylabel("Saved against stock [MWh]")
    axes.set_xlim(time[0], time[-1])
    if time[-1] - time[0] > np.timedelta64(90, "D"):
        axes.xaxis.set_major_locator(_dates.MonthLocator())
        axes.xaxis.set_major_formatter(_dates.DateFormatter("%b"))
    else:
        axes.xaxis.set_major_formatter(_dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    figure.legend(loc="outside right center", title="Saved in all", alignment="left")
    return figure


def worst_inlet_c(table: TickTable) -> Array:
    """Warmest server inlet of any zone [ticks] [degC]."""
    inlets = [table.measured[zone.inlet_temp] for zone in table.building.zones.values()]
    worst: Array = np.fmax.reduce(np.array(inlets), axis=0)
    return worst


def _limits(table: TickTable) -> ThermalClass:
    return THERMAL_CLASSES[table.building.file.shield.inlet_class]


def _interventions(table: TickTable) -> dict[str, Mask]:
    """Where the shield intervened [steps]: in all, then by rule, the busiest first."""
    masks = {rule: acted[:-1] for rule, acted in table.interventions.items()}
    busiest = sorted((rule for rule, mask in masks.items() if mask.any()), key=lambda r: -int(masks[r].sum()))
    return {"any rule": table.intervened[:-1], **{rule: masks[rule] for rule in busiest}}


def _month_names(months: NDArray[np.datetime64]) -> list[str]:
    """Months for an axis; the year stands under the first and under each January."""
    days: list[date] = months.astype("datetime64[D]").tolist()
    return [f"{day:%b}\n{day:%Y}" if day.month == 1 or not i else f"{day:%b}" for i, day in enumerate(days)]


def _total_w(table: TickTable) -> Array:
    """Power of everything in the step that ended, gas too [ticks]; nothing for the first tick."""
    meters = table.building.file.meters
    parts = (meters.hvac, meters.it, meters.other, meters.gas)
    total: Array = np.sum([table.measured[name] for name in parts if name], axis=0)
    total[0] = np.nan
    return total


def coloured(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """Each run with its colour: fixed for those that every report has, in turn for the others."""
    turn = iter(_cycle(_OTHER_COLOURS, len(runs)))
    used: set[str] = set()
    pairs = []
    for run in runs:
        colour = _KNOWN_COLOURS.get(run.name, "")
        if not colour or colour in used:
            colour = next(turn)
        used.add(colour)
        pairs.append((run, colour))
    return pairs


def _cycle(items: Sequence[str], count: int) -> list[str]:
    return [items[i % len(items)] for i in range(count)]


def _saved_bars(axes: Axes, shown: Sequence[Run], stock: Run, part: str) -> None:
    reference_kwh = getattr(stock.kpis, part)
    for row, (run, colour) in enumerate(coloured(shown)):
        saved_kwh = reference_kwh - getattr(run.kpis, part)
        axes.barh(row, saved_kwh / _KWH_PER_MWH, height=0.6, color=colour)
        words = f"{saved_kwh / _KWH_PER_MWH:+.1f} MWh"
        words += f"\n{100.0 * saved_kwh / reference_kwh:+.1f} %" if reference_kwh else ""
        offset, side = ((4, 0), "left") if saved_kwh >= 0.0 else ((-4, 0), "right")
        axes.annotate(words.replace("-", "−"), (saved_kwh / _KWH_PER_MWH, row), offset, fontsize=7.5,
                      textcoords="offset points", ha=side, va="center")  # fmt: skip
    axes.axvline(0.0, color=INK, lw=0.9)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _setpoint_lines(axes: Axes, table: TickTable, names: Sequence[str], span: slice, colour: str) -> None:
    """Applied set-points, a line a zone, the first the strongest; crosses where something else was asked."""
    time = table.local_time[span]
    for number, name in enumerate(names):
        applied, proposed = table.applied[name][span], table.proposed[name][span]
        axes.plot(time, applied, color=colour, alpha=0.45 if number else 1.0, drawstyle="steps-post", lw=1.2)
        changed = np.abs(applied - proposed) > SAME
        axes.plot(time[changed], proposed[changed], ls="none", marker="x", ms=3.5, mew=0.9, color=INK)


def week_legend(runs: Sequence[Run]) -> list[Line2D]:
    handles = [Line2D([], [], color=colour, label=run.label) for run, colour in coloured(runs)]
    crosses = Line2D([], [], ls="none", marker="x", ms=4.0, mew=0.9, color=INK)
    crosses.set_label("asked for, where the shield gave something else")
    return [*handles, crosses]


def _inlet_limits(axes: Axes, limits: ThermalClass) -> None:
    """The recommended band and the allowable limit, with their names."""
    low_c, high_c, limit_c = limits.recommended.low_c, limits.recommended.high_c, limits.allowable.high_c
    axes.axhspan(low_c, high_c, color=BAND, zorder=0)
    axes.axhline(limit_c, color=_LIMIT, lw=1.1, ls="--")
    bottom, top = axes.get_ylim()
    axes.set_ylim(min(bottom, low_c - 1.0), max(top, limit_c + 1.2))
    note(axes, f"allowable up to {limit_c:g} °C", limit_c, colour=_LIMIT)
    note(axes, f"recommended {low_c:g} to {high_c:g} °C", (low_c + high_c) / 2.0, colour=GOOD)


def note(axes: Axes, words: str, y: float, *, colour: str) -> None:
    """Small words above a height, at the right edge."""
    axes.annotate(words, (1.0, y), (-3, 2), xycoords=("axes fraction", "data"), textcoords="offset points",
                  ha="right", va="bottom", fontsize=7.5, color=colour)  # fmt: skip


def binned(axes: Axes, x: Array, y: Array, width: float, colour: str, label: str) -> None:
    """Medians and quartiles of y in bins of x; a bin with fewer than 20 entries says nothing: left out."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    bins = np.floor(x / width).astype(int)
    rows = [
        ((number + 0.5) * width, *np.percentile(y[bins == number], (25, 50, 75)))
        for number in np.unique(bins)
        if np.count_nonzero(bins == number) >= 20
    ]
    if rows:
        middle, low, median, high = np.array(rows).T
        axes.fill_between(middle, low, high, color=colour, alpha=0.2, lw=0)
        axes.plot(middle, median, color=colour, marker="o", ms=3, label=label)


def _percent(value: float) -> str:
    if value == 0.0:
        return "–"
    return "<0.1" if value < 0.05 else f"{value:.1f}"
