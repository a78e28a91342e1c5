"""The two commands: what they print, where they save, how they end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from airhandler.buildings.errors import UserError
from airhandler.buildings.site import WriteFailed, WriteOutcome
from airhandler.deploy import live
from airhandler.deploy.cli import app
from airhandler.deploy.connectors.rehearsal import FILE, RehearsalWriter
from airhandler.deploy.run import SUMMARY_FILE, TICKS_FILE
from tests.deploy.scenes import FakeController, record


def _run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--port", "0"], catch_exceptions=False)


@pytest.fixture
def site(tmp_path: Path) -> str:
    return str(record(tmp_path / "r.csv"))


@pytest.mark.parametrize("command", ["live", "shadow"])
def test_outcome_is_printed_for_people(command: str, fake: FakeController, site: str, tmp_path: Path) -> None:
    done = _run(command, "any", "--site", site, "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.stderr
    assert re.search(rf"^{command} fake: 20 ticks \(\d+ allowed, \d+ adjusted, 0 rejected\)", done.stdout)
    assert f"saved in {tmp_path / 'out'}" in done.stdout
    assert "info    airhandler.run: metrics: http://127.0.0.1:" in done.stderr


def test_json_is_all_that_is_printed(fake: FakeController, site: str, tmp_path: Path) -> None:
    done = _run("live", "any", "--site", site, "--out", str(tmp_path / "out"), "--json", "--log-format", "json")
    printed = json.loads(done.stdout)
    assert (printed["stage"], printed["ticks"], printed["given_back"]) == ("live", 20, True)
    assert printed == json.loads((tmp_path / "out" / SUMMARY_FILE).read_text())
    messages = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert "authority given back to the building's own control: the site's time is over" in messages
    assert any("REHEARSAL: nothing is written to any building" in message for message in messages)


def test_default_folder_is_a_new_one_under_runs(
    fake: FakeController, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run("live", "any", "--site", site).exit_code == 0
    (made,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"live-\d{8}T\d{6}Z", made.name)
    assert {p.name for p in made.iterdir()} == {TICKS_FILE, SUMMARY_FILE, FILE}


def test_authority_that_did_not_come_back_is_exit_code_1(
    fake: FakeController, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(writer: RehearsalWriter) -> WriteOutcome:
        return WriteFailed(reason="no")

    monkeypatch.setattr(RehearsalWriter, "relinquish", refuse)
    done = _run("live", "any", "--site", site, "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "authority was NOT given back (no)" in done.stderr


@pytest.mark.parametrize("start", ["July", "07", "07-01-02", ""])
def test_start_that_is_no_day_is_a_users_mistake(start: str) -> None:
    with pytest.raises(UserError, match="must be MM-DD, for example 07-01"):
        _run("live", "any", "--start", start)


def test_choices_reach_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    class ReachedError(Exception): ...

    def run_live(chosen: object, connect: object) -> None:
        raise ReachedError(chosen)

    monkeypatch.setattr(live, "run_live", run_live)
    words = "live c --building b --weather w --start 02-03 --days 4 --speed 5 --site s --address a --linger 6"
    words += " --log-format json"
    with pytest.raises(ReachedError) as reached:
        _run(*words.split(), "--out", "o")
    (chosen,) = reached.value.args
    assert (chosen.controller, chosen.building, chosen.weather, chosen.start) == ("c", "b", "w", (2, 3))
    assert (chosen.days, chosen.speed, chosen.site, chosen.address) == (4, 5.0, "s", "a")
    assert (chosen.linger_s, chosen.out, chosen.port, chosen.bar) == (6.0, Path("o"), 0, False)


@pytest.mark.parametrize("command", ["live", "shadow"])
def test_help_has_examples(command: str) -> None:
    assert f"airhandler {command} " in _run(command, "--help").stdout.replace("\n", " ")
