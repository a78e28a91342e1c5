"""On a CI machine a skipped test is a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
pytest_plugins = ["pytester"]

_CONFTEST = Path(__file__).parents[1] / "conftest.py"
_TESTS = """
    import pytest

    def test_runs(): pass

    @pytest.mark.skipif(True, reason="no server here")
    def test_is_skipped(): pass

    @pytest.mark.xfail(reason="known")
    def test_is_known_to_fail(): assert False
"""
_MODULE = "import pytest; pytest.importorskip('a_module_that_is_nowhere')"


@pytest.mark.parametrize(("ci", "exit_code"), [("", pytest.ExitCode.OK), ("true", pytest.ExitCode.TESTS_FAILED)])
@pytest.mark.parametrize("tests", [_TESTS, _MODULE], ids=["test", "module"])
def test_skipped_test_fails_the_run_only_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tests: str, ci: str, exit_code: int
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest(_CONFTEST.read_text())
    pytester.makepyfile(test_one="def test_runs(): pass", test_two=tests)
    result = pytester.runpytest_inprocess()
    assert result.ret == exit_code
    named = "no server here" if tests == _TESTS else "could not import"
    said = any(named in line and "test_two.py" in line for line in result.outlines)
    assert said == bool(ci)
