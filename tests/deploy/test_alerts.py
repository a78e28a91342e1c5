"""Alert rules: promtool's own checks and unit tests, runbooks, and metrics that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.promql import known, named

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "alerts"
_SECTION = re.compile(r"^## (\w+)$", re.MULTILINE)


def _promtool(*words: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    return subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rules() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "airhandler.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    tests = yaml.safe_load((FOLDER / "airhandler_test.yml").read_text())["tests"]
    return [case for test in tests for case in test["alert_rule_test"]]


def test_rules_pass_promtool() -> None:
    done = _promtool("check", "rules", "airhandler.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_comes_when_it_must_and_only_then() -> None:
    done = _promtool("test", "rules", "airhandler_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_unit_tests_notice_a_changed_threshold(tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        shutil.copy(file, tmp_path)
    text = (tmp_path / "airhandler.yml").read_text()
    (tmp_path / "airhandler.yml").write_text(text.replace("> 3 * airhandler_tick", "> 5 * airhandler_tick"))
    assert _promtool("test", "rules", "airhandler_test.yml", folder=tmp_path).returncode != 0


def test_every_alert_has_a_case_in_which_it_comes_and_one_in_which_it_does_not(
    rules: dict[str, dict[str, Any]], cases: list[dict[str, Any]]
) -> None:
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == rules.keys()
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == rules.keys()


def test_every_alert_has_words_a_severity_and_a_runbook(rules: dict[str, dict[str, Any]]) -> None:
    sections = _SECTION.findall((ROOT / "docs" / "runbooks.md").read_text())
    assert sorted(sections) == sorted(rules)
    for name, rule in rules.items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"


def test_every_metric_that_an_alert_watches_exists(rules: dict[str, dict[str, Any]]) -> None:
    for rule in rules.values():
        assert named(rule["expr"]) <= known(), rule["expr"]


def test_limits_of_temperature_stand_in_no_rule(rules: dict[str, dict[str, Any]]) -> None:
    assert not [name for name, rule in rules.items() if re.search(r"\b(27|32|1800)\b", rule["expr"])]
