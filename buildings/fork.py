"""Forking a process that holds a running simulation: an exact copy of it, in a few milliseconds.

EnergyPlus cannot save and restore. A fork between two steps is a snapshot: memory is shared until it is written
to. Three things have to be put right in the child: the weather file's descriptor shares its offset with the
parent, the error file is the parent's, and the child must not outlive it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from .errors import SimulationError
from .processes import die_with_parent


def check_can_fork() -> None:
    """Raises SimulationError where a fork would not be an exact and safe copy, and says what to do."""
    if not hasattr(os, "fork") or not Path("/proc/self/fd").exists():
        raise SimulationError("snapshots need Linux (fork and /proc); a plain reset works everywhere")
    if "torch" in sys.modules:
        raise SimulationError("this process holds torch, whose threads do not survive a fork: use a SnapshotBank")
    if threading.active_count() > 1:
        names = ", ".join(sorted(t.name for t in threading.enumerate() if t is not threading.main_thread()))
        raise SimulationError(f"this process has threads ({names}) that do not survive a fork: use a SnapshotBank")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenFiles:
    """Descriptors that a child must not share: files to read on from where they were, and files to silence."""

    offsets: Mapping[int, tuple[str, int]]
    silenced: tuple[int, ...]

    @classmethod
    def of(cls, *, read: Path, written: Path) -> OpenFiles:
        """Finds the open descriptors of a file that is read and of files in a folder that are written.

        Called in the parent, before the fork: the offsets are then known whatever the parent does next.
        """
        offsets, silenced = {}, []
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                target, fd = entry.readlink(), int(entry.name)
                if target == read:
                    offsets[fd] = (str(target), os.lseek(fd, 0, os.SEEK_CUR))
                elif target.is_relative_to(written):
                    silenced.append(fd)
        return cls(offsets=offsets, silenced=tuple(silenced))

    def make_own(self) -> None:
        """In the child: own descriptors at the same offsets, and nowhere to write to."""
        for fd, (path, offset) in self.offsets.items():
            own = os.open(path, os.O_RDONLY)
            os.lseek(own, offset, os.SEEK_SET)
            os.dup2(own, fd)
            os.close(own)
        null = os.open(os.devnull, os.O_WRONLY)
        for fd in self.silenced:
            os.dup2(null, fd)
        os.close(null)


def fork(files: OpenFiles) -> int:
    """As `os.fork`: the child's id in the parent, 0 in the child, whose files are its own.

    The child is killed when its parent ends, however it ends, and leaves Ctrl-C to the parent. It must end with
    `os._exit`: what the parent is to clean up is not the child's.
    """
    check_can_fork()
    gc.freeze()  # keeps the collector from touching, and so copying, every shared page in the child
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        gc.unfreeze()
        raise
    if pid:
        gc.unfreeze()
        return pid
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        files.make_own()
    except BaseException:  # noqa: BLE001 - a child that is not whole must not go on as its parent
        os._exit(1)
    return 0


def fork_map[T](files: Callable[[], OpenFiles], jobs: Sequence[Callable[[], T]], *, processes: int) -> list[T]:
    """The results of jobs, each run in a forked copy of this process, so many at once, in the order of the jobs.

    Args:
        files: the open files of the simulation that the jobs go on with.
        jobs: run in the child; the result comes back by pickle between our own processes.

    Raises SimulationError with the child's words if a job fails, and says how a child ended that was killed.
    Whatever happens, no child is left behind.
    """
    if processes < 1:
        raise SimulationError(f"processes {processes}: must be 1 or more")
    results: dict[int, T] = {}
    running: dict[int, _Child[T]] = {}
    waiting = iter(enumerate(jobs))
    selector = DefaultSelector()
    try:
        _fill(running, waiting, processes, files, selector)
        while running:
            for key, _ in selector.select():
                child: _Child[T] = key.data
                if child.read():
                    selector.unregister(child.pipe)
                    del running[child.number]
                    results[child.number] = child.result()
            _fill(running, waiting, processes, files, selector)
    finally:
        for child in running.values():
            child.kill()
        selector.close()
    return [results[number] for number in range(len(jobs))]


class _Child[T]:
    """A forked child that runs one job and sends its result."""

    def __init__(self, number: int, pid: int, pipe: int) -> None:
        self.number, self.pid, self.pipe = number, pid, pipe
        self._parts: list[bytes] = []

    def read(self) -> bool:
        """Takes what has come. Returns whether that was all."""
        part = os.read(self.pipe, 1 << 20)
        self._parts.append(part)
        return not part

    def result(self) -> T:
        """What the job returned. Raises SimulationError if it failed or was killed."""
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            raise SimulationError(f"branch {self.number} was killed by {signal.Signals(os.WTERMSIG(status)).name}")
        if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != 0 or not any(self._parts):
            raise SimulationError(f"branch {self.number} ended without a result (status {status})")
        succeeded, value = pickle.loads(b"".join(self._parts))  # from our own child, over our own pipe
        if not succeeded:
            raise SimulationError(f"branch {self.number} failed: {value}")
        returned: T = value
        return returned

    def kill(self) -> None:
        """Ends the child and forgets it."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
            os.close(self.pipe)
            os.waitpid(self.pid, 0)


def _fill[T](
    running: dict[int, _Child[T]],
    waiting: Iterator[tuple[int, Callable[[], T]]],
    processes: int,
    files: Callable[[], OpenFiles],
    selector: DefaultSelector,
) -> None:
    while len(running) < processes and (job := next(waiting, None)) is not None:
        child = _start(*job, files())
        running[child.number] = child
        selector.register(child.pipe, EVENT_READ, child)


def _start[T](number: int, job: Callable[[], T], files: OpenFiles) -> _Child[T]:
    read, write = os.pipe()
    try:
        pid = fork(files)
    except BaseException:
        os.close(read)
        os.close(write)
        raise
    if pid == 0:
        os.close(read)
        _send(write, job)
    os.close(write)
    return _Child(number, pid, read)


def _send(pipe: int, job: Callable[[], object]) -> None:
    """The child's whole life."""
    code = 1
    try:
        try:
            message = pickle.dumps((True, job()), pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 - the parent raises it
            message = pickle.dumps((False, f"{type(error).__name__}: {error}"))
        with open(pipe, "wb", closefd=True) as file:
            file.write(message)
        code = 0
    finally:
        os._exit(code)
