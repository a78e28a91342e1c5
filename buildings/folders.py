"""Temporary folders that do not stay: removed with their owner, or by the next process if it was killed."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "airhandler"


def own_folder(kind: str) -> Path:
    """A new temporary folder of this process: `airhandler-KIND-PID-...`; its owner removes it.

    The first call of a process removes folders whose process has ended without doing so.
    """
    _sweep(tempfile.gettempdir())
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-{kind}-{os.getpid()}-"))


def remove(folder: Path) -> None:
    """Removes a folder and all in it; one that is gone is no error."""
    shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _sweep(where: str) -> None:
    for folder in Path(where).glob(f"{_PREFIX}-*-*-*"):
        with contextlib.suppress(ValueError, OSError):
            if not _alive(int(folder.name.split("-")[2])):
                remove(folder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
