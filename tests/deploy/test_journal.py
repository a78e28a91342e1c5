"""The journal: what is acknowledged is on the disk, no change goes unseen, what cannot be kept is said."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.errors import UserError
from airhandler.deploy.journal import Journal, JournalError, Keeping
from airhandler.deploy.journal_reading import last_rows, rows, verify
from airhandler.deploy.journal_rows import KINDS, files

BEGIN = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)


class Clock:
    """A machine's time that is set."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> dt.datetime:
        return self.now


def kept(folder: Path, number: int = 6) -> Path:
    """A journal of some rows, closed."""
    journal = Journal(folder)
    for i in range(number):
        journal.append(KINDS[i % len(KINDS)], {"i": i, "words": "inlet at 27 °C"}, site_time=BEGIN)
    journal.close()
    return folder


def changed(path: Path, *statements: str) -> None:
    """Changes a file by hand, its triggers out of the way."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


def test_rows_come_back_as_they_were_given(tmp_path: Path) -> None:
    journal = Journal(tmp_path, now=lambda: BEGIN)
    local = BEGIN.astimezone(dt.timezone(dt.timedelta(hours=-6)))
    assert journal.append("start", {"b": [1, None, 0.1], "a": "ä"}) == 1
    assert journal.append("tick", {}, site_time=local) == 2
    first, second = rows(tmp_path)
    assert (first.seq, first.utc, first.site_time, first.kind) == (1, BEGIN, None, "start")
    assert first.payload == {"a": "ä", "b": [1, None, 0.1]}
    assert second.site_time is not None
    assert second.site_time.isoformat() == "2026-06-30T18:00:00-06:00"
    assert [row.seq for row in rows(tmp_path, "tick")] == [2]


def test_journal_goes_on_where_it_was(tmp_path: Path) -> None:
    kept(tmp_path, 3)
    assert Journal(tmp_path).append("event", {}) == 4
    result = verify(tmp_path)
    assert (result.rows, result.first, result.last, result.broken) == (4, 1, 4, None)
    assert result.head == last_rows(tmp_path, 1)[0].hash.hex()


def test_file_is_kept_as_a_crash_needs_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    connection = journal._connection()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rows SET payload = '{}' WHERE seq = 2",
        "DELETE FROM rows WHERE seq = 6",
        "DELETE FROM rows",
        "REPLACE INTO rows SELECT seq, utc, site_time, kind, '{}', previous, hash FROM rows WHERE seq = 2",
        "INSERT INTO rows SELECT 9, utc, site_time, kind, payload, previous, hash FROM rows WHERE seq = 6",
        "INSERT INTO rows SELECT 7, utc, site_time, kind, payload, previous, hash FROM rows WHERE seq = 6",
    ],
)
def test_rows_are_only_added(statement: str, tmp_path: Path) -> None:
    (path,) = files(kept(tmp_path))
    with (
        contextlib.closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="only added"),
    ):
        connection.execute(statement)
    assert verify(tmp_path).broken is None


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE rows SET payload = '{\"i\":7}' WHERE seq = 3", 3),
        ("UPDATE rows SET kind = 'stop' WHERE seq = 2", 2),
        ("UPDATE rows SET utc = replace(utc, '2', '3') WHERE seq = 4", 4),
        ("UPDATE rows SET site_time = NULL WHERE seq = 5", 5),
        ("DELETE FROM rows WHERE seq = 3", 4),
        ("DELETE FROM rows WHERE seq = 1", 2),
        ("UPDATE rows SET hash = zeroblob(32) WHERE seq = 6", 6),
        ("UPDATE rows SET previous = zeroblob(32) WHERE seq = 3", 3),
        ("UPDATE rows SET payload = 'x' WHERE seq = 6", 6),
        ("UPDATE rows SET utc = utc || substr(site_time, 1, 1), site_time = substr(site_time, 2) WHERE seq = 3", 3),
    ],
)
def test_what_was_changed_is_found_and_named(statement: str, row: int, tmp_path: Path) -> None:
    (path,) = files(kept(tmp_path))
    changed(path, statement)
    assert f"row {row}" in (verify(tmp_path).broken or "")


@given(data=st.data())
def test_any_byte_of_any_payload_counts(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = kept(tmp_path_factory.mktemp("journal"), 3)
    (path,) = files(folder)
    seq = data.draw(st.integers(1, 3))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (payload,) = connection.execute("SELECT CAST(payload AS BLOB) FROM rows WHERE seq = ?", (seq,)).fetchone()
    at, flip = data.draw(st.integers(0, len(payload) - 1)), data.draw(st.integers(1, 255))
    altered = bytes(byte ^ flip if i == at else byte for i, byte in enumerate(payload))
    changed(path, f"UPDATE rows SET payload = CAST(x'{altered.hex()}' AS TEXT) WHERE seq = {seq}")
    assert f"row {seq}:" in (verify(folder).broken or "")


@given(
    payload=st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_any_payload_that_json_can_hold_comes_back(
    payload: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    Journal(folder).append("event", payload)
    assert next(iter(rows(folder))).payload == payload
    assert verify(folder).broken is None


def test_damaged_file_is_said_with_where(tmp_path: Path) -> None:
    (path,) = files(kept(tmp_path, 2000))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = bytes(4096)
    path.write_bytes(content)
    assert path.name in (verify(tmp_path).broken or "")
    path.write_bytes(b"no database at all" * 1000)
    assert "cannot be read" in (verify(tmp_path).broken or "")
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(tmp_path)


@pytest.mark.parametrize("payload", [{"x": float("nan")}, {"x": object()}, {"x": b"bytes"}])
def test_what_json_cannot_hold_is_refused(payload: dict[str, object], tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(JournalError, match="cannot be added to"):
        journal.append("event", payload)
    assert journal.append("event", {}) == 1


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(JournalError):
        journal.append("gossip", {})  # type: ignore[arg-type]
    assert journal.append("event", {}) == 1


def test_file_that_another_process_locks_is_said_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("event", {})
    (path,) = files(tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            journal.append("event", {})
        other.execute("ROLLBACK")
        assert journal.append("event", {}) == 2
    assert verify(tmp_path).broken is None


FULL = """
import resource, sys
from pathlib import Path
from airhandler.deploy.journal import Journal, JournalError
journal, acknowledged, refused = Journal(Path(sys.argv[1])), [], 0
journal.append("event", {})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))  # no file may grow beyond: as a full disk
while refused < 5:  # one more may fit where a file was folded up
    try:
        acknowledged.append(journal.append("event", {"much": "x" * 1000}))
        refused = 0
    except JournalError as error:
        refused, words = refused + 1, str(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(words)
print(acknowledged[-1], journal.append("event", {}))
"""


def test_full_disk_is_said_each_time_and_mends_itself(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    words, numbers = done.stdout.splitlines()
    assert words.startswith(f"journal {tmp_path}: cannot be added to: ")
    last, then = map(int, numbers.split())
    assert then == last + 1 > 100
    result = verify(tmp_path)
    assert (result.broken, result.last) == (None, then)


def test_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(tmp_path / "file" / "journal")


def test_new_file_goes_on_with_the_chain(tmp_path: Path) -> None:
    journal = Journal(tmp_path, keeping=Keeping(file_mb=0.05))
    for i in range(200):
        journal.append("tick", {"i": i, "much": "x" * 500})
    assert len(files(tmp_path)) > 2
    assert [row.payload["i"] for row in rows(tmp_path)] == list(range(200))
    assert [row.payload["i"] for row in last_rows(tmp_path, 150)] == list(range(50, 200))
    assert verify(tmp_path).broken is None
    files(tmp_path)[1].unlink()
    assert "is missing" in (verify(tmp_path).broken or "")


def test_crash_between_a_new_file_and_its_first_row_breaks_no_chain(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, now=clock)
    journal.append("event", {})
    journal.close()
    Journal(tmp_path / "other").close()
    (tmp_path / "other" / "journal-000001.sqlite").rename(tmp_path / "journal-000002.sqlite")
    assert Journal(tmp_path, now=clock).append("event", {}) == 2
    assert verify(tmp_path).broken is None


def aged(folder: Path, keep_days: float | None) -> list[str]:
    """A journal that went on for 100 days, a file every 10. Returns its files."""
    clock = Clock()
    journal = Journal(folder, keeping=Keeping(file_days=10, keep_days=keep_days), now=clock)
    for day in range(100):
        clock.now = BEGIN + dt.timedelta(days=day)
        journal.append("tick", {"day": day})
    return [path.name for path in files(folder)]


def test_old_files_go_and_the_chain_says_so(tmp_path: Path) -> None:
    assert len(aged(tmp_path / "all", None)) == 10
    assert aged(tmp_path / "some", 30) == [f"journal-{n:06}.sqlite" for n in (7, 8, 9, 10)]
    result = verify(tmp_path / "some")
    assert result.broken is None
    first = next(iter(rows(tmp_path / "some")))
    assert result.removed == first.seq - 1 > 0
    files(tmp_path / "some")[0].unlink()
    assert "missing" in (verify(tmp_path / "some").broken or "")


def test_newest_file_is_never_removed(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, keeping=Keeping(file_days=1, keep_days=1), now=clock)
    for day in (0, 1000):
        clock.now = BEGIN + dt.timedelta(days=day)
        journal.append("tick", {"day": day})
    assert [row.payload.get("day") for row in rows(tmp_path)] == [None, 1000]
    assert verify(tmp_path).broken is None


def test_no_journal_is_a_users_mistake(tmp_path: Path) -> None:
    for look in (verify, lambda folder: last_rows(folder, 1), lambda folder: list(rows(folder))):
        with pytest.raises(UserError, match="no journal"):
            look(tmp_path)


KILLED = """
import sys
from pathlib import Path
from airhandler.deploy.journal import Journal, Keeping
journal = Journal(Path(sys.argv[1]), keeping=Keeping(file_mb=0.2))
while True:
    print(journal.append("tick", {"much": "x" * 2000}), flush=True)
"""


@pytest.mark.slow
def test_no_acknowledged_row_is_lost_in_100_kills(tmp_path: Path) -> None:
    """Each kill comes at another moment: as many rows later as it is its number, and in the midst of the next one."""
    for kill in range(100):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(1 + kill % 7)]
        process.kill()
        acknowledged += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        last = [int(line) for line in acknowledged if line.endswith("\n")][-1]
        result = verify(tmp_path)
        assert result.broken is None
        assert result.last >= last, f"kill {kill}: row {last} was acknowledged, {result.last} are there"
    assert len(files(tmp_path)) > 1


def test_journal_of_no_row_is_broken(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    result = verify(tmp_path)
    assert result.broken is not None
    assert "all of them were taken away" in result.broken


def test_head_is_what_verify_looks_for(tmp_path: Path) -> None:
    journal = Journal(tmp_path, keeping=Keeping(file_mb=0.02))
    assert journal.head() == (0, "0" * 64), "what the first row follows"
    for number in range(50):
        journal.append("event", {"number": number, "filler": "x" * 1000})
        assert journal.head() == (number + 1, last_rows(tmp_path, 1)[0].hash.hex())
    seq, digest = journal.head()
    assert verify(tmp_path, holds=(seq, bytes.fromhex(digest))).broken is None
