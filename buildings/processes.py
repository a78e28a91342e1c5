"""What every process that we start owes the one that started it."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # Source: Linux, include/uapi/linux/prctl.h


def die_with_parent(parent: int | None = None) -> None:
    """In a child: be killed when the parent ends, however it ends, and leave Ctrl-C to it.

    Args:
        parent: id of the parent, where it is known: if it has ended already, so does this process.

    The kernel takes the *thread* that started the child for its parent: only a child of a main thread may ask.
    Only Linux can do the first; elsewhere a child that loses its parent ends at its next exchange with it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def begin_job() -> None:
    """In a worker of a process pool: be killed when the parent ends; Ctrl-C ends it at once, the parent says so."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def spare_what_is_there() -> None:
    """Leaves what a process holds after its start, modules above all, to no later garbage collection.

    A full collection of all that takes tens of milliseconds, in the middle of whatever is to be decided then.
    Source: Python's documentation, gc.freeze.
    """
    gc.collect()
    gc.freeze()


def child_environment(folder: Path) -> dict[str, str]:
    """A child's environment variables: temporary files in a folder of its own, our import path, one thread."""
    return {
        **os.environ,
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
