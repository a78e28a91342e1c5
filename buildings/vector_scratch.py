"""A folder for the temporary files of worker processes: its owner removes it, or the next one that comes by."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from .errors import UserError
from .folders import own_folder, remove


class Scratch:
    """A folder that is removed by `close`, whatever the workers left in it.

    Args:
        root: where to make it; by default the folder for temporary files. Raises UserError if it cannot be made.
    """

    def __init__(self, root: Path | None = None) -> None:
        root = root or Path(tempfile.gettempdir())
        try:
            self.path = own_folder("workers", root)
        except OSError as error:
            raise UserError(f"workers need a folder for temporary files in {root}: {error.strerror}") from error

    def room(self, name: str) -> Path:
        """An empty folder in it; what an earlier one of that name held is removed."""
        folder = self.path / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Removes the folder."""
        remove(self.path)
