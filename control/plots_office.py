"""Plots of an office: what the zones were told, and what people in them met."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from airhandler.buildings.known import Array

from . import plots as base
from .occupied import comfort_range, occupied_temps_c
from .plots import Run, styled
from .table import TickTable


@styled
def comfort_plot(runs: Sequence[Run]) -> Figure:
    """How much of the occupied time the warmest zone with people was how warm, and the coldest how cold."""
    figure = Figure(figsize=(base.WIDTH_IN, 3.4), layout="constrained")
    warm, cold = figure.subplots(1, 2)
    for run, colour in base.coloured(runs):
        for axes, pick, order in ((warm, np.fmax, 100.0), (cold, np.fmin, 0.0)):
            temps_c = _of_people(run.table, pick)[1:]
            temps_c = temps_c[np.isfinite(temps_c)]
            share = np.linspace(0.0, 100.0, 201)
            if temps_c.size:
                axes.plot(share, np.percentile(temps_c, np.abs(order - share)), color=colour, label=run.label)
    for axes, title, side in (
        (warm, "Warmest zone with people", "warmer"),
        (cold, "Coldest zone with people", "colder"),
    ):
        axes.set_title(f"{title} [°C]")
        axes.set_xlabel(
            "Share of occupied steps this warm or warmer [%]"
            if side == "warmer"
            else "Share of occupied steps this cold or colder [%]"
        )
        axes.set_xlim(0.0, 100.0)
        _band(axes, runs[0].table)
    figure.legend(*warm.get_legend_handles_labels(), loc="outside right center")
    return figure


@styled
def week_plot(runs: Sequence[Run], first: int) -> Figure:
    """Seven days, step by step: outdoors, thermostats, supply air, zones with people, HVAC power and gas."""
    figure = Figure(figsize=(base.WIDTH_IN, 7.8), layout="constrained")
    rows = figure.subplots(5, 1, sharex=True, height_ratios=(0.8, 1.3, 0.9, 1.3, 1.0))
    building = runs[0].table.building
    span = base.week_span(runs[0].table, first)
    time = runs[0].table.local_time[span]
    rows[0].plot(time, runs[0].table.measured[building.file.outdoor_temp][span], color=base.INK, lw=1.2)
    zones = list(building.comfort_zones.values())
    thermostats = dict.fromkeys(name for z in zones for name in (z.heating_setpoint, z.cooling_setpoint))
    supplies = dict.fromkeys(z.supply_temp_setpoint for z in zones if z.supply_temp_setpoint)
    for run, colour in base.coloured(runs):
        _in_force(rows[1], run.table, list(thermostats), span, colour)
        _in_force(rows[2], run.table, list(supplies), span, colour)
        for pick in (np.fmax, np.fmin):
            rows[3].plot(time, _of_people(run.table, pick)[span], color=colour)
        rows[4].plot(time, _power_kw(run.table)[span], color=colour, drawstyle="steps-pre", lw=1.0)
    _band(rows[3], runs[0].table)
    power = "HVAC power and gas [kW]" if building.file.meters.gas else "HVAC power [kW]"
    titles = (
        "Outdoor air [°C]",
        "Heating (below) and cooling (above) set-points [°C]",
        "Supply air set-point [°C]",
        "Coldest and warmest zone with people [°C]",
        power,
    )
    for axes, title in zip(rows, titles, strict=True):
        axes.set_title(title)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    rows[4].set_ylim(bottom=0.0)
    base.days_below(rows[4], time)
    figure.legend(handles=base.week_legend(runs), loc="outside upper left", ncols=5)
    return figure


@styled
def map_plot(runs: Sequence[Run], *, bin_k: float = 2.0) -> Figure:
    """What each controller does at which outdoor temperature: supply air in force, temperatures where people are."""
    figure = Figure(figsize=(base.WIDTH_IN, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for run, colour in base.coloured(runs):
        building = run.table.building
        outdoor_c = run.table.measured[building.file.outdoor_temp]
        people_c = occupied_temps_c(run.table)
        hvac_kw = _power_kw(run.table)
        base.binned(left, outdoor_c, hvac_kw, bin_k, colour, run.label)
        zones = people_c.shape[1]
        base.binned(right, np.repeat(outdoor_c, zones), people_c.ravel(), bin_k, colour, run.label)
    gas = runs[0].table.building.file.meters.gas
    left.set_title("HVAC power and gas [kW]" if gas else "HVAC power [kW]")
    left.set_ylim(bottom=0.0)
    right.set_title("Zones with people [°C]")
    _band(right, runs[0].table)
    for axes in (left, right):
        axes.set_xlabel("Outdoor temperature [°C]")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center")
    return figure


def _of_people(table: TickTable, pick: Callable[..., Array]) -> Array:
    """The warmest or coldest zone with people [ticks] [degC]; NaN where nobody is."""
    temps: Array = pick.reduce(occupied_temps_c(table), axis=1)  # type: ignore[attr-defined]
    return temps


def _power_kw(table: TickTable) -> Array:
    """HVAC's electricity and all gas in the step that ended [ticks] [kW]."""
    meters = table.building.file.meters
    power_w: Array = np.sum([table.measured[name] for name in (meters.hvac, meters.gas) if name], axis=0)
    return power_w / base.W_PER_KW


def _in_force(axes: Axes, table: TickTable, names: Sequence[str], span: slice, colour: str) -> None:
    """Set-points as they stood: commanded, or where the building's own control had them."""
    shown_by = {p.name: r.shown_by for p, r in zip(table.building.setpoints, table.building.rules, strict=True)}
    time = table.local_time[span]
    for number, name in enumerate(names):
        applied, shown = table.applied[name][span], shown_by[name]
        if np.isnan(applied).all() and shown:
            applied = table.measured[shown][span]
        axes.plot(time, applied, color=colour, alpha=0.35 if number else 1.0, drawstyle="steps-post", lw=1.0)
        asked = table.proposed[name][span]
        changed = np.abs(applied - asked) > base.SAME
        axes.plot(time[changed], asked[changed], ls="none", marker="x", ms=3.0, mew=0.8, color=base.INK)


def _band(axes: Axes, table: TickTable) -> None:
    """The comfort range, with its name."""
    limits = comfort_range(table)
    axes.axhspan(limits.low_c, limits.high_c, color=base.BAND, zorder=0)
    bottom, top = axes.get_ylim()
    axes.set_ylim(min(bottom, limits.low_c - 1.0), max(top, limits.high_c + 1.0))
    base.note(axes, f"comfortable {limits.low_c:g} to {limits.high_c:g} °C", limits.low_c, colour=base.GOOD)
