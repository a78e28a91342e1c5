"""`airhandler` as a process of its own: what it says on stderr, line by line, and how it ends."""

from __future__ import annotations

import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

PATIENCE_S = 120.0  # never a measure: only how long a test waits before it gives up


class Airhandler:
    """One running command.

    Args:
        words: what stands behind `airhandler` on the command line.
        folder: where it runs.
        prefix: what runs it, where it is not to run just here.
    """

    def __init__(self, *words: str, folder: Path, prefix: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "airhandler", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self.printed = ""
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._listen, self._keep)]
        for reader in self._readers:
            reader.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line from here on in which the pattern is found."""
        while (line := self._lines.get(timeout=PATIENCE_S)) is not None:
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern!r} was never said:\n{self.text}")

    def end(self, number: signal.Signals) -> int:
        """Sends a signal. Returns the exit code."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Waits for the end. Returns the exit code."""
        code = self._process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return code

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def text(self) -> str:
        """All that was said on stderr."""
        return "".join(self.said)

    def kill(self) -> None:
        """Ends it if it still runs."""
        self._process.kill()
        self.wait()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self.said.append(line)
                self._lines.put(line)
        self._lines.put(None)

    def _keep(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as text:
            self.printed = text.read()
