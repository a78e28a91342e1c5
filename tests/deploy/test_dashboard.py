"""The dashboard: as committed, well laid out, and about metrics that exist."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from airhandler.buildings.site import Written
from airhandler.deploy.dashboards.panel import ROW_WIDTH
from airhandler.deploy.dashboards.panels import panels
from airhandler.deploy.metrics import Metrics
from airhandler.safety.verdict import Allowed
from tests.deploy.promql import known, named
from tests.deploy.scenes import building, on_bus, standing, tick
from tests.offices import SMALL, reading, setpoints

pytestmark = pytest.mark.filterwarnings("ignore:Prefer using dashboardv2:DeprecationWarning")


def _read(building: str) -> dict[str, Any]:
    from airhandler.deploy.dashboards.generate import FILES

    read: dict[str, Any] = json.loads(FILES[building].read_text())
    return read


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    return _read("datacentre-dx")


@pytest.fixture(scope="module")
def office() -> dict[str, Any]:
    return _read("office-5zone")


def _targets(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [target for panel in _measured(dashboard) for target in panel["targets"]]


def _measured(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Panels that ask for something; the others are words."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "text"]


@pytest.mark.parametrize("building", ["datacentre-dx", "office-5zone"])
def test_committed_file_is_what_the_code_makes(building: str) -> None:
    from airhandler.deploy.dashboards.generate import FILES, dashboard_json

    made = dashboard_json(building)
    assert FILES[building].read_text() == made, "run: python -m airhandler.deploy.dashboards.generate"


def test_every_panel_has_an_id_a_title_and_words(dashboard: dict[str, Any]) -> None:
    made = dashboard["panels"]
    assert len({panel["id"] for panel in made}) == len(made) == len(panels(building()))
    assert all(panel["title"] and panel["description"] for panel in made)


def test_panels_lie_on_the_grid_and_not_on_each_other(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [
        (x, y)
        for p in places
        for x, y in itertools.product(range(p["x"], p["x"] + p["w"]), range(p["y"], p["y"] + p["h"]))
    ]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} == set(range(ROW_WIDTH))


def test_top_row_tells_who_is_in_charge_and_how_it_is(dashboard: dict[str, Any]) -> None:
    top = [panel["title"] for panel in dashboard["panels"] if panel["gridPos"]["y"] == 0]
    assert top == ["In charge", "Stage", "Watchdog", "Warmest inlet", "Last tick"]


def test_second_row_tells_why_and_how_to_stop_it(dashboard: dict[str, Any]) -> None:
    below = dashboard["panels"][5:8]
    assert [panel["title"] for panel in below] == ["Why", "Since", "To stop it"]
    assert len({panel["gridPos"]["y"] for panel in below}) == 1
    words = below[-1]["options"]["content"]
    for command in ("give-back", "reset", "status"):
        assert f"airhandler order SITE.yaml {command}`" in words


def test_thresholds_of_the_warmest_inlet_are_the_standards(dashboard: dict[str, Any]) -> None:
    (panel,) = [panel for panel in dashboard["panels"] if panel["title"] == "Warmest inlet"]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(s["value"], s["color"]) for s in steps] == [
        (None, "blue"), (18.0, "green"), (27.0, "orange"), (32.0, "red"),
    ]  # fmt: skip


def test_every_metric_that_is_asked_for_exists(dashboard: dict[str, Any]) -> None:
    for target in _targets(dashboard):
        assert named(target["expr"])
        assert named(target["expr"]) <= known(), target["expr"]


def test_no_source_of_data_is_fixed(dashboard: dict[str, Any]) -> None:
    sources = [
        *(p["datasource"] for p in _measured(dashboard)),
        *(t["datasource"] for t in _targets(dashboard)),
    ]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    variables = {v["name"]: v["type"] for v in dashboard["templating"]["list"]}
    assert variables == {"datasource": "datasource", "instance": "query", "window": "custom"}


def test_every_query_is_about_one_instance(dashboard: dict[str, Any]) -> None:
    for target in _targets(dashboard):
        assert target["expr"].count('instance="$instance"') == target["expr"].count("airhandler_")


def test_dashboard_of_an_office_asks_for_what_an_office_has(office: dict[str, Any]) -> None:
    metrics = Metrics(SMALL, interval_s=1.0)
    wanted = setpoints(21.0, 24.0)
    verdict = Allowed(setpoints=wanted)
    metrics.observe(tick(verdict=verdict, proposal=None, reading=reading(), outcome=Written()))
    metrics.follow(
        lambda: standing(why_back="a doubt", on_bus=on_bus(granted=dict.fromkeys(wanted, 1.0), accepted_s=60.0))
    )
    there = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    missing = {name for target in _targets(office) for name in named(target["expr"])} - there
    assert missing == {"airhandler_proposed_celsius"}, "nothing was proposed"
    titles = [panel["title"] for panel in office["panels"]]
    assert "Worst zone with people" in titles
    assert not [title for title in titles if "nlet" in title or "PUE" in title]


def test_expressions_of_an_office_are_sound(office: dict[str, Any], tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    exprs = [t["expr"].replace("$window", "6h").replace("$instance", "x") for t in _targets(office)]
    rules = [{"record": f"office:{i}", "expr": expr} for i, expr in enumerate(exprs)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "office", "rules": rules}]}))
    words = ["promtool", "check", "rules", str(tmp_path / "rules.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
