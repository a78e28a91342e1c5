"""A folder for the temporary files of worker processes: its owner removes it, or the next one that comes by."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from .errors import UserError

_PREFIX = "airhandler-workers-"


class Scratch:
    """A folder that is removed by `close`, whatever the workers left in it.

    Its owner holds a lock on it, which the kernel lets go when the owner dies: a folder that nobody has locked is a
    dead owner's, and each new Scratch removes those that it finds beside its own.

    Args:
        root: where to make it; by default the folder for temporary files. Raises UserError if it cannot be made.
    """

    def __init__(self, root: Path | None = None) -> None:
        root = root or Path(tempfile.gettempdir())
        _sweep(root)
        try:
            new = Path(tempfile.mkdtemp(prefix="airhandler-new-", dir=root))
        except OSError as error:
            raise UserError(f"workers need a folder for temporary files in {root}: {error.strerror}") from error
        self._lock = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Named as one to be swept only now that it is locked.
        self.path = new.rename(new.with_name(new.name.replace("airhandler-new-", _PREFIX)))

    def room(self, name: str) -> Path:
        """An empty folder in it; what an earlier one of that name held is removed."""
        folder = self.path / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Removes the folder."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def _sweep(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY)
        except OSError:  # gone meanwhile, or another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:  # its owner lives
            pass
        finally:
            os.close(lock)
