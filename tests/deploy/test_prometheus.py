"""A real Prometheus scrapes a running `airhandler live` on a twin's bus: every query has data, every rule is sound.

And an operator who asks for authority sees on the dashboard, and is told by an alert, that it is with the building.
"""

from __future__ import annotations

import json
import math
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.drills import Drill
from tests.deploy.process import PATIENCE_S
from tests.deploy.promql import known, named

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy/dashboards/airhandler.json").read_text())
RULES = ROOT / "deploy/alerts/airhandler.yml"
# What is there only when authority went back, or a person had to accept advice.
IN_TROUBLE = {"airhandler_handover_info", "airhandler_handover_timestamp_seconds", "airhandler_acceptance_left_seconds"}
QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']}: {target.get('legendFormat', '') or target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
]


class Prometheus:
    """A Prometheus on a loopback port."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **parameters: str) -> Any:
        """What its HTTP API answers."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """An instant query's samples."""
        result: list[dict[str, Any]] = self.ask("query", query=expr)["result"]
        return result

    def wait_until(self, true: Callable[[], object], what: str) -> None:
        """Asks until something is true."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if true():
                    return
            except urllib.error.URLError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"never came: {what}")


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    """A twin on a bus, a step a second."""
    drill = Drill(tmp_path_factory.mktemp("twin"))
    try:
        yield drill
    finally:
        drill.kill()


@pytest.fixture(scope="module")
def live(drill: Drill) -> str:
    """`host:port` of the metrics of a controller that is in charge of it."""
    return drill.live().wait_for(r"metrics: http://([^/]+)/metrics")[1]


@pytest.fixture(scope="module")
def prometheus(live: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes it every second, with our alert rules."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    config = _configured(folder, live)
    address = f"127.0.0.1:{_free_port()}"
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            made = Prometheus(f"http://{address}")
            # `increase` needs samples on both sides of a change, and a power meter a step that has ended.
            made.wait_until(lambda: made.query("count_over_time(airhandler_ticks_total[5m]) > 4"), "five scrapes")
            yield made
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _configured(folder: Path, target: str) -> Path:
    """A configuration that scrapes the target every second."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "airhandler", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    return folder / "prometheus.yml"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _filled_in(expr: str, live: str) -> str:
    """An expression with the dashboard's variables as a viewer has them."""
    window = next(v for v in DASHBOARD["templating"]["list"] if v["name"] == "window")["current"]["value"]
    return expr.replace("$instance", live).replace("$window", window)


def test_target_is_up(prometheus: Prometheus, live: str) -> None:
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["lastError"], target["labels"]["instance"]) == ("up", "", live)


@pytest.mark.parametrize("expr", QUERIES)
def test_every_query_of_every_panel_has_data(expr: str, prometheus: Prometheus, live: str) -> None:
    samples = prometheus.query(_filled_in(expr, live))
    assert samples or named(expr) <= IN_TROUBLE, expr
    assert all(math.isfinite(float(sample["value"][1])) for sample in samples), samples


def test_dashboards_list_of_sites_has_this_one(prometheus: Prometheus, live: str) -> None:
    variable = next(v for v in DASHBOARD["templating"]["list"] if v["name"] == "instance")
    metric, label = variable["query"].removeprefix("label_values(").removesuffix(")").split(", ")
    assert prometheus.ask(f"label/{label}/values", **{"match[]": metric}) == [live]


def test_every_metric_arrives(prometheus: Prometheus) -> None:
    names = set(prometheus.ask("label/__name__/values"))
    made = {name for name in known() if not name.endswith("_created")}
    assert made - names <= IN_TROUBLE


def test_every_rule_can_be_evaluated_and_a_healthy_building_raises_none(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]

    prometheus.wait_until(lambda: all(r["health"] == "ok" for r in rules()), "rules that are evaluated")
    assert [(r["name"], r["lastError"]) for r in rules() if r.get("lastError")] == []
    firing = [r["name"] for r in rules() if r["state"] == "firing"]
    assert firing == []


def _shown(prometheus: Prometheus, live: str, title: str) -> str:
    """What stands on a panel that names something."""
    (panel,) = [panel for panel in DASHBOARD["panels"] if panel["title"] == title]
    (target,) = panel["targets"]
    (sample,) = prometheus.query(_filled_in(target["expr"], live))
    return str(sample["metric"][target["legendFormat"].strip("{}")])


def test_operator_sees_who_is_in_charge_and_why(prometheus: Prometheus, live: str, drill: Drill) -> None:
    def shown() -> tuple[str, ...]:
        return tuple(_shown(prometheus, live, title) for title in ("In charge", "Stage", "Watchdog", "Why"))

    assert shown() == ("airhandler", "live", "ready", "it is granted: see how far below")
    drill.start("order", str(drill.site_file), "give-back").wait()
    prometheus.wait_until(lambda: shown()[:2] == ("the building", "fallback"), "authority that went back")
    assert drill.empty()
    assert "give-back" in shown()[-1]
    prometheus.wait_until(lambda: "AirhandlerFallback" in _firing(prometheus), "an alert")
    assert _firing(prometheus) == {"AirhandlerFallback": shown()[-1]}
    drill.start("order", str(drill.site_file), "reset").wait()
    prometheus.wait_until(lambda: shown()[:2] == ("airhandler", "live"), "authority that was taken anew")
    prometheus.wait_until(lambda: not _firing(prometheus), "an alert that ends")


def _firing(prometheus: Prometheus) -> dict[str, str]:
    """The alerts that are there, and why."""
    alerts = prometheus.ask("alerts")["alerts"]
    return {a["labels"]["alertname"]: a["labels"].get("why", "") for a in alerts if a["state"] == "firing"}


def test_configuration_passes_promtool(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    command = ["promtool", "check", "config", str(_configured(tmp_path, "127.0.0.1:9790"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
