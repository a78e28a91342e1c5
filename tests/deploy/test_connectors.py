"""From the name of a site to what can be seen and written; rehearsals; a machine without a simulator."""

from __future__ import annotations

import csv
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import WriteFailed, Written
from airhandler.deploy.connectors.connect import connect, watch
from airhandler.deploy.connectors.rehearsal import FILE, RehearsalWriter
from tests.deploy.scenes import START, SUPPLY, building, record, setpoints, settings


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rehearsal_keeps_what_would_be_written(tmp_path: Path) -> None:
    writer = RehearsalWriter(tmp_path / FILE, building(), lambda: START)
    assert writer.write(setpoints(19.25)) == Written()
    assert writer.relinquish() == Written()
    written, given_back = _rows(tmp_path / FILE)
    assert (written["time"], written[SUPPLY]) == (START.isoformat(), "19.25")
    assert given_back[SUPPLY] == ""


def test_rehearsal_refuses_what_is_no_setpoint(tmp_path: Path) -> None:
    writer = RehearsalWriter(tmp_path / FILE, building(), lambda: START)
    assert writer.write(Setpoints({"lights": 1.0})) == WriteFailed(reason="no set-point lights")


def test_rehearsal_whose_file_is_gone_says_so(tmp_path: Path) -> None:
    writer = RehearsalWriter(tmp_path / FILE, building(), lambda: START)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    outcome = writer.write(setpoints())
    assert isinstance(outcome, WriteFailed)
    assert FILE in outcome.reason


def test_rehearsal_without_a_place_to_write_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        RehearsalWriter(tmp_path / "file" / FILE, building(), lambda: START)


def test_recording_connects_to_a_rehearsal_that_says_what_it_is(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "out", site=str(record(tmp_path / "r.csv")))
    made = connect(chosen, building())
    assert isinstance(made.writer, RehearsalWriter)
    assert "nothing is written to any building" in made.view.about
    assert "REHEARSAL" not in watch(chosen, building()).about


@pytest.mark.parametrize("ask", [watch, connect])
def test_machine_without_simulator_is_told_what_to_do(
    ask: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyenergyplus", None)
    with pytest.raises(UserError, match=r"pyenergyplus is missing\): pip install .*--site FILE.csv"):
        ask(settings(tmp_path), building())  # type: ignore[operator]


@pytest.mark.slow
def test_simulated_building_does_as_it_is_told(tmp_path: Path) -> None:
    made = connect(settings(tmp_path, days=1), building())
    view = made.view
    try:
        assert (view.ticks, view.site.points) == (97, building().points)
        assert made.writer.write(setpoints(24.0)) == Written()
        assert view.clock.sleep_until(view.clock.now() + timedelta(hours=2))
        assert view.site.read()["east_supply_air_temp_c"] == pytest.approx(24.0, abs=0.5)
    finally:
        view.site.close()
