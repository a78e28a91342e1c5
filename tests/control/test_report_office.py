"""What reports, plots and tables say of an office: comfort where a data centre has inlets, and nothing empty."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from airhandler.buildings.catalog import Building
from airhandler.buildings.model import Period
from airhandler.buildings.points import Setpoints
from airhandler.control import plots, plots_office
from airhandler.control.compare import Cell, row
from airhandler.control.display import evaluation_table
from airhandler.control.evaluate import Evaluation
from airhandler.control.kpis import kpis
from airhandler.control.numerals import mwh
from airhandler.control.plots import Run
from airhandler.control.report import finding, write_report
from airhandler.deploy.cli import _met
from airhandler.safety.verdict import Allowed
from tests.control.test_table import table_of, tick
from tests.offices import MEDIUM, SMALL, setpoints, values

LABELS = {"stock": "Stock control", "constant": "Constant", "setback": "Setback", "agent": "Agent"}


def run(name: str, building: Building = SMALL, *, hvac_w: float = 5e3, days: int = 8, warmest_c: float = 26.5) -> Run:
    """Some days in which a building is occupied from 8 to 18 h and grows warmer until the last."""
    meters, ticks = building.file.meters, days * 96 + 1
    zone = next(iter(building.comfort_zones.values()))

    def measured(n: int) -> dict[str, float | None]:
        people = 5.0 if 32 <= n % 96 < 72 else 0.0
        made = values(building, people=people)
        made |= {
            zone.zone_temp: 21.0 + (warmest_c - 21.0) * n / ticks,
            building.file.outdoor_temp: 5.0 + 25.0 * n / ticks,
        }
        made |= {meters.hvac: hvac_w, meters.other: 3e3, meters.total: hvac_w + 3e3, meters.fans: 500.0}
        return made | ({meters.gas: 2e3} if meters.gas else {})

    wanted: Setpoints | None = None if name == "stock" else setpoints(21.0, 24.0, building=building)
    judged = None if wanted is None else Allowed(setpoints=wanted)
    table = table_of([tick(n, measured(n), proposed=wanted, judged=judged) for n in range(ticks)], building)
    return Run(name=name, label=LABELS[name], weather="chicago", table=table, kpis=kpis(table))


def runs(building: Building = SMALL) -> list[Run]:
    return [run(name, building, hvac_w=8e3 - 1e3 * i, warmest_c=26.5 + i / 4) for i, name in enumerate(LABELS)]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_finding_tells_energy_and_discomfort_of_the_agent_and_of_the_others() -> None:
    four = runs()
    agent = replace(four[-1], kpis=replace(four[-1].kpis, uncomfortable_frac=0.125, uncomfortable_kh=42.0))
    words = plain(" ".join(finding(SMALL, [*four[:-1], agent])))
    assert words.startswith("The agent used 27.3 % less electricity than the building's stock control and ")
    assert "a zone with people was outside 20 to 26 °C in 12.5 % of occupied steps (42 K h)." in words
    assert re.search(r"Outside the range by comparison: stock control [\d.]+ % \(\d+ K h\), (Setback|Constant) ", words)


def test_finding_of_a_building_with_gas_compares_all_that_is_bought() -> None:
    words = plain(finding(MEDIUM, runs(MEDIUM))[0])
    assert "The agent used 23.1 % less energy (electricity and gas) than the building's stock control" in words


def test_best_rule_is_not_the_one_that_lets_people_freeze() -> None:
    stock, constant, setback, agent = runs()
    cold = replace(setback, kpis=replace(setback.kpis, total_kwh=1.0, uncomfortable_kh=1e4))
    assert "the best rule (Constant)" in finding(SMALL, [stock, constant, cold, agent])[0]


@pytest.mark.slow
@pytest.mark.parametrize("building", [SMALL, MEDIUM], ids=["small", "medium"])
def test_page_has_comfort_and_nothing_of_servers_and_no_empty_column(building: Building, tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", title="Office", building=building, runs=runs(building), notes={})
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|inlet|PUE|recommended)\b", re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL))
    table = page[page.index("<table>") : page.index("</table>")]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in table.split("<tr")[2:]]
    assert len(rows) == len(LABELS)
    assert all(set(column) != {"–"} for column in zip(*rows, strict=True))
    measures = re.findall(r"<tr><td>.*?</tr>", page, flags=re.DOTALL)
    empty = [m for m in measures if set(re.findall(r"<td>([^<]*)</td>", m)) == {"–"}]
    assert [m for m in empty if "shield_" not in m] == [], "where the shield moved nothing, no correction is known"
    assert ("Gas<small>MWh</small>" in page) == bool(building.file.meters.gas)
    assert ("Electricity<br>and gas<small>MWh</small>" in table) == bool(building.file.meters.gas)
    assert [row[0] for row in rows] == [mwh(one.kpis.site_kwh) for one in runs(building)]
    for svg in re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL):
        ET.fromstring(svg)


DRAWN = {
    "comfort": plots_office.comfort_plot,
    "week": lambda runs: plots_office.week_plot(runs, 0),
    "map": plots_office.map_plot,
    "energy": plots.energy_plot,
    "trade": plots.trade_plot,
    "cumulative": plots.cumulative_plot,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_plot_names_its_runs_and_its_band(name: str) -> None:
    words = " ".join(ET.fromstring(plots.to_svg(DRAWN[name](runs()), name=name, title="")).itertext())
    assert all(label in words for known, label in LABELS.items() if known != "stock")
    if name in ("comfort", "week", "map"):
        assert "comfortable 20 to 26 °C" in words


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_plot_of_runs_without_any_value(name: str) -> None:
    table = table_of([tick(n) for n in range(200)], SMALL)
    empty = [Run(name=n, label=n, weather="none", table=table, kpis=kpis(table)) for n in LABELS]
    ET.fromstring(plots.to_svg(DRAWN[name](empty), name=name, title=""))


def terminal(building: Building) -> str:
    """The table of `airhandler evaluate`."""
    rows = [
        row(
            Cell(controller=one.name, building=building.id, weather="chicago", period=Period(days=8)),
            Evaluation(controller=one.name, weather="chicago", table=one.table, kpis=one.kpis),
        )
        for one in runs(building)
    ]
    console = Console(width=140, file=io.StringIO(), record=True)
    console.print(evaluation_table(rows))
    return console.export_text()


@pytest.mark.parametrize("building", [SMALL, MEDIUM], ids=["small", "medium"])
def test_percentage_on_the_terminal_is_of_the_energy_beside_it(building: Building) -> None:
    page = terminal(building)
    cells = [[cell.strip() for cell in line.split("│")[1:4]] for line in page.splitlines() if line.startswith("│")]
    used = {name: (float(energy), change) for name, energy, change in cells}
    assert [energy for energy, _ in used.values()] == [round(r.kpis.site_kwh / 1000, 3) for r in runs(building)]
    for name, (energy, change) in used.items():
        assert change == ("-" if name == "stock" else f"{100 * (energy / used['stock'][0] - 1):+.1f} %")
    assert ("electricity" in page) == bool(building.file.meters.gas)


def test_table_on_the_terminal_shows_comfort() -> None:
    shown = terminal(SMALL)
    assert "fortable" in shown
    assert "adj. %" in shown
    assert "rej. %" in shown
    assert "PUE" not in shown
    assert "nan" not in shown


def test_end_of_a_live_run_tells_comfort() -> None:
    assert re.fullmatch(
        r"2\d\.\d to 2\d\.\d degC where people were, [\d.]+% of occupied steps uncomfortable \([\d.]+ K h\)",
        _met(run("setback").kpis),
    )


def test_end_of_a_live_run_in_which_nobody_was_there() -> None:
    nights = [tick(n, values(SMALL, people=0.0)) for n in range(96)]
    assert _met(kpis(table_of(nights, SMALL))) == "nobody was there in this time"
    nights[50] = tick(50)
    assert _met(kpis(table_of(nights, SMALL))) == "nothing known of servers or people"
