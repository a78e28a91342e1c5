"""The dashboard: as committed, well laid out, and about metrics that exist."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from airhandler.deploy.dashboards.panels import ROW_WIDTH, panels
from tests.deploy.promql import known, named
from tests.deploy.scenes import building

pytestmark = pytest.mark.filterwarnings("ignore:Prefer using dashboardv2:DeprecationWarning")


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    from airhandler.deploy.dashboards.generate import FILE

    read: dict[str, Any] = json.loads(FILE.read_text())
    return read


def _targets(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [target for panel in dashboard["panels"] for target in panel["targets"]]


def test_committed_file_is_what_the_code_makes() -> None:
    from airhandler.deploy.dashboards.generate import FILE, dashboard_json

    made = dashboard_json()
    assert FILE.read_text() == made, "run: python -m airhandler.deploy.dashboards.generate"


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
    assert top == ["Stage", "Warmest inlet", "Last tick", "Adjusted or rejected", "Total power"]


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
        *(p["datasource"] for p in dashboard["panels"]),
        *(t["datasource"] for t in _targets(dashboard)),
    ]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    variables = {v["name"]: v["type"] for v in dashboard["templating"]["list"]}
    assert variables == {"datasource": "datasource", "instance": "query", "window": "custom"}


def test_every_query_is_about_one_instance(dashboard: dict[str, Any]) -> None:
    for target in _targets(dashboard):
        assert target["expr"].count('instance="$instance"') == target["expr"].count("airhandler_")
