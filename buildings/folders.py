"""Temporary folders that do not stay: removed by their owner, or by a later process if the owner was killed.

Each holds a locked file. The lock goes with its owner, however that ends; a folder whose lock is free is stale.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

_PREFIX, _NEW, _LOCK = "airhandler-tmp-", "airhandler-new-", ".lock"
_MAKING_S = 3600.0  # nobody takes so long to lock a folder
_owned: dict[Path, tuple[int, int]] = {}  # folder -> (owner's process id, descriptor of its lock)


def own_folder(kind: str, root: Path | None = None) -> Path:
    """A new temporary folder of this process. The first call of a process removes stale ones.

    Args:
        kind: a part of its name.
        root: where to make it; by default the folder for temporary files.
    """
    where = str(root or tempfile.gettempdir())
    _sweep(where)
    new = Path(tempfile.mkdtemp(prefix=f"{_NEW}{kind}-", dir=where))
    lock = os.open(new / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    folder = new.rename(new.with_name(new.name.replace(_NEW, _PREFIX, 1)))  # to be swept, now that it is locked
    _owned[folder] = (os.getpid(), lock)
    return folder


@contextlib.contextmanager
def temporary(kind: str) -> Iterator[Path]:
    """`own_folder` for a while."""
    folder = own_folder(kind)
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Removes a folder of this process and all in it. A forked copy of its owner removes nothing."""
    owner, lock = _owned.get(folder, (0, -1))
    if owner != os.getpid():
        return
    del _owned[folder]
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def remove_with(holder: object, *files: Path) -> Callable[[], object]:
    """Removes files once nobody holds an object any more. A forked copy of their owner removes nothing.

    Returns what removes them at once.
    """
    return weakref.finalize(holder, _remove_files, files, os.getpid())


def _remove_files(files: Iterable[Path], owner: int) -> None:
    if owner == os.getpid():
        for file in files:
            file.unlink(missing_ok=True)


@functools.cache
def _sweep(where: str) -> None:
    for folder in Path(where).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where its owner lives
            shutil.rmtree(folder, ignore_errors=True)
    for folder in Path(where).glob(f"{_NEW}*"):  # not locked yet: its owner was killed in the moment of making it
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _MAKING_S:
                (folder / _LOCK).unlink(missing_ok=True)
                folder.rmdir()  # raises where anything else is in it
