"""Worker processes as their parent sees them: started, asked, answered, and gone without a trace."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import gymnasium as gym

from .errors import AirhandlerError, SimulationError, UserError
from .vector_hosting import Failed, Hosting, Maker
from .vector_memory import Layout
from .vector_scratch import Scratch

_log = logging.getLogger(__name__)

_MODULE = "airhandler.buildings.vector_worker"
_GRACE_S = 5.0  # to finish a step, end EnergyPlus and go; after that a worker is killed


class Worker:
    """One worker process and the rows of its environments. Ask once, take the answer, ask again.

    Attributes:
        number: which of the workers it is.
        rows: the environments that it hosts.
        due: an answer has been asked for and not been taken.
    """

    def __init__(self, number: int, rows: range, makers: bytes, hosting: Hosting, memory: int) -> None:
        self.number, self.rows = number, rows
        self._makers, self._hosting, self._memory = makers, hosting, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._ended = "was not started"
        self.due = False

    def start(self, scratch: Scratch) -> None:
        """Starts it, in place of one that has ended, and asks for its environments; the answer is their spaces."""
        line, theirs = Pipe()
        in_main_thread = threading.current_thread() is threading.main_thread()
        words = [theirs.fileno(), self._memory, os.getpid(), int(in_main_thread)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-X", "faulthandler", "-m", _MODULE, *map(str, words)],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), self._memory],
                env=_environment(scratch.room(f"worker-{self.number}")),
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


class Workers:
    """All workers of one parent. A request to all is answered by all before the first failure is raised.

    Args:
        makers: what makes each environment; neighbours share a worker.
        processes: how many workers.
        hosting: what every worker is told.
        memory: descriptor of the shared memory.
        scratch: where each worker gets a folder for its temporary files.
    """

    def __init__(
        self, makers: Sequence[Maker], processes: int, hosting: Hosting, memory: int, scratch: Scratch
    ) -> None:
        self._scratch = scratch
        bounds = [len(makers) * i // processes for i in range(processes + 1)]
        self.all = [
            Worker(i, range(first, end), _pickled(makers[first:end]), hosting, memory)
            for i, (first, end) in enumerate(itertools.pairwise(bounds))
        ]

    def start(self) -> list[tuple[gym.Space[Any], gym.Space[Any]]]:
        """Starts all; returns the spaces of observation and action of each environment, in order."""
        with self._whole():
            for worker in self.all:
                worker.start(self._scratch)
        return list(itertools.chain.from_iterable(self.answers()))

    def dead(self) -> list[Worker]:
        """Those that have ended."""
        return [worker for worker in self.all if not worker.lives()]

    def replace(self, dead: Sequence[Worker], layout: Layout) -> None:
        """Starts anew those that have ended."""
        try:
            with self._whole():
                for worker in dead:
                    _log.warning("%s; it is started anew", worker.obituary())
                    worker.start(self._scratch)
            self.answers(dead)
            self.ask([("share", layout)] * len(dead), dead)
            self.answers(dead)
        except BaseException:
            for worker in dead:
                worker.stop(grace_s=0)
            raise

    def ask(self, requests: Sequence[tuple[Any, ...]], workers: Sequence[Worker] | None = None) -> None:
        """Sends each worker, or each of some, its request."""
        with self._whole():
            for worker, request in zip(self.all if workers is None else workers, requests, strict=True):
                worker.ask(*request)

    def answers(self, workers: Sequence[Worker] | None = None) -> list[Any]:
        """The answers to `ask`. Raises the first failure once all have answered, with the words of the others."""
        answers, failures = [], list[Exception]()
        with self._whole():
            for worker in self.all if workers is None else workers:
                try:
                    answers.append(worker.answer())
                except (AirhandlerError, RuntimeError) as failure:
                    failures.append(failure)
        if failures:
            for other in failures[1:]:
                failures[0].add_note(f"and {other}")
            raise failures[0]
        return answers

    @property
    def waiting(self) -> bool:
        """Whether an answer is due."""
        return any(worker.due for worker in self.all)

    def drop_answers(self) -> None:
        """Waits for the answers that are due, and forgets them."""
        with contextlib.suppress(AirhandlerError, RuntimeError):
            self.answers([worker for worker in self.all if worker.due])

    def stop(self) -> None:
        """Ends all."""
        for worker in self.all:
            worker.hang_up()
        try:
            for worker in self.all:
                worker.stop()
        finally:  # a second Ctrl-C
            for worker in self.all:
                worker.stop(grace_s=0)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """An interruption (Ctrl-C) leaves no answer behind that a later request would take for its own."""
        try:
            yield
        except BaseException:
            for worker in self.all:
                if worker.due:
                    worker.stop(grace_s=0, words="was stopped in the middle of its work by an interruption")
            raise


def _pickled(makers: Sequence[Maker]) -> bytes:
    try:
        return pickle.dumps(list(makers))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"{error}: what makes an environment must be a function at the top of a module, or a partial of one"
        ) from error


def _environment(folder: Path) -> dict[str, str]:
    """A worker's environment variables: temporary files in its own folder, our import path, one thread."""
    return {
        **os.environ,
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _how(returncode: int) -> str:
    if returncode == -signal.SIGKILL:
        return "was killed (signal 9), perhaps because memory ran out"
    if returncode < 0:
        return f"was ended by signal {-returncode} ({signal.strsignal(-returncode)})"
    return f"ended by itself with exit code {returncode}"
