"""A worker process as its parent sees it: started, asked, answered, and gone without a trace."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import Connection, Pipe
from typing import Any

from .errors import SimulationError
from .processes import child_environment
from .vector_hosting import Failed, Hosting
from .vector_scratch import Scratch

_MODULE = "airhandler.buildings.vector_worker"
_GRACE_S = 5.0  # to finish a step, end EnergyPlus and go; after that a worker is killed


class Worker:
    """One worker process and the rows of its environments. Ask once, take the answer, ask again.

    Attributes:
        number: which of the workers it is.
        rows: the environments that it hosts.
        due: an answer has been asked for and not been taken.
    """

    def __init__(self, number: int, rows: range, makers: bytes, hosting: Hosting) -> None:
        self.number, self.rows = number, rows
        self._makers, self._hosting = makers, hosting
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._ended = "was not started"
        self.due = False

    def start(self, scratch: Scratch, memory: int) -> None:
        """Starts it, in place of one that has ended, and asks for its environments; the answer is their spaces.

        Args:
            scratch: where it gets a folder for its temporary files.
            memory: descriptor of the shared memory.
        """
        line, theirs = Pipe()
        in_main_thread = threading.current_thread() is threading.main_thread()
        words = [theirs.fileno(), memory, os.getpid(), int(in_main_thread)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-X", "faulthandler", "-m", _MODULE, *map(str, words)],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), memory],
                env=child_environment(scratch.room(f"worker-{self.number}")),
                process_group=0,  # a terminal's Ctrl-C goes to the parent alone
            )
        self._line, self._ended = line, ""
        self._line.send((self.rows.start, self._hosting))
        self.ask("make", self._makers)

    @property
    def pid(self) -> int:
        """Its process id; that of the last one when it has ended."""
        return self._process.pid if self._process is not None else -1

    def lives(self) -> bool:
        """Whether the process is there; looks."""
        if self._process is not None and not self._ended and self._process.poll() is not None:
            self.stop()
        return not self._ended

    def ask(self, request: str, *arguments: Any) -> None:
        """Sends a request. If nobody is there to take it, `answer` says so."""
        self.due = True
        if self._line is not None:
            with contextlib.suppress(ConnectionError):
                self._line.send((request, *arguments))

    def answer(self) -> Any:
        """The answer to the last request. Raises SimulationError if the process ended, or the error it answered."""
        if self._line is not None:
            try:
                answer = self._line.recv()
            except (EOFError, ConnectionError):
                self.stop()
        self.due = False
        if self._line is None:
            raise SimulationError(self.obituary())
        if isinstance(answer, Failed):
            raise self._error(answer)
        return answer

    def hang_up(self) -> None:
        """Closes the line: the process ends what it is doing, and then itself."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def stop(self, *, grace_s: float = _GRACE_S, words: str = "") -> None:
        """Ends the process, if it has not ended: hangs up, and kills it when it takes longer than `grace_s`."""
        self.hang_up()
        self.due = False
        if self._process is None or self._ended:
            return
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._ended = words or _how(self._process.returncode)

    def obituary(self) -> str:
        """Which worker ended, and how."""
        return f"{self} {self._ended}"

    def __str__(self) -> str:
        first, last = self.rows[0], self.rows[-1]
        hosted = f"environment {first}" if first == last else f"environments {first} to {last}"
        return f"worker {self.number} ({hosted}; process {self.pid})"

    def _error(self, failed: Failed) -> Exception:
        where = f"worker {self.number}" + ("" if failed.at is None else f", environment {failed.at}")
        error = failed.kind(f"{where}: {failed.words}")
        error.add_note(f"in {self}:\n{failed.trace}")
        return error


def _how(returncode: int) -> str:
    if returncode == -signal.SIGKILL:
        return "was killed (signal 9), perhaps because memory ran out"
    if returncode < 0:
        return f"was ended by signal {-returncode} ({signal.strsignal(-returncode)})"
    return f"ended by itself with exit code {returncode}"
