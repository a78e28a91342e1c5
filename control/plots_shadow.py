"""Plots of a shadow run: each function draws one Figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.known import Array

from .beside import Beside
from .branch_truth import BranchTruth
from .counterfactual import Counterfactual
from .plots import BAND, BLUE, GOOD, GREY, INK, W_PER_KW, WIDTH_IN, binned, days_below, note, styled, week_span
from .savings import Savings

_OWN, _AGENT = "own control", "controller"
_KWH_PER_MWH = 1000.0
_MOST_MARKS = 4000


@styled
def parts_plot(saved: Savings) -> Figure:
    """What each part would have saved, with its interval; the sum below."""
    rows = [(part.name, part.saved_kwh, part.low_kwh, part.high_kwh) for part in saved.parts]
    if len(rows) > 1:
        rows.append(("in all", saved.saved_kwh, saved.low_kwh, saved.high_kwh))
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for row, (name, kwh, low, high) in enumerate(rows):
        middle, ends = kwh / _KWH_PER_MWH, (low / _KWH_PER_MWH, high / _KWH_PER_MWH)
        axes.barh(row, middle, height=0.55, color=BLUE if name == "in all" else "#8fbfdc")
        axes.plot(ends, (row, row), color=INK, lw=1.6)
        axes.plot(ends, (row, row), color=INK, ls="none", marker="|", ms=8)
        axes.annotate(
            f"{middle:+.1f} ({ends[0]:+.1f} to {ends[1]:+.1f})".replace("-", "−"),
            (max(*ends, middle, 0.0), row),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.axvline(0.0, color=INK, lw=0.9)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.invert_yaxis()
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.25 * (high - low))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("MWh that would have been saved, with the 95 % interval (left of zero: used more)")
    return figure


@styled
def time_plot(run: Beside, saved: Savings) -> Figure:
    """What would have been saved, month by month, or day by day in a short run."""
    time, known = run.table.local_time[:-1], np.isfinite(saved.by_step_w)
    long = time[-1] - time[0] > np.timedelta64(60, "D")
    stretch = time.astype("datetime64[M]" if long else "datetime64[D]")[known]
    found, which = np.unique(stretch, return_inverse=True)
    kwh = np.bincount(which, weights=saved.by_step_w[known]) * run.step_h / W_PER_KW
    figure = Figure(figsize=(WIDTH_IN, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(found)), kwh / (_KWH_PER_MWH if long else 1.0), color=BLUE, width=0.7)
    axes.axhline(0.0, color=INK, lw=0.9)
    names = [f"{day.tolist():%b %Y}" if long else f"{day.tolist():%d %b}" for day in found]
    every = max(1, len(found) // 14)
    axes.set_xticks(range(0, len(found), every), names[::every])
    axes.set_ylabel("MWh a month" if long else "kWh a day")
    axes.grid(visible=False, axis="x")
    return figure


@styled
def setpoint_plot(run: Beside, bin_k: float = 2.0) -> Figure:
    """Both controls over the outdoor temperature: median of each bin, and its middle half; a panel for each unit."""
    units = list(dict.fromkeys(point.unit for point in run.building.setpoints))
    figure = Figure(figsize=(WIDTH_IN, 3.2), layout="constrained")
    panels = figure.subplots(1, len(units), squeeze=False)[0]
    for axes, unit in zip(panels, units, strict=True):
        names = [point.name for point in run.building.setpoints if point.unit == unit]
        outdoor_c = np.tile(run.outdoor_c, len(names))
        for values, colour, label in ((run.stood, GREY, _OWN), (run.asked, BLUE, _AGENT)):
            binned(axes, outdoor_c, np.concatenate([values[name] for name in names]), bin_k, colour, label)
        axes.set_title(f"Set-points [{unit.replace('degC', '°C')}], all zones")
        axes.set_xlabel("Outdoor temperature [°C]")
        axes.yaxis.set_major_locator(MaxNLocator(6))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


@styled
def week_plot(run: Beside, saved: Savings, air: Counterfactual | None, first: int) -> Figure:
    """Seven days, step by step: outdoors, set-points of both, worst inlet, power that would have been saved."""
    units = list(dict.fromkeys(point.unit for point in run.building.setpoints))
    rows = 2 + len(units) + (air is not None)
    figure = Figure(figsize=(WIDTH_IN, 1.5 * rows), layout="constrained")
    panels = list(figure.subplots(rows, 1, sharex=True))
    span = slice(first, min(week_span(run.table, first).stop - 1, len(run.outdoor_c)))
    time = run.table.local_time[:-1][span]
    outdoors = panels.pop(0)
    outdoors.plot(time, run.outdoor_c[span], color=INK, lw=1.2)
    outdoors.set_title("Outdoor air [°C]")
    for unit in units:
        axes = panels.pop(0)
        for values, colour in ((run.stood, GREY), (run.asked, BLUE)):
            _lines(axes, time, [values[p.name][span] for p in run.building.setpoints if p.unit == unit], colour)
        axes.set_title(f"Set-points [{unit.replace('degC', '°C')}], a line a zone")
    if air is not None:
        _inlets(panels.pop(0), run, air, span)
    axes = panels.pop(0)
    axes.plot(time, saved.by_step_w[span] / W_PER_KW, color=BLUE, lw=1.0, drawstyle="steps-post")
    axes.axhline(0.0, color=INK, lw=0.9)
    axes.set_title("Power that would have been saved [kW]")
    days_below(axes, time)
    handles = [axes.plot([], [], color=colour)[0] for colour in (GREY, BLUE)]
    figure.legend(handles, [_OWN, _AGENT], loc="outside upper right", ncols=2)
    return figure


def _lines(axes: Axes, time: NDArray[np.datetime64], columns: list[Array], colour: str) -> None:
    for number, column in enumerate(columns):
        axes.plot(time, column, color=colour, alpha=0.45 if number else 1.0, drawstyle="steps-post", lw=1.2)
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _inlets(axes: Axes, run: Beside, air: Counterfactual, span: slice) -> None:
    limits = THERMAL_CLASSES[run.building.file.shield.inlet_class]
    time = run.table.local_time[:-1][span]
    was, would = (np.max([z.inlet_c[span] for z in zones], axis=0) for zones in (air.stood, air.asked))
    bound = air.learned.bound_k[span].max(axis=1)
    axes.plot(time, was, color=GREY)
    axes.plot(time, would, color=BLUE)
    axes.fill_between(time, would - bound, would + bound, color=BLUE, alpha=0.2, lw=0)
    bottom, top = axes.get_ylim()
    axes.axhspan(limits.recommended.low_c, limits.recommended.high_c, color=BAND, zorder=0)
    axes.set_ylim(bottom, max(top, limits.recommended.high_c + 1.0))
    note(axes, f"recommended up to {limits.recommended.high_c:g} °C", limits.recommended.high_c, colour=GOOD)
    axes.set_title("Worst inlet [°C]: measured, and predicted with its error")


@styled
def truth_plot(truth: BranchTruth) -> Figure:
    """What the estimate says of each branch against what happened in it."""
    figure = Figure(figsize=(WIDTH_IN, 3.6), layout="constrained")
    axes = figure.subplots()
    x, y = truth.estimated_w / W_PER_KW, truth.saved_w / W_PER_KW
    every = max(1, len(x) // _MOST_MARKS)
    axes.scatter(x[::every], y[::every], s=9, color=BLUE, alpha=0.35, lw=0)
    both = np.concatenate([x[np.isfinite(x)], y])
    ends = (float(both.min()), float(both.max()))
    axes.plot(ends, ends, color=INK, lw=1.0)
    note(axes, "on the line the estimate is the truth", ends[1], colour=INK)
    axes.set_xlabel("Saved by the estimate [kW]")
    axes.set_ylabel("Saved in the branch [kW]")
    return figure
