"""Logs: one line a record, for people or as JSON."""

from __future__ import annotations

import json
import logging
import math
import sys
from datetime import UTC, datetime
from enum import StrEnum

# What every record has; whatever else it holds was given as `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC, ISO 8601), level, logger, message, and every extra."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        # A name of ours wins: an extra can add to a line, and not forge it.
        entry |= {name: value for name, value in _extras(record).items() if name not in entry}
        return json.dumps(_plain(entry), ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """Time (UTC), level, logger, message, then `name=value` for every extra."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        extras = "".join(f" {name}={value}" for name, value in _extras(record).items())
        line = f"{_time(record)} {record.levelname.lower():7} {record.name}: {record.getMessage()}{extras}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Stderr(logging.Handler):
    """Writes to whatever `sys.stderr` is at that moment: a progress bar puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - a line that cannot be written never ends what it tells of
            self.handleError(record)


def set_up_logs(log_format: LogFormat, *, level: int = logging.INFO) -> None:
    """Sends our log lines, and warnings of others, to stderr; a second call replaces the first."""
    handler = _Stderr()
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else TextFormatter())
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _Stderr)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("airhandler").setLevel(level)
    # A line for every tick is for machines; people get those that went wrong, and what is new of the others.
    is_json = log_format is LogFormat.JSON
    logging.getLogger("airhandler.tick").setLevel(level if is_json else logging.WARNING)
    logging.getLogger("airhandler.news").setLevel(logging.WARNING if is_json else level)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OWN}


def _plain(value: object) -> object:
    """As JSON has it: a number that is not finite becomes None, for JSON has no word for it."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
