"""The report: an honest first sentence, every controller, one self-contained file."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airhandler.buildings.errors import UserError
from airhandler.control.report import Run, finding, write_report
from tests.control.test_plots import LABELS, run
from tests.control.test_table import BUILDING

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [run(name, days=8, hvac_w=8e3 - 1e3 * i) for i, name in enumerate(LABELS)]


@pytest.fixture(scope="module")
def page(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    notes = {"command": "airhandler evaluate <here>", "bundle": "sha256:abc"}
    write_report(path, title="Chicago & more", building=BUILDING, runs=runs, notes=notes)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def _finding(*energies_kwh: float, **agent: Any) -> str:
    """The finding for stock, outdoor reset and agent that used so much; the agent's other Kpis by name."""
    found = []
    for name, kwh in zip(("stock", "outdoor-reset", "policy"), energies_kwh, strict=False):
        one = run(name, days=1)
        quiet = {"above_allowable_frac": 0.0, "above_recommended_frac": 0.0}
        changed = quiet | (agent if name == "policy" else {})
        found.append(replace(one, kpis=replace(one.kpis, total_kwh=kwh, **changed)))
    return _plain(" ".join(finding(BUILDING, found)))


def test_finding_of_a_saving() -> None:
    words = _finding(1000.0, 930.0, 926.0)
    assert words.startswith(
        "The agent used 7.4 % less electricity than the building's stock control and 0.4 % less than the "
        "best rule (Outdoor reset); no step outside the allowable 15 to 32 °C. "
    )
    assert "The shield intervened in 10.4 % of steps." in words


def test_finding_of_a_loss() -> None:
    words = _finding(1000.0, 930.0, 1010.0)
    assert "used 1.0 % more electricity than the building's stock control and 8.6 % more than" in words


def test_finding_of_a_draw() -> None:
    assert "0.0 %" not in _finding(1000.0, 926.0, 926.1).split(";")[0]
    assert "and as much as the best rule (Outdoor reset)" in _finding(1000.0, 926.0, 926.1)


def test_finding_tells_what_was_broken() -> None:
    words = _finding(1000.0, 930.0, 900.0, above_allowable_frac=0.125, above_recommended_frac=0.25)
    assert "an inlet was above the allowable 32 °C in 12.5 % of steps (3.0 h)" in words
    assert "did not run at equal temperatures" in words


def test_finding_tells_a_share_that_is_nearly_zero() -> None:
    assert "in <0.1 % of steps" in _finding(1000.0, 930.0, 900.0, above_allowable_frac=0.0001)


def test_finding_without_inlets_promises_nothing() -> None:
    assert "no inlet temperature is known" in _finding(1000.0, 9.0, 9.0, above_allowable_frac=float("nan"))


def test_finding_without_an_agent_speaks_of_the_least() -> None:
    assert _finding(1000.0, 930.0).startswith("Outdoor reset used 7.0 % less electricity than the building's")
    assert _finding(1000.0).startswith("Stock control used 1.0 MWh of electricity; no step outside")


def test_one_that_means_harm_is_neither_spoken_of_nor_a_rule_to_beat(runs: list[Run]) -> None:
    harmful = replace(runs[0], name="hostile-heat", label="Hostile heat", kpis=replace(runs[0].kpis, total_kwh=1.0))
    assert finding(BUILDING, [*runs, harmful]) == finding(BUILDING, runs)
    rules = [r for r in runs if r.name not in ("agent", "policy")]
    assert "Hostile heat" not in " ".join(finding(BUILDING, [*rules, harmful]))


def test_best_rule_is_one_that_broke_nothing(runs: list[Run]) -> None:
    stock, reset, trim, agent = runs
    broke = replace(trim, kpis=replace(trim.kpis, total_kwh=1.0, above_allowable_frac=0.1))
    assert "the best rule (Outdoor reset)" in finding(BUILDING, [stock, reset, broke, agent])[0]


def test_agent_comes_before_other_learned_runs(runs: list[Run]) -> None:
    unshielded = replace(runs[-1], label="Agent, no shield", kpis=replace(runs[-1].kpis, total_kwh=1.0))
    agent = replace(runs[-1], name="agent")
    words = finding(BUILDING, [runs[0], unshielded, agent])
    assert words == finding(BUILDING, [runs[0], agent])
    assert "no shield" not in " ".join(words)


def test_page_begins_with_the_finding(page: str, runs: list[Run]) -> None:
    begin = page.index('<p class="finding">')
    first = finding(BUILDING, runs)[0].replace("'", "&#39;")
    assert first in page[begin:]
    assert begin < page.index("<table>") < page.index("<svg")


def test_page_has_every_controller_and_measure(page: str, runs: list[Run]) -> None:
    for one in runs:
        assert f'<th scope="row">{one.label}</th>' in page
    assert "server_fans_kwh" in page
    assert "shield_by_rule: ramp" in page


def test_page_is_escaped_and_tells_where_it_comes_from(page: str) -> None:
    assert "<h1>Chicago &amp; more</h1>" in page
    assert "airhandler evaluate &lt;here&gt;" in page
    assert "sha256:abc" in page
    assert "numpy " in page


def test_page_is_self_contained(page: str) -> None:
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", page)
    assert "@import" not in page
    assert "url(http" not in page


def test_page_has_valid_svgs_and_no_id_twice(page: str) -> None:
    svgs = re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)
    assert len(svgs) >= 7
    for svg in svgs:
        ET.fromstring(svg)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(set(ids)) == len(ids)


def test_page_has_a_chapter_for_each_weather(runs: list[Run], tmp_path: Path) -> None:
    both = [run("stock", days=1), run("policy", days=1), run("stock", days=2, weather="tucson")]
    write_report(tmp_path / "r.html", title="Two", building=BUILDING, runs=both, notes={})
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count('class="finding"') == 2
    assert "<h2>chicago</h2>" in page
    assert "<h2>tucson</h2>" in page


def test_missing_values_are_remarked(tmp_path: Path) -> None:
    one = run("stock", days=1)
    gap = replace(one, kpis=replace(one.kpis, missing_frac=0.02, unaccounted_kwh=1e5))
    write_report(tmp_path / "r.html", title="Gap", building=BUILDING, runs=[gap], notes={})
    page = _plain((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "Stock control: 2.0 % of steps lack a value" in page
    assert "the main meter differs from the sum of its parts by 100.0 MWh" in page


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "at least one run"),
        ([run("stock", days=1), run("policy", days=2)], "different steps"),
        ([run("stock", days=1), run("stock", days=1)], "one label"),
    ],
    ids=["none", "unequal", "twice"],
)
def test_runs_that_cannot_be_compared_are_refused(runs: list[Run], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        write_report(tmp_path / "r.html", title="", building=BUILDING, runs=runs, notes={})
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/report\.html"):
        write_report(
            tmp_path / "file" / "report.html",
            title="",
            building=BUILDING,
            runs=[run("stock", days=1)],
            notes={},
        )
