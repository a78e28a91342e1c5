"""What a journal's file holds: its table, its rows, and the hash that chains them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

Kind = Literal["start", "tick", "verdict", "write", "write-outcome", "event", "order", "stop"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

BEGIN = bytes(hashlib.sha256().digest_size)
"""What stands for the hash before the first row of all."""

FORMAT = 1
"""Kept in the file as SQLite's `user_version`."""

COLUMNS = "seq, utc, site_time, kind, payload, previous, hash"

# A row is added behind the last one, or not at all: REPLACE, which fires no trigger of DELETE, does not pass either.
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS rows (
  seq INTEGER PRIMARY KEY,
  utc TEXT NOT NULL,
  site_time TEXT,
  kind TEXT NOT NULL CHECK (kind IN ({", ".join(f"'{kind}'" for kind in KINDS)})),
  payload TEXT NOT NULL,
  previous BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS rows_stay BEFORE UPDATE ON rows
BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
CREATE TRIGGER IF NOT EXISTS rows_are_kept BEFORE DELETE ON rows
BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
CREATE TRIGGER IF NOT EXISTS rows_follow BEFORE INSERT ON rows
WHEN EXISTS (SELECT 1 FROM rows)
  AND NOT EXISTS (
    SELECT 1 FROM rows WHERE seq = (SELECT max(seq) FROM rows) AND seq = NEW.seq - 1 AND hash = NEW.previous
  )
BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
PRAGMA user_version = {FORMAT};
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row.

    Attributes:
        seq: 1, 2, 3, ... over all files of a journal.
        utc: the machine's time when it was added.
        site_time: the site's own time that it is about; None where it is about none.
        kind: what it tells.
        payload: what it says.
        hash: over all of it and the hash of the row before.
    """

    seq: int
    utc: datetime
    site_time: datetime | None
    kind: Kind
    payload: Mapping[str, Any]
    hash: bytes

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        site_time = None if self.site_time is None else self.site_time.isoformat()
        head = {"seq": self.seq, "utc": self.utc.isoformat(), "site_time": site_time, "kind": self.kind}
        return {**head, "payload": dict(self.payload), "hash": self.hash.hex()}


def canonical(payload: Mapping[str, Any]) -> str:
    """JSON in its one form: names in order, no blanks, ASCII. Raises TypeError or ValueError for what JSON lacks."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), allow_nan=False)


def chained(previous: bytes, seq: int, utc: bytes, site_time: bytes | None, kind: bytes, payload: bytes) -> bytes:
    """The hash of a row: SHA-256 over the hash before it and its columns, each with its length in front.

    Lengths keep one column's end from being read as the next one's begin.
    """
    columns = (previous, b"%d" % seq, utc, b"" if site_time is None else site_time, kind, payload)
    return hashlib.sha256(b"".join(b"%d:%b" % (len(column), column) for column in columns)).digest()


def file_name(number: int) -> str:
    """The name of a journal's file, 1, 2, 3, ..."""
    return f"journal-{number:06}.sqlite"


def files(folder: Path) -> list[Path]:
    """A journal's files, the oldest first."""
    return sorted(folder.glob("journal-[0-9][0-9][0-9][0-9][0-9][0-9].sqlite"))
