"""Who is in charge, and why, as the dashboard says it of each way that things can stand: by promtool."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from airhandler.deploy.dashboards.panels import panels
from airhandler.deploy.metrics import Metrics
from airhandler.deploy.standing import Standing
from tests.deploy.scenes import building, on_bus, standing, tick

BACK = "held at 19 degC by slot 8"
WATCHES = "nothing can be written: it only watches, or has ended"
WAITS = "advice waits: airhandler order SITE.yaml accept --for 1h"
ACCEPTED = "a person has accepted the advice: see for how long below"
TAKEN_BACK = "the watchdog gave it back: the controller was silent"
GRANTED = "it is granted: see how far below"
NOT_YET = "nothing was written yet: the log says what for"


def _shows(folder: Path, metrics: Metrics, title: str, wanted: str | None) -> str:
    """What promtool says against a panel that is to show a name, or nothing; empty where that is what it shows."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    (panel,) = [panel for panel in panels(building()) if panel.title == title]
    (query,) = panel.queries
    label = query.legend.strip("{}")
    expr = f"count by ({label}) ({query.expr.replace('$instance', 'hall')})"
    samples = [] if wanted is None else [{"labels": f'{{{label}="{wanted}"}}', "value": 1}]
    test = {
        "interval": "1m",
        "input_series": _series(metrics),
        "promql_expr_test": [{"expr": expr, "eval_time": "0m", "exp_samples": samples}],
    }
    (folder / "test.yml").write_text(json.dumps({"rule_files": [], "tests": [test]}))
    words = ["promtool", "test", "rules", str(folder / "test.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _series(metrics: Metrics) -> list[dict[str, str]]:
    """What is shown, as series of one instance."""
    series = []
    for sample in (sample for family in metrics.registry.collect() for sample in family.samples):
        labels = {**sample.labels, "instance": "hall", "job": "airhandler"}
        inside = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
        series.append({"series": f"{sample.name}{{{inside}}}", "values": f"{sample.value:g}"})
    return series


@pytest.mark.parametrize(
    ("stage", "stands", "who", "why"),
    [
        ("live", standing(), "airhandler", GRANTED),
        ("live", standing(in_charge=False), "the building", NOT_YET),
        ("live", standing(on_bus=on_bus(taken_back=True)), "the building", TAKEN_BACK),
        ("fallback", standing(in_charge=False, why_back=BACK), "the building", BACK),
        ("fallback", standing(why_back=BACK), "NOT GIVEN BACK", BACK),
        ("fallback", standing(why_back=BACK, on_bus=on_bus(taken_back=True)), "the building", BACK),
        ("advisory", standing(in_charge=False, on_bus=on_bus(waits=True)), "the building", WAITS),
        ("advisory", standing(on_bus=on_bus(accepted_s=60.0)), "airhandler", ACCEPTED),
        ("live", standing(on_bus=None), "airhandler", GRANTED),
        ("observe", standing(in_charge=False), "the building", WATCHES),
        ("shadow", None, "the building", WATCHES),
    ],
)
def test_who_is_in_charge_and_why(stage: str, stands: Standing | None, who: str, why: str, tmp_path: Path) -> None:
    metrics = Metrics(building())
    metrics.observe(tick(stage=stage))  # type: ignore[arg-type]
    if stands is not None:
        metrics.follow(lambda: stands)
    assert _shows(tmp_path, metrics, "In charge", who) == ""
    assert _shows(tmp_path, metrics, "Why", why) == ""


@pytest.mark.parametrize(("watched", "shown"), [(True, "ready"), (False, "NONE")])
def test_whether_there_is_a_watchdog(watched: bool, shown: str, tmp_path: Path) -> None:
    metrics = Metrics(building())
    metrics.follow(lambda: standing(on_bus=on_bus(watched=watched)))
    assert _shows(tmp_path, metrics, "Watchdog", shown) == ""
    metrics.follow(lambda: standing(on_bus=None))
    assert _shows(tmp_path, metrics, "Watchdog", None) == ""
