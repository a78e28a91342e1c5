"""Plots of speed: the engine beside others, and what a step costs against the number of zones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from .plots import BLUE, GREY, INK, WIDTH_IN, styled

_US_PER_MS = 1000.0
_ENGINE, _OURS = "EnergyPlus alone", "airhandler's environment"


@styled
def speed_plot(result: Mapping[str, Any]) -> Figure:
    """Steps per second of `airhandler bench engine`: two comparisons, each on one model."""
    pairs = {
        "datacentre-dx": {
            "EnergyPlus alone": ("bare_steps_per_s", GREY),
            "airhandler's environment": ("env_steps_per_s", BLUE),
        },
        "Sinergym's two-zone model": {
            "Sinergym's environment": ("sinergym_steps_per_s", GREY),
            "the same on airhandler's engine": ("sinergym_model_steps_per_s", BLUE),
        },
    }
    figure = Figure(figsize=(WIDTH_IN, 1.8), layout="constrained")
    for axes, (title, bars) in zip(figure.subplots(1, len(pairs), sharex=True), pairs.items(), strict=True):
        speeds = [result[key] for key, _ in bars.values()]
        marks = axes.barh(list(bars), speeds, color=[colour for _, colour in bars.values()], height=0.6)
        axes.bar_label(marks, [f"{speed:,.0f}" for speed in speeds], padding=3, fontsize=8)
        axes.set_title(title)
        axes.invert_yaxis()
        axes.margins(x=0.15)
    figure.supxlabel("steps per second", fontsize=8.5)
    return figure


@styled
def zones_plot(result: Mapping[str, Any]) -> Figure:
    """Time per step of `airhandler bench zones`: in all, and divided by the number of zones."""
    rows = result["zones"]
    zones, engine, env = (np.array([row[key] for row in rows]) for key in ("zones", "engine_ms", "env_ms"))
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    whole, each = figure.subplots(1, 2)
    _step_lines(whole, zones, engine, env)
    _zone_bars(each, zones, engine, env)
    figure.supxlabel("zones of the data hall", fontsize=8.5)
    return figure


def _step_lines(axes: Axes, zones: Any, engine: Any, env: Any) -> None:
    """Both on logarithmic axes, where what grows with the zones runs beside the dotted line."""
    axes.plot(zones, env[-1] * zones / zones[-1], color=INK, ls=":", lw=1.0)
    axes.annotate("in proportion", (zones[0], env[-1] * zones[0] / zones[-1]), (6, -3), fontsize=7.5,
                  textcoords="offset points", va="top")  # fmt: skip
    axes.plot(zones, env, color=BLUE, marker="o", ms=4, label=_OURS)
    axes.plot(zones, engine, color=GREY, marker="s", ms=4, label=_ENGINE)
    for count, ms in zip(zones, env, strict=True):
        axes.annotate(f"{ms:.2f}", (count, ms), (-3, 5), textcoords="offset points", ha="right", fontsize=7.5)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(zones, [str(count) for count in zones])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.1, y=0.12)
    axes.set_title("A step takes [ms]")
    axes.legend(loc="upper left")


def _zone_bars(axes: Axes, zones: Any, engine: Any, env: Any) -> None:
    names = [str(count) for count in zones]
    engine_us, ours_us = _US_PER_MS * engine / zones, _US_PER_MS * (env - engine) / zones
    axes.bar(names, engine_us, color=GREY, width=0.62, label="EnergyPlus")
    tops = axes.bar(names, ours_us, bottom=engine_us, color=BLUE, width=0.62, label="ours: reads, observation, reward")
    axes.bar_label(tops, [f"{us:.0f}" for us in engine_us + ours_us], padding=2, fontsize=7.5)
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.12)
    axes.set_title("Divided by the zones [µs]")
    axes.legend(loc="best")
