"""Reading a journal: its rows, and whether their chain holds."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from airhandler.buildings.errors import UserError

from .journal import RETENTION, connected
from .journal_rows import BEGIN, COLUMNS, Kind, Row, chained, files


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What came of looking at every row.

    Attributes:
        rows: how many hold.
        first: number of the first row; 0 where there is none.
        last: number of the last row that holds.
        head: its hash. Noted elsewhere, it shows later that no row up to here was taken away.
        removed: up to which row files were removed because they were old enough; 0: none.
        broken: what is wrong, and where; None where nothing is.
    """

    rows: int
    first: int
    last: int
    head: str
    removed: int
    broken: str | None

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return {name: getattr(self, name) for name in self.__slots__}


def rows(folder: Path, kind: str | None = None, *, after: int = 0) -> Iterator[Row]:
    """Rows behind that number, the oldest first, of all kinds or of one. Raises UserError for what cannot be read."""
    for path in found(folder):
        with _told(path), contextlib.closing(connected(path)) as connection:
            where, values = ("AND kind = ?", (after, kind)) if kind else ("", (after,))
            for row in connection.execute(f"SELECT {COLUMNS} FROM rows WHERE seq > ? {where} ORDER BY seq", values):
                yield _row(row)


def last_rows(folder: Path, number: int) -> list[Row]:
    """The last rows, the oldest first. Raises UserError for what cannot be read."""
    taken: list[Row] = []
    for path in reversed(found(folder)):
        with _told(path), contextlib.closing(connected(path)) as connection:
            newest = connection.execute(f"SELECT {COLUMNS} FROM rows ORDER BY seq DESC LIMIT ?", (number - len(taken),))
            taken += [_row(row) for row in newest]
    return taken[::-1]


def newest_rows(folder: Path, *kinds: Kind) -> Generator[Row]:
    """Rows of some kinds, the newest first, read one by one. Raises UserError for what cannot be read."""
    wanted = ", ".join("?" * len(kinds))
    for path in reversed(found(folder)):
        with _told(path), contextlib.closing(connected(path)) as connection:
            query = f"SELECT {COLUMNS} FROM rows WHERE kind IN ({wanted}) ORDER BY seq DESC"
            for row in connection.execute(query, kinds):
                yield _row(row)


def verify(folder: Path, *, holds: tuple[int, bytes] | None = None) -> Verified:
    """Looks at every row of every file: each must have the hash of what it says, and follow the one before.

    No chain can show by itself that its last rows were taken away, or that all of it was written anew.

    Args:
        folder: the journal's.
        holds: number and hash of a row that were noted elsewhere: it must be there.

    Raises UserError where there is no journal.
    """
    chain = _Chain(holds)
    for path in found(folder):
        try:
            with contextlib.closing(connected(path)) as connection:
                connection.text_factory = bytes
                for row in connection.execute(f"SELECT {COLUMNS} FROM rows ORDER BY seq"):
                    chain.add(path, row)
        except (sqlite3.Error, OSError) as error:
            chain.broken = chain.broken or f"{path.name}, after row {chain.last}: cannot be read: {error}"
        if chain.broken is not None:
            break
    return chain.result()


class _Chain:
    """The chain up to a row."""

    def __init__(self, holds: tuple[int, bytes] | None) -> None:
        self._holds, self._held = holds, holds is None
        self.rows = self.first = self.last = 0
        self.broken: str | None = None
        self._head, self._before = BEGIN, BEGIN
        self._removed: set[tuple[int, bytes]] = {(0, BEGIN)}

    def add(self, path: Path, row: tuple[Any, ...]) -> None:
        """Takes the next row, unless one before it was broken."""
        if self.broken is None:
            wrong = self._wrong(row)
            if wrong is None:
                self._take(row)
            else:
                self.broken = f"{path.name}, row {row[0]}: {wrong}"

    def result(self) -> Verified:
        """What came of it. A chain that begins late must hold the row that says why."""
        broken = self.broken
        if broken is None and not self.rows:
            broken = "no row: a journal begins with one, so all of them were taken away"
        if broken is None and (self.first - 1, self._before) not in self._removed:
            broken = f"row {self.first}: the rows before it are missing, and no row says that they were removed"
        if broken is None and self._holds is not None and not self._held:
            broken = f"row {self._holds[0]} does not have the hash that was noted, or is not there"
        return Verified(
            rows=self.rows,
            first=self.first,
            last=self.last,
            head=self._head.hex(),
            removed=self.first - 1 if self.rows else 0,
            broken=broken,
        )

    def _wrong(self, row: tuple[Any, ...]) -> str | None:
        """What is wrong with the next row."""
        seq, utc, site_time, kind, payload, previous, digest = row
        if self.rows and seq != self.last + 1:
            return f"follows row {self.last}: what stood between them is missing"
        if self.rows and previous != self._head:
            return "does not follow the row before it"
        if digest != chained(previous, seq, utc, site_time, kind, payload):
            return "was changed: it does not have the hash of what it says"
        return None

    def _take(self, row: tuple[Any, ...]) -> None:
        seq, _, _, kind, payload, previous, digest = row
        if not self.rows:
            self.first, self._before = seq, previous
        self.rows, self.last, self._head = self.rows + 1, seq, digest
        self._held = self._held or self._holds == (seq, digest)
        if kind == b"event":
            note = json.loads(payload)
            if note.get("event") == RETENTION:
                self._removed.add((note["through"], bytes.fromhex(note["hash"])))


def found(folder: Path) -> list[Path]:
    """A journal's files. Raises UserError where there is none."""
    there = files(folder)
    if not there:
        raise UserError(f"{folder}: no journal (no file journal-000001.sqlite); name the folder of one")
    return there


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read as a journal: {error}; `airhandler journal verify` says more"
        ) from error


def _row(row: tuple[Any, ...]) -> Row:
    seq, utc, site_time, kind, payload, _, digest = row
    said: Mapping[str, Any] = json.loads(payload)
    return Row(
        seq=seq,
        utc=datetime.fromisoformat(utc),
        site_time=None if site_time is None else datetime.fromisoformat(site_time),
        kind=kind,
        payload=said,
        hash=digest,
    )
