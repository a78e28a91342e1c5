"""What holds for every test run: where CI is set everything is installed, so a skipped test has failed."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so it is where a shell runs the tests in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("whole", deadline=None)  # a busy machine is no fault of the code
settings.register_profile("fast", deadline=None, max_examples=25)
# For `make mutants`: the same examples in every run, none kept or made simpler; a slow machine kills nothing.
settings.register_profile(
    "mutants",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def pytest_configure(config: pytest.Config) -> None:
    """Fewer generated examples where only the fast tests were asked for: `make test` has them all."""
    if config.getoption("--hypothesis-profile") is None:
        settings.load_profile("fast" if config.getoption("markexpr") == "not slow" else "whole")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quick ones first where mutmut runs them: a mutant is dead at its first failing test."""
    if (noted := Path("mutmut-stats.json")).exists():
        durations_s = json.loads(noted.read_text())["duration_by_test"]
        items.sort(key=lambda item: durations_s.get(item.nodeid, 0.0))


@pytest.fixture(autouse=True)
def _without_torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests import torch into this process, which then rightly refuses to fork."""
    if request.node.get_closest_marker("forks") is not None:
        monkeypatch.delitem(sys.modules, "torch", raising=False)


def _skipped(config: pytest.Config) -> list[pytest.TestReport | pytest.CollectReport]:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    return terminal.stats.get("skipped", []) if terminal and os.environ.get("CI") else []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run that passed but for what it skipped."""
    passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if passed and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Names what was skipped."""
    if skipped := _skipped(config):
        terminalreporter.section("skipped: a failure where CI is set", red=True)
        for report in skipped:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[-1]}", red=True)
