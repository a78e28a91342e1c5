"""`airhandler journal`: what it prints, what it exports, and how it ends."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from airhandler.buildings.errors import UserError
from airhandler.deploy.cli_journal import app
from airhandler.deploy.journal import Journal
from airhandler.deploy.journal_rows import files
from airhandler.deploy.journal_ticks import start_payload, tick_payload
from tests.deploy.scenes import building, tick

EXAMPLE = Path(__file__).parents[2] / "examples" / "site.yaml"


def _run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words], catch_exceptions=False)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a journal."""
    journal = Journal(tmp_path / "state" / "journal")
    journal.append("start", start_payload(building(), "fake"))
    for number in range(3):
        one = tick(number)
        journal.append("tick", tick_payload(one), site_time=one.reading.time)
    journal.append("stop", {"why": "SIGTERM"})
    journal.close()
    return tmp_path / "state"


def test_sound_journal_is_said_to_hold(state: Path) -> None:
    done = _run("verify", str(state))
    assert done.exit_code == 0
    assert done.stdout.startswith("5 rows hold, 1 to 5\nlast row: 5:")
    noted = done.stdout.split()[-1]
    assert _run("verify", str(state / "journal"), "--holds", noted).exit_code == 0
    head = json.loads(_run("verify", str(state), "--json").stdout)
    assert (head["broken"], f"{head['last']}:{head['head']}") == (None, noted)


def test_rows_that_were_taken_from_the_end_are_missed_where_one_was_noted(state: Path) -> None:
    noted = _run("verify", str(state)).stdout.split()[-1]
    (path,) = files(state / "journal")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER rows_are_kept")
        connection.execute("DELETE FROM rows WHERE seq = 5")
    assert _run("verify", str(state)).exit_code == 0, "no chain can show that by itself"
    done = _run("verify", str(state), "--holds", noted)
    assert done.exit_code == 1
    assert "BROKEN: row 5 does not have the hash that was noted" in done.stdout


def test_first_broken_row_is_named(state: Path) -> None:
    (path,) = files(state / "journal")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER rows_stay")
        connection.execute("UPDATE rows SET payload = replace(payload, '20', '21') WHERE seq >= 3")
    done = _run("verify", str(state))
    assert done.exit_code == 1
    assert done.stdout.startswith("BROKEN: journal-000001.sqlite, row 3: was changed")
    assert done.stdout.endswith("2 rows before it hold\n")
    assert _run("verify", str(state), "--json").exit_code == 1


def test_last_rows_are_shown(state: Path) -> None:
    lines = _run("show", str(state), "--last", "2").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["4", "5"]
    assert "tick" in lines[0]
    assert "live; allowed" in lines[0]
    assert lines[1].endswith("why SIGTERM")
    rows = json.loads(_run("show", str(state), "--json").stdout)
    assert [row["kind"] for row in rows] == ["start", "tick", "tick", "tick", "stop"]
    assert rows[0]["payload"]["controller"] == "fake"


def test_exports_are_written_where_told(state: Path, tmp_path: Path) -> None:
    csv, parquet, recording = (str(tmp_path / name) for name in ("a.csv", "a.parquet", "r.csv"))
    done = _run("export", str(state), "--csv", csv, "--parquet", parquet, "--recording", recording)
    assert done.stdout.splitlines() == [f"5 rows in {csv}", f"5 rows in {parquet}", f"3 readings in {recording}"]
    assert all(Path(name).stat().st_size > 100 for name in (csv, parquet, recording))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("export",), "nothing to write: name --csv"),
        (("verify", "--holds", "5"), "--holds 5: give a row and its hash"),
        (("verify", "--holds", "x:ff"), "--holds x:ff: give a row and its hash"),
        (("export", "--csv", "/proc/none/a.csv"), "/proc/none/a.csv: cannot be written"),
        (("export", "--recording", "r.csv", "--building", "nowhere"), "nowhere"),
    ],
)
def test_mistakes_are_told_with_what_to_do(words: tuple[str, ...], line: str, state: Path) -> None:
    with pytest.raises(UserError, match=re.escape(line)):
        _run(words[0], str(state), *words[1:])


def test_folder_without_a_journal_is_a_users_mistake(tmp_path: Path) -> None:
    for command in ("verify", "show"):
        with pytest.raises(UserError, match="no journal"):
            _run(command, str(tmp_path))


@pytest.mark.parametrize("words", [["verify"], ["show"], ["export", "--csv", "rows.csv"]])
def test_site_file_leads_to_its_journal(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    site = tmp_path / "site.yaml"
    site.write_text(f"{EXAMPLE.read_text()}\nstate: {state.name}\n")
    done, alike = (_run(words[0], str(path), *words[1:]) for path in (site, state))
    assert (done.exit_code, done.stdout) == (0, alike.stdout)


def test_site_whose_controller_never_ran_is_told(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(EXAMPLE.read_text())
    with pytest.raises(
        UserError, match=r"site.yaml: its state folder .*north-hall.state has no journal: no controller"
    ):
        _run("verify", str(site))
    assert not (tmp_path / "north-hall.state").exists()
