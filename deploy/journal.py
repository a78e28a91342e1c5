"""The journal: what a controller read, decided, wrote and was told, one row each, on the disk before it goes on.

A folder of SQLite files, each with a write-ahead log that is flushed at every row. Rows are only added, and each
carries a hash over itself and the row before, across files: `airhandler journal verify` finds what was changed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airhandler.buildings.errors import AirhandlerError, UserError

from .journal_rows import BEGIN, COLUMNS, FORMAT, SCHEMA, Kind, canonical, chained, file_name, files
from .small_files import flush_folder

_BUSY_S = 0.5  # how long a lock of another process is waited for


class JournalError(AirhandlerError):
    """A row could not be kept: nothing may be done that it was to tell of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """When a journal goes on in a new file, and how long old ones are kept.

    Attributes:
        file_mb: size from which a new file is begun [MB].
        file_days: age of its first row from which a new file is begun [days].
        keep_days: files whose last row is older are removed, but never the newest; None keeps all [days].
    """

    file_mb: float = 64.0
    file_days: float = 31.0
    keep_days: float | None = None

    def __post_init__(self) -> None:
        for name in ("file_mb", "file_days", "keep_days"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1e6:
                raise UserError(f"journal: {name} {value}: must be above 0")


class Journal:
    """A journal that is added to. One process at a time has it: whoever holds the lock of the state folder.

    Args:
        folder: where its files are; made where it is not there.
        keeping: when a new file is begun, and how long old ones are kept.
        now: the machine's time.

    Raises JournalError where it cannot be opened.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keeping: Keeping | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder, self._keeping, self._now = folder, keeping or Keeping(), now
        self._lock = threading.Lock()
        self._open: sqlite3.Connection | None = None
        with self._failing("opened"):
            self._connection()

    def append(self, kind: Kind, payload: Mapping[str, Any], *, site_time: datetime | None = None) -> int:
        """Adds a row. When this returns, the row is on the disk.

        Args:
            kind: what it tells.
            payload: what it says; must be what JSON can hold.
            site_time: the site's own time, timezone-aware.

        Returns its number. Raises JournalError, after half a second at most where the file is locked: the next call
        tries anew.
        """
        with self._lock, self._failing("added to"):
            text = canonical(payload).encode()
            now = self._now()
            self._rotate(now)
            return self._add(now, site_time, kind, text)

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row; of none, 0 and the hash that the first one follows.

        Noted elsewhere, it shows later that no row up to it was taken away. Raises JournalError.
        """
        with self._lock, self._failing("read"):
            seq, digest = self._head(self._connection())
        return seq, digest.hex()

    def close(self) -> None:
        """Lets go of the file; another `append` opens it again."""
        with self._lock:
            self._drop()

    def _add(self, now: datetime, site_time: datetime | None, kind: Kind, payload: bytes) -> int:
        utc, site = now.astimezone(UTC).isoformat(), None if site_time is None else site_time.isoformat()
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        last, previous = self._head(connection)
        seq = last + 1
        digest = chained(previous, seq, utc.encode(), None if site is None else site.encode(), kind.encode(), payload)
        row = (seq, utc, site, kind, payload.decode(), previous, digest)
        connection.execute(f"INSERT INTO rows ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("COMMIT")
        return seq

    def _head(self, connection: sqlite3.Connection) -> tuple[int, bytes]:
        """Number and hash of the last row, which may be in the file before."""
        head = last_row(connection)
        if head is None and len(before := files(self.folder)) > 1:
            with contextlib.closing(connected(before[-2])) as older:
                head = last_row(older)
        return head or (0, BEGIN)

    def _rotate(self, now: datetime) -> None:
        """Goes on in a new file where the newest is large or old enough, and lets go of old ones."""
        connection = self._connection()
        first = connection.execute("SELECT utc FROM rows ORDER BY seq LIMIT 1").fetchone()
        if first is None:
            return
        ((pages,),) = connection.execute("PRAGMA page_count")
        ((page_bytes,),) = connection.execute("PRAGMA page_size")
        age = now - datetime.fromisoformat(first[0])
        if pages * page_bytes < self._keeping.file_mb * 1e6 and age < timedelta(days=self._keeping.file_days):
            return
        self._drop()
        self._open = created(self.folder / file_name(_number(files(self.folder)[-1]) + 1))
        self._let_go(now)

    def _let_go(self, now: datetime) -> None:
        """Removes files that are too old, once a row says so: a chain that begins later than it did must say why."""
        if self._keeping.keep_days is None:
            return
        until, gone, head = now - timedelta(days=self._keeping.keep_days), [], None
        for path in files(self.folder)[:-1]:
            with contextlib.closing(connected(path)) as old:
                last = old.execute("SELECT seq, hash, utc FROM rows ORDER BY seq DESC LIMIT 1").fetchone()
            if last is not None and datetime.fromisoformat(last[2]) >= until:
                break
            gone.append(path)
            head = last or head
        if not gone or head is None:
            return
        note = {"event": RETENTION, "files": [path.name for path in gone], "through": head[0], "hash": head[1].hex()}
        self._add(now, None, "event", canonical(note).encode())
        for path in gone:
            for left in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                left.unlink(missing_ok=True)

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            there = files(self.folder)
            self._open = created(there[-1] if there else self.folder / file_name(1))
        return self._open

    def _drop(self) -> None:
        """Closes the file. What the last, failed transaction left is rolled back by it."""
        if self._open is not None:
            with contextlib.suppress(sqlite3.Error):
                self._open.close()
            self._open = None

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """A failure is a JournalError, and the file is opened anew the next time: nothing is assumed about it."""
        try:
            yield
        except (sqlite3.Error, OSError, TypeError, ValueError, RecursionError) as error:
            self._drop()
            raise JournalError(f"journal {self.folder}: cannot be {what}: {error}") from error


RETENTION = "retention"
"""The event that tells which files were removed."""


def created(path: Path) -> sqlite3.Connection:
    """A file to write to, with its table; made where it is not there. Raises sqlite3.Error or OSError."""
    new = not path.exists()
    connection = connected(path, writing=True)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        ((version,),) = connection.execute("PRAGMA user_version")
        if version not in (0, FORMAT):
            raise sqlite3.DatabaseError(f"{path.name} is of another version of airhandler")
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}COMMIT;")
        if new:
            flush_folder(path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def connected(path: Path, *, writing: bool = False) -> sqlite3.Connection:
    """A connection, to read unless told. Raises sqlite3.Error."""
    mode = "rwc" if writing else "ro"
    if not writing and not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
        mode = "ro&immutable=1"  # SQLite reads a write-ahead log only where it may make a file beside it
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=True)


def last_row(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
    """Number and hash of a file's last row; None where it has none."""
    row = connection.execute("SELECT seq, hash FROM rows ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else (int(row[0]), bytes(row[1]))


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("journal-"))
