"""How far a run is: tenths as log lines, a bar on a terminal."""

from __future__ import annotations

import logging

import pytest

from airhandler.deploy.progress import Bar, Lines, progress


def test_lines_come_at_every_tenth_and_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="airhandler.progress")
    with progress("fake", 50, bar=False) as shown:
        for steps in range(1, 51):
            shown.done(steps)
    assert len(caplog.messages) == 10
    assert (caplog.messages[0], caplog.messages[-1]) == ("fake: step 5 of 50", "fake: step 50 of 50")


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_short_runs_are_no_trouble(steps: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="airhandler.progress")
    with Lines("fake", steps) as shown:
        for done in range(1, steps + 3):
            shown.done(done)
    assert 1 <= len(caplog.messages) <= max(1, steps)


def test_without_an_end_steps_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="airhandler.progress")
    with Lines("fake", None) as shown:
        for done in range(1, 251):
            shown.done(done)
    assert caplog.messages == ["fake: step 100", "fake: step 200"]


def test_bar_without_an_end_counts(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("fake", None, bar=True) as shown:
        shown.done(7)
    assert "7/?" in capsys.readouterr().err


def test_bar_is_drawn_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("fake", 7, bar=True) as shown:
        assert isinstance(shown, Bar)
        shown.done(7)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "7/7" in captured.err


def test_without_a_terminal_there_are_lines() -> None:
    assert isinstance(progress("fake", 7), Lines)
