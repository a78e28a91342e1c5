"""The process that makes and holds snapshots: `python -m airhandler.buildings.nursery`, told what by its stdin.

Its stdout carries one line for each snapshot, or one of what went wrong; what a commander prints goes to stderr.

It runs a building through its period once. At each moment that is wanted it forks: the child is the snapshot. It
sleeps on a socket; whoever connects is given a fork of it, a worker that goes on from that moment. A chain of
processes, each killed when the one before it ends: nothing outlives the process that asked for the snapshots.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from .catalog import find_building
from .errors import AirhandlerError, SimulationError, UserError, in_words
from .instrumentation import InstrumentedRun
from .known import Array
from .model import Period
from .points import Reading, Setpoints
from .processes import die_with_parent
from .randomise import varied
from .weather import find_weather

HEADER = struct.Struct("=iq")  # status, steps done
VALUES, ENDED, FAILED = 0, 1, 2
MESSAGE_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a nursery is to make.

    Attributes:
        building: id of the building.
        weather: name or path.
        period: what is run once.
        steps: moments to keep, as steps from the begin, ascending.
        commander: set-points from readings while it runs (picklable); None: the building's own control.
        parameters: of the model, in place of the building file's.
        folder: where the snapshots' sockets are made.
    """

    building: str
    weather: str
    period: Period
    steps: tuple[int, ...]
    commander: Callable[[Reading], Setpoints | None] | None
    parameters: Mapping[str, float]
    folder: Path


def socket_path(folder: Path, step: int) -> str:
    """Where the snapshot of a step listens."""
    return str(folder / f"{step}.sock")


def main(parent: int, *, die_with_thread: bool) -> None:
    """Makes the snapshots, tells each on stdout, and stays until its stdin ends.

    Args:
        parent: process id of the parent.
        die_with_thread: the parent's main thread started this process: its end may be the end.
    """
    told = _own_stdout()
    if die_with_thread:
        die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _make(_order(), told)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        kind = "mistake" if isinstance(error, UserError) else "error"
        told.write(f"{kind} {' '.join(in_words(error).split())}\n")
        told.close()
        sys.exit(1)
    sys.stdin.buffer.read()


def _own_stdout() -> TextIO:
    """The line to the parent; whatever else writes to stdout writes to stderr from now on."""
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return told


def _order() -> Order:
    try:
        order: Order = pickle.load(sys.stdin.buffer)  # from the process that started this one
    except Exception as error:
        raise UserError(
            f"{in_words(error)}: a commander must stand in a module that can be imported, not in a script"
        ) from error
    return order


def _make(order: Order, told: TextIO) -> None:
    building = varied(find_building(order.building), order.parameters)
    run = InstrumentedRun(building, find_weather(order.weather), order.period)
    try:
        values: Array | None = run.start()
        for step in order.steps:
            while values is not None and run.steps < step:
                if select.select([sys.stdin], [], [], 0)[0]:  # nothing more is ever sent: the parent is gone
                    sys.exit(1)
                values = run.step(_commands(order, run, values))
            if values is None:
                raise SimulationError(f"the period ended before step {step}")
            told.write(f"snapshot {step} {_snapshot(run, values, order.folder, told)}\n")
    finally:
        run.close()


def _commands(order: Order, run: InstrumentedRun, values: Array) -> Array:
    if order.commander is None:
        return run.array(None)
    try:
        return run.array(order.commander(run.reading(values)))
    except Exception as error:
        raise SimulationError(f"the commander failed at step {run.steps}: {in_words(error)}") from error


def _snapshot(run: InstrumentedRun, values: Array, folder: Path, told: TextIO) -> int:
    """Forks the snapshot of now; returns its process id."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(socket_path(folder, run.steps))
    listener.listen(64)
    if (pid := run.fork()) == 0:
        _silence(told)
        _hold(run, values, listener)
    listener.close()
    return pid


def _silence(told: TextIO) -> None:
    """A snapshot neither reads the nursery's orders nor holds its output open."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, told.fileno()):
        os.dup2(null, fd)


def _hold(run: InstrumentedRun, values: Array, listener: socket.socket) -> None:
    """The snapshot's whole life: a worker for everyone who connects."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers are reaped by the system
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                try:
                    forked = run.fork()
                except (OSError, AirhandlerError) as error:  # no memory or no process left: this one goes without
                    connection.send(_failed(run, f"the snapshot of step {run.steps} could not fork: {in_words(error)}"))
                    continue
                if forked == 0:
                    listener.close()
                    _work(run, values, connection)
    finally:
        os._exit(1)


def _work(run: InstrumentedRun, values: Array | None, connection: socket.socket) -> None:
    """The worker's whole life: a step for every message, until the other side closes."""
    try:
        while True:
            if values is None:
                connection.send(HEADER.pack(ENDED, run.steps))
            else:
                connection.send(HEADER.pack(VALUES, run.steps) + values.tobytes())
            message = connection.recv(MESSAGE_BYTES)
            if not message:
                os._exit(0)
            try:
                values = run.step(np.frombuffer(message))
            except AirhandlerError as error:
                connection.send(_failed(run, str(error)))
                os._exit(1)
    finally:
        os._exit(1)


def _failed(run: InstrumentedRun, words: str) -> bytes:
    return HEADER.pack(FAILED, run.steps) + words.encode()[: MESSAGE_BYTES // 2]


def weekly(period: Period, steps_per_hour: int) -> Sequence[int]:
    """The steps at which each week of a period begins."""
    return range(0, period.days * 24 * steps_per_hour, 7 * 24 * steps_per_hour)


if __name__ == "__main__":
    _parent, _die_with_thread = map(int, sys.argv[1:])
    main(_parent, die_with_thread=bool(_die_with_thread))
