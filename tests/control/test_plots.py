"""Plots: they draw what they are given, as valid SVG, whatever is missing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.errors import UserError
from airhandler.control import plots
from airhandler.control.kpis import kpis
from airhandler.control.plots import Drawing, Run
from airhandler.control.table import TickTable
from airhandler.safety.verdict import Verdict
from tests.control.test_table import BUILDING, setpoints, table_of, tick, verdict

DAYS = 16
LABELS = {
    "stock": "Stock control",
    "outdoor-reset": "Outdoor reset",
    "trim-respond": "Trim",
    "policy": "Agent",
}


def _values(n: int, ticks: int, hvac_w: float) -> Mapping[str, float]:
    """A reading of a summer that grows warmer from the first day to the last."""
    zones: dict[str, float] = {}
    for zone in BUILDING.zones.values():
        zones |= {zone.inlet_temp: 22.0 + 6.0 * n / ticks, zone.supply_flow: 4.2, zone.server_flow: 4.0}
    meters = BUILDING.file.meters
    power = {meters.hvac: hvac_w, meters.it: 60e3, meters.other: 1e3, meters.server_fans: 4e3}
    return zones | power | {BUILDING.file.outdoor_temp: 10.0 + 15.0 * n / ticks}


def _judged(name: str, n: int) -> Verdict | None:
    if name == "stock":
        return None
    if name == "policy" and n % 10 == 0:
        return verdict("adjusted", setpoints(0.4), ["ramp"])
    return verdict("allowed", setpoints(0.5))


def run(name: str, *, hvac_w: float = 5e3, days: float = DAYS, weather: str = "chicago", label: str = "") -> Run:
    """A run of some days; a learned one is adjusted by the shield in every tenth step."""
    ticks = int(days * 96) + 1
    table = table_of(
        [
            tick(
                n,
                _values(n, ticks, hvac_w),
                proposed=None if name == "stock" else setpoints(0.5),
                judged=_judged(name, n),
            )
            for n in range(ticks)
        ]
    )
    return Run(name=name, label=label or LABELS[name], weather=weather, table=table, kpis=kpis(table))


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [run(name, hvac_w=8e3 - 1e3 * i) for i, name in enumerate(LABELS)]


DRAWN: dict[str, Callable[[Sequence[Run]], Drawing]] = {
    "energy": plots.energy_plot,
    "trade": plots.trade_plot,
    "week": lambda runs: plots.week_plot(runs[1:], 0),
    "map": plots.map_plot,
    "inlet": plots.inlet_plot,
    "shield": lambda runs: plots.shield_plot(runs[-1]),
    "cumulative": plots.cumulative_plot,
}


def _words(svg: str) -> str:
    return " ".join(text.strip() for text in ET.fromstring(svg).itertext() if text.strip())


@pytest.mark.parametrize("name", DRAWN)
def test_plot_is_valid_svg_with_scoped_ids(name: str, runs: list[Run]) -> None:
    svg = plots.to_svg(DRAWN[name](runs), name=name, title="A & <B>")
    root = ET.fromstring(svg)
    assert root.get("aria-label") == "A & <B>"
    assert root.get("viewBox")
    assert root.get("width") is None
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert len(set(ids)) == len(ids)
    assert all(one.startswith(f"{name}-") for one in ids)
    used = re.findall(r'(?:url\(|href=")#([^")]*)', svg)
    assert set(used) <= set(ids)


@pytest.mark.parametrize("name", ["energy", "trade", "inlet", "cumulative"])
def test_plot_names_every_controller(name: str, runs: list[Run]) -> None:
    words = _words(plots.to_svg(DRAWN[name](runs), name=name, title=""))
    assert all(run.label in words for run in runs if run.name != "stock")


@pytest.mark.parametrize("name", DRAWN)
def test_same_runs_give_the_same_svg(name: str, runs: list[Run]) -> None:
    first, second = (plots.to_svg(DRAWN[name](runs), name=name, title="") for _ in range(2))
    assert first == second


def test_energy_plot_says_how_much_was_saved(runs: list[Run]) -> None:
    words = _words(plots.to_svg(plots.energy_plot(runs), name="e", title=""))
    saved_mwh = 3e3 * DAYS * 24 / 1e6
    assert f"+{saved_mwh:.1f} MWh" in words
    assert f"+{100 * 3 / 69:.1f} %" in words


@pytest.mark.parametrize("name", DRAWN)
def test_plot_of_runs_without_any_value(name: str) -> None:
    tables = [table_of([tick(n) for n in range(200)]) for _ in LABELS]
    empty = [
        Run(name=name, label=name, weather="none", table=table, kpis=kpis(table))
        for name, table in zip(LABELS, tables, strict=True)
    ]
    ET.fromstring(plots.to_svg(DRAWN[name](empty), name=name, title=""))


@pytest.mark.parametrize("name", DRAWN)
def test_plot_of_a_single_step(name: str) -> None:
    short = [run(name, days=1 / 96) for name in LABELS]
    ET.fromstring(plots.to_svg(DRAWN[name](short), name=name, title=""))


def test_shield_plot_shows_shares_of_the_month(runs: list[Run]) -> None:
    words = _words(plots.to_svg(plots.shield_plot(runs[-1]), name="s", title=""))
    assert "any rule" in words
    assert "ramp" in words
    assert re.search(r"\b10\.0\b", words)


def test_extreme_weeks_are_the_warmest_and_the_coldest(runs: list[Run]) -> None:
    table = runs[0].table
    warm, cold = plots.extreme_weeks(table)
    assert str(table.local_time[cold]) == "2025-07-01T00:00:00.000"
    assert warm == cold + 8 * 96
    assert warm + 7 * 96 < len(table)


@pytest.mark.parametrize("table", [TickTable(BUILDING), run("stock", days=2).table], ids=["empty", "short"])
def test_extreme_weeks_of_less_than_a_week(table: TickTable) -> None:
    assert plots.extreme_weeks(table) == (0, 0)


def test_colours_tell_two_learned_runs_apart(runs: list[Run]) -> None:
    second = run("policy", days=1, label="Second")
    svg = plots.to_svg(plots.inlet_plot([runs[-1], second]), name="i", title="")
    assert len(set(re.findall(r"stroke: (#[0-9a-f]{6}); stroke-width: 1.4", svg))) == 2


def test_worst_inlet_ignores_what_is_absent() -> None:
    east, west = (zone.inlet_temp for zone in BUILDING.zones.values())
    table = table_of([tick(0, {east: 20.0, west: 25.0}), tick(1, {east: None, west: 25.0}), tick(2)])
    np.testing.assert_array_equal(plots.worst_inlet_c(table), [25.0, 25.0, np.nan])


def test_png_is_written_whole(runs: list[Run], tmp_path: Path) -> None:
    plots.write_png(plots.trade_plot(runs), tmp_path / "trade.png", dpi=40)
    assert (tmp_path / "trade.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match=r"trade\.png"):
        plots.write_png(plots.trade_plot(runs), tmp_path / "trade.png" / "trade.png", dpi=40)
