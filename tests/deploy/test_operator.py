"""What an operator has fixed by hand, in live and in shadow, and on the command line."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from airhandler.__main__ import main
from airhandler.deploy.live import run_live
from airhandler.deploy.shadow import run_shadow
from tests.deploy.scenes import FakeController, FakeWriter, building, connection, reading, settings

NAME = "east_supply_airflow_setpoint_kg_s"


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    path = tmp_path / "operator.yaml"
    path.write_text(f"limits: {{{NAME}: {{high: 3.25}}}}\n")
    return path


def test_limits_by_hand_hold_in_live(fake: FakeController, tmp_path: Path, locked: Path) -> None:
    free, held = FakeWriter(), FakeWriter()
    for writer, operator in ((free, None), (held, locked)):
        chosen = replace(settings(tmp_path / str(operator is None)), operator=operator)
        run_live(chosen, lambda _, made, writer=writer: connection([reading(n) for n in range(6)], writer))  # type: ignore[misc]
    assert free.calls[-2][NAME] > 3.25  # type: ignore[index]
    assert held.calls[-2][NAME] == 3.25  # type: ignore[index]


def test_limits_by_hand_hold_in_shadow(fake: FakeController, tmp_path: Path, locked: Path) -> None:
    outcome = run_shadow(
        replace(settings(tmp_path / "shadow"), operator=locked),
        lambda _, made: connection([reading(n) for n in range(6)], FakeWriter()).view,
    )
    assert outcome.verdicts["adjusted"] == outcome.ticks


@pytest.mark.parametrize("command", ["live", "shadow"])
def test_a_file_that_is_wrong_is_one_line_and_nothing_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text("locks: [east_supply_airflow_setpoint]\n")
    monkeypatch.setattr(sys, "argv", ["airhandler", command, "constant", "--operator", str(path)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = [said for said in capsys.readouterr().err.splitlines() if said]
    assert line == f"airhandler: {path}: locks.east_supply_airflow_setpoint: the building has no such set-point; " + (
        f"nearest: {NAME}, west_supply_airflow_setpoint_kg_s, {building().setpoints[0].name}"
    )
    assert list(tmp_path.iterdir()) == [path]
