"""A worker process: `python -m airhandler.buildings.vector_worker`, started by `vector_process` alone.

It is a new interpreter, never a fork, and runs nothing of its parent's program: whatever its parent holds, it holds
neither torch nor pandas. It ends with its parent: the kernel kills it (PR_SET_PDEATHSIG), and where that cannot be
asked for it ends when the line to its parent is closed.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from multiprocessing.connection import Connection

from .processes import die_with_parent
from .vector_hosting import Hosted, answer


def main(line: int, memory: int, parent: int, *, die_with_thread: bool) -> None:
    """Answers requests until the parent closes the line, or is gone.

    Args:
        line: descriptor of the line to the parent.
        memory: descriptor of the shared memory.
        parent: process id of the parent.
        die_with_thread: ask the kernel for the kill: it comes when the parent's *thread* that started this process
            ends, and so only its main thread may ask for it.
    """
    if die_with_thread:
        die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tempfile.gettempdir()  # settled while there is room: with a full disk it would be another one, without a word
    with Connection(line) as connection:
        _serve(connection, memory)


def _serve(line: Connection, memory: int) -> None:
    hosted: Hosted | None = None
    try:
        first, hosting = line.recv()
        hosted = Hosted(memory, first, hosting)
        while True:
            request, *arguments = line.recv()
            line.send_bytes(answer(hosted, request, arguments))
    except (EOFError, ConnectionError):
        pass
    finally:
        if hosted is not None:
            hosted.close()


if __name__ == "__main__":
    _line, _memory, _parent, _die_with_thread = map(int, sys.argv[1:])
    main(_line, _memory, _parent, die_with_thread=bool(_die_with_thread))
