"""The process that makes and holds snapshots: `python -m airhandler.buildings.nursery`, told what by its stdin.

It runs a building through its period once. At each moment that is wanted it forks: the child is the snapshot. It
sleeps on a socket; whoever connects is given a fork of it, a worker that goes on from that moment. A chain of
processes, each killed when the one before it ends: nothing outlives the process that asked for the snapshots.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .catalog import find_building
from .energyplus import Array
from .errors import AirhandlerError
from .instrumentation import InstrumentedRun
from .model import Period
from .points import Reading, Setpoints
from .processes import die_with_parent
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
        folder: where the snapshots' sockets are made.
    """

    building: str
    weather: str
    period: Period
    steps: tuple[int, ...]
    commander: Callable[[Reading], Setpoints | None] | None
    folder: Path


def socket_path(folder: Path, step: int) -> str:
    """Where the snapshot of a step listens."""
    return str(folder / f"{step}.sock")


def main() -> None:
    """Makes the snapshots, tells each on stdout, and stays until its stdin ends."""
    die_with_parent()
    order: Order = pickle.load(sys.stdin.buffer)  # from the process that started this one
    try:
        _make(order)
    except AirhandlerError as error:
        sys.stdout.write(f"error {' '.join(str(error).split())}\n")
        sys.stdout.flush()
        sys.exit(1)
    sys.stdin.buffer.read()


def _make(order: Order) -> None:
    run = InstrumentedRun(find_building(order.building), find_weather(order.weather), order.period)
    try:
        values: Array | None = run.start()
        for step in order.steps:
            while values is not None and run.steps < step:
                setpoints = order.commander(run.reading(values)) if order.commander else None
                values = run.step(run.array(setpoints))
            if values is None:
                raise AirhandlerError(f"the period ended before step {step}")
            sys.stdout.write(f"snapshot {step} {_snapshot(run, values, order.folder)}\n")
            sys.stdout.flush()
    finally:
        run.close()


def _snapshot(run: InstrumentedRun, values: Array, folder: Path) -> int:
    """Forks the snapshot of now; returns its process id."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(socket_path(folder, run.steps))
    listener.listen(64)
    if (pid := run.fork()) == 0:
        _silence()
        _hold(run, values, listener)
    listener.close()
    return pid


def _silence() -> None:
    """A snapshot neither reads the nursery's orders nor holds its output open."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)


def _hold(run: InstrumentedRun, values: Array, listener: socket.socket) -> None:
    """The snapshot's whole life: a worker for everyone who connects."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers are reaped by the system
        while True:
            connection, _ = listener.accept()
            if run.fork() == 0:
                listener.close()
                _work(run, values, connection)
            connection.close()
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
                connection.send(HEADER.pack(FAILED, run.steps) + str(error).encode()[: MESSAGE_BYTES // 2])
                os._exit(1)
    finally:
        os._exit(1)


def weekly(period: Period, steps_per_hour: int) -> Sequence[int]:
    """The steps at which each week of a period begins."""
    return range(0, period.days * 24 * steps_per_hour, 7 * 24 * steps_per_hour)


if __name__ == "__main__":
    main()
